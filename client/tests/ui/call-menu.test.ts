// @vitest-environment happy-dom
import { describe, expect, it, vi } from "vitest";
import { LANGUAGES } from "../../src/i18n/index.ts";
import { type MenuActions, type MenuState, menuItems } from "../../src/ui/call-menu.ts";

const { en } = LANGUAGES;

const STATE: MenuState = {
  mode: "grid",
  isFullScreen: false,
  canFullScreen: true,
  canPictureInPicture: true,
  isModerator: true,
  isLocked: false,
  videoCapKbps: null,
};

function actions(): MenuActions {
  return {
    setMode: vi.fn(),
    toggleFullScreen: vi.fn(),
    pictureInPicture: vi.fn(),
    copyLink: vi.fn(),
    settings: vi.fn(),
    shortcuts: vi.fn(),
    toggleLock: vi.fn(),
    capVideo: vi.fn(),
    end: vi.fn(),
  };
}

const CAPS = [en.capNone, en.capMedium, en.capLow, en.capVoices];
const caps = (state: Partial<MenuState>, act = actions()) =>
  menuItems({ ...STATE, ...state }, act, en).filter(({ label }) => CAPS.includes(label));

describe("the cap on the video in the menu", () => {
  it("is a moderator's", () => {
    expect(caps({}).map(({ label }) => label)).toEqual(CAPS);
    expect(caps({ isModerator: false })).toEqual([]);
  });

  it("shows what holds now", () => {
    const chosen = (videoCapKbps: number | null) =>
      caps({ videoCapKbps })
        .filter(({ checked }) => checked)
        .map(({ label }) => label);
    expect([null, 1500, 500, 0].map(chosen)).toEqual(CAPS.map((label) => [label]));
    expect(chosen(7)).toEqual([]);
  });

  it("asks for what is chosen", () => {
    const act = actions();
    for (const item of caps({}, act)) item.run();
    expect(vi.mocked(act.capVideo).mock.calls.flat()).toEqual([null, 1500, 500, 0]);
  });
});
