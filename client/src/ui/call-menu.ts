/** What stands behind "More options". Pure: what can be done in, items out. */
import type { Messages } from "../i18n/index.ts";
import type { LayoutMode } from "../room/arrangement.ts";
import type { MenuItem } from "./menu.ts";

export interface MenuState {
  mode: LayoutMode;
  isFullScreen: boolean;
  canFullScreen: boolean;
  canPictureInPicture: boolean;
  isModerator: boolean;
  isLocked: boolean;
  videoCapKbps: number | null;
}

/** What each may be sent of pictures, in kbit/s: some large ones, or small ones, or none. */
const MEDIUM_KBPS = 1_500;
const LOW_KBPS = 500;

export interface MenuActions {
  setMode(mode: LayoutMode): void;
  toggleFullScreen(): void;
  pictureInPicture(): void;
  copyLink(): void;
  settings(): void;
  shortcuts(): void;
  toggleLock(): void;
  capVideo(kbps: number | null): void;
  end(): void;
}

export function menuItems(state: MenuState, act: MenuActions, w: Messages): MenuItem[] {
  return [
    { icon: "grid", label: w.layoutGrid, checked: state.mode === "grid", run: () => act.setMode("grid") },
    {
      icon: "speaker",
      label: w.layoutSpeaker,
      checked: state.mode === "speaker",
      run: () => act.setMode("speaker"),
    },
    ...screenItems(state, act, w),
    { icon: "link", label: w.copyLink, starts: true, run: () => act.copyLink() },
    { icon: "settings", label: w.settings, run: () => act.settings() },
    { icon: "keyboard", label: w.shortcuts, run: () => act.shortcuts() },
    ...(state.isModerator ? moderatorItems(state, act, w) : []),
  ];
}

function screenItems(state: MenuState, act: MenuActions, w: Messages): MenuItem[] {
  const items: MenuItem[] = [];
  if (state.canFullScreen) {
    items.push({
      icon: state.isFullScreen ? "shrink" : "expand",
      label: state.isFullScreen ? w.exitFullScreen : w.fullScreen,
      run: () => act.toggleFullScreen(),
    });
  }
  if (state.canPictureInPicture) {
    items.push({ icon: "window", label: w.pictureInPicture, run: () => act.pictureInPicture() });
  }
  const [first] = items;
  if (first) first.starts = true;
  return items;
}

function moderatorItems(state: MenuState, act: MenuActions, w: Messages): MenuItem[] {
  return [
    {
      icon: state.isLocked ? "unlock" : "lock",
      label: state.isLocked ? w.unlockRoom : w.lockRoom,
      starts: true,
      run: () => act.toggleLock(),
    },
    ...capItems(state, act, w),
    { icon: "stop", label: w.endForAll, starts: true, isDanger: true, run: () => act.end() },
  ];
}

function capItems(state: MenuState, act: MenuActions, w: Messages): MenuItem[] {
  const choices = [
    { icon: "camera", label: w.capNone, kbps: null, starts: true },
    { icon: "camera", label: w.capMedium, kbps: MEDIUM_KBPS },
    { icon: "camera", label: w.capLow, kbps: LOW_KBPS },
    { icon: "cameraOff", label: w.capVoices, kbps: 0 },
  ] as const;
  return choices.map(({ kbps, ...item }) => ({
    ...item,
    checked: state.videoCapKbps === kbps,
    run: () => act.capVideo(kbps),
  }));
}
