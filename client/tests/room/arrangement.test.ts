import { describe, expect, it } from "vitest";
import {
  arrange,
  keepOrder,
  promote,
  speakerKey,
  subjectsOf,
  tilesWanted,
  type View,
} from "../../src/room/arrangement.ts";
import { reduce } from "../../src/room/state.ts";
import { person, roomOf, track } from "./fixtures.ts";

const VIEW: View = {
  mode: "grid",
  pinned: null,
  page: 0,
  area: { width: 1256, height: 714 },
  slots: 25,
  order: [],
  speaker: null,
};
const PHONE = { width: 344, height: 660 };
const sharer = person("s", track("s", "camera"), track("s", "screen"));

const keys = (state: Parameters<typeof arrange>[0], view: View) =>
  arrange(state, view).tiles.map(({ subject }) => subject.key);
const placeOf = (state: Parameters<typeof arrange>[0], view: View, key: string) =>
  arrange(state, view).tiles.find(({ subject }) => subject.key === key)?.place;

describe("arrange", () => {
  it("shows oneself alone in the grid, and in a corner beside one other", () => {
    expect(placeOf(roomOf(0), VIEW, "me/camera")).toBe("grid");
    expect(placeOf(roomOf(1), VIEW, "me/camera")).toBe("floating");
    const upright = { ...VIEW, area: { width: 344, height: 660 } };
    const [picture, self] = arrange(roomOf(1), upright).tiles.map(({ rect }) => rect);
    expect(self && self.y + self.height).toBeLessThan((picture?.y ?? 0) + (picture?.height ?? 0));
    expect(placeOf(roomOf(1), VIEW, "a/camera")).toBe("grid");
    expect(placeOf(roomOf(2), VIEW, "me/camera")).toBe("grid");
  });

  it("shows everyone once over all pages, at most as many at once as there are slots", () => {
    const state = roomOf(59);
    const first = arrange(state, VIEW);
    const seen = Array.from({ length: first.pages }, (_, page) => keys(state, { ...VIEW, page })).flat();
    expect(first.tiles.length).toBeLessThanOrEqual(25);
    expect(seen).toHaveLength(60);
    expect(new Set(seen).size).toBe(60);
    expect(first.pager).not.toBeNull();
    expect(arrange(roomOf(3), VIEW).pager).toBeNull();
  });

  it("puts a shared screen on the stage, the sharer's face in the strip", () => {
    const state = roomOf(2, sharer);
    expect(placeOf(state, VIEW, "s/screen")).toBe("stage");
    expect(placeOf(state, VIEW, "s/camera")).toBe("strip");
  });

  it("does not show one's own screen to oneself", () => {
    const state = reduce(roomOf(2), {
      type: "track_published",
      seq: 1,
      participant: "me",
      track: track("me", "screen"),
    });
    expect(keys(state, VIEW)).not.toContain("me/screen");
  });

  it("lets a pin win over a screen, and drops the pin with the person", () => {
    const state = roomOf(2, sharer);
    const view = { ...VIEW, pinned: "b/camera" };
    expect(placeOf(state, view, "b/camera")).toBe("stage");
    const left = reduce(state, { type: "participant_left", seq: 1, participant: "b", reason: "left" });
    expect(placeOf(left, view, "s/screen")).toBe("stage");
  });

  it("follows the speaker in speaker layout, and shows someone else than oneself before anyone spoke", () => {
    const view: View = { ...VIEW, mode: "speaker" };
    expect(placeOf(roomOf(3), view, "a/camera")).toBe("stage");
    expect(placeOf(roomOf(3), { ...view, speaker: "c/camera" }, "c/camera")).toBe("stage");
    expect(placeOf(roomOf(0), view, "me/camera")).toBe("grid");
  });

  it("pages the strip on a phone", () => {
    const state = roomOf(9, sharer);
    const first = arrange(state, { ...VIEW, area: PHONE, slots: 9 });
    expect(first.pages).toBeGreaterThan(1);
    const seen = Array.from({ length: first.pages }, (_, page) =>
      keys(state, { ...VIEW, area: PHONE, slots: 9, page }),
    ).flat();
    expect(new Set(seen).size).toBe(12);
  });
});

describe("tilesWanted", () => {
  it("asks for the stage first, in device pixels, and never for oneself", () => {
    const tiles = tilesWanted(arrange(roomOf(2, sharer), { ...VIEW, order: ["a/camera", "s/screen"] }), 2);
    const [first] = tiles;
    expect(first).toMatchObject({ track: "s-screen", stage: true });
    expect(first?.width).toBeGreaterThan(1_500);
    expect(tiles.map(({ track: id }) => id).sort()).toEqual(["a-camera", "b-camera", "s-camera", "s-screen"]);
  });

  it("leaves out who has published no camera", () => {
    const listener = person("l", track("l", "microphone"));
    expect(tilesWanted(arrange(roomOf(1, listener), VIEW), 1).map(({ track: id }) => id)).toEqual([
      "a-camera",
    ]);
  });
});

describe("order", () => {
  it("keeps places, drops who left, appends who came", () => {
    const subjects = subjectsOf(roomOf(3));
    expect(keepOrder(["c/camera", "gone/camera", "a/camera"], subjects)).toEqual([
      "c/camera",
      "a/camera",
      "me/camera",
      "b/camera",
    ]);
    const order = ["c/camera", "a/camera", "me/camera", "b/camera"];
    expect(keepOrder(order, subjects)).toBe(order);
  });

  it("brings a speaker from a later page to the first and moves nobody else", () => {
    expect(promote(["a", "b", "c", "d", "e"], "e", 3)).toEqual(["a", "b", "e", "d", "c"]);
    const order = ["a", "b", "c"];
    expect(promote(order, "b", 3)).toBe(order);
    expect(promote(order, "unknown", 3)).toBe(order);
  });

  it("knows the speaker by the dominant track, unless it is oneself", () => {
    const speaks = (dominant: string) =>
      reduce(roomOf(2), { type: "speakers", seq: 1, audio: [], speaking: [], dominant });
    expect(speakerKey(speaks("b-microphone"))).toBe("b/camera");
    expect(speakerKey(speaks("me-microphone"))).toBeNull();
    expect(speakerKey(roomOf(2))).toBeNull();
  });
});
