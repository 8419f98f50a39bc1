/** Single keys that act on the call, unless the person is writing or switched them off. */
import type { Messages } from "../i18n/index.ts";
import { settings } from "./settings.ts";

export type ShortcutAction =
  | "microphone"
  | "camera"
  | "screen"
  | "chat"
  | "people"
  | "layout"
  | "fullScreen"
  | "previousPage"
  | "nextPage"
  | "help";

const KEYS: Readonly<Record<string, ShortcutAction>> = {
  m: "microphone",
  v: "camera",
  s: "screen",
  c: "chat",
  p: "people",
  l: "layout",
  f: "fullScreen",
  "[": "previousPage",
  "]": "nextPage",
  "?": "help",
};

export function actionOf(event: KeyboardEvent): ShortcutAction | null {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return null;
  if (settings.isOn("shortcuts_off") || isWriting(event.target)) return null;
  return KEYS[event.key.toLowerCase()] ?? null;
}

export function shortcutList(w: Messages): { keys: string; text: string }[] {
  return [
    { keys: "M", text: w.shortcutMicrophone },
    { keys: "V", text: w.shortcutCamera },
    { keys: "S", text: w.shortcutScreen },
    { keys: "C", text: w.shortcutChat },
    { keys: "P", text: w.shortcutPeople },
    { keys: "L", text: w.shortcutLayout },
    { keys: "F", text: w.shortcutFullScreen },
    { keys: "[  ]", text: w.shortcutPages },
    { keys: "?", text: w.shortcutHelp },
  ];
}

function isWriting(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  return target.isContentEditable || target.closest("input, textarea, select, dialog") !== null;
}
