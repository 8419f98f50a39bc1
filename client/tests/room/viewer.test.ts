import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Tile } from "../../src/protocol/index.ts";
import type { Call, CallState } from "../../src/room/call.ts";
import { type RoomState, reduce } from "../../src/room/state.ts";
import { Viewer } from "../../src/room/viewer.ts";
import { Store } from "../../src/store.ts";
import { fakeCapture } from "./fake-media.ts";
import { person, roomOf, track } from "./fixtures.ts";

function setUp(room: RoomState) {
  const views: (readonly Tile[])[] = [];
  const state = new Store<CallState>({
    phase: { name: "joined" },
    entry: null,
    room,
    quality: "good",
    switching: new Set(),
  });
  const call = {
    state,
    videoSlots: 25,
    capture: fakeCapture(),
    setView: (tiles: readonly Tile[]) => views.push(tiles),
  };
  const viewer = new Viewer(call as unknown as Call, "grid");
  const last = () => views.at(-1)?.map(({ track: id }) => id);
  return { viewer, views, state, last };
}

const AREA = { width: 1256, height: 714 };

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe("Viewer", () => {
  it("asks for the first view at once", () => {
    const { viewer, last } = setUp(roomOf(2));
    viewer.resize(AREA, 1);
    expect(last()).toEqual(["a-camera", "b-camera"]);
  });

  it("asks once for many changes, and not at all for none", () => {
    const { viewer, views } = setUp(roomOf(2));
    viewer.resize(AREA, 1);
    const before = views.length;
    for (let width = 1_200; width > 1_000; width -= 10) viewer.resize({ ...AREA, width }, 1);
    vi.advanceTimersByTime(1_000);
    expect(views).toHaveLength(before + 1);
    viewer.resize({ ...AREA, width: 1_010 }, 1);
    vi.advanceTimersByTime(1_000);
    expect(views).toHaveLength(before + 1);
  });

  it("follows who joins", () => {
    const { viewer, state, last } = setUp(roomOf(1));
    viewer.resize(AREA, 1);
    const { room } = state.get();
    if (room)
      state.patch({ room: reduce(room, { type: "participant_joined", seq: 1, participant: person("z") }) });
    vi.advanceTimersByTime(200);
    expect(last()).toEqual(["a-camera", "z-camera"]);
  });

  it("keeps only the stage of a page that nobody looks at, and all again when one does", () => {
    const { viewer, last } = setUp(roomOf(2, person("s", track("s", "camera"), track("s", "screen"))));
    viewer.resize(AREA, 1);
    vi.advanceTimersByTime(200);
    viewer.setHidden(true);
    vi.advanceTimersByTime(1_000);
    expect(last()).toHaveLength(4);
    vi.advanceTimersByTime(20_000);
    expect(last()).toEqual(["s-screen"]);
    viewer.setHidden(false);
    expect(last()).toHaveLength(4);
  });

  it("turns pages and stays inside them", () => {
    const { viewer } = setUp(roomOf(40));
    viewer.resize(AREA, 1);
    viewer.turnPage(1);
    expect(viewer.state.get().arrangement.page).toBe(1);
    viewer.turnPage(9);
    expect(viewer.state.get().arrangement.page).toBe(viewer.state.get().arrangement.pages - 1);
  });

  it("brings someone who speaks on a later page to the first", () => {
    const { viewer, state } = setUp(roomOf(40));
    viewer.resize(AREA, 1);
    const { room } = state.get();
    if (!room) throw new Error("no room");
    const speaker = room.participants.at(-1)?.id ?? "";
    const dominant = `${speaker}-microphone`;
    state.patch({
      room: reduce(room, { type: "speakers", seq: 1, audio: [], speaking: [dominant], dominant }),
    });
    expect(
      viewer.state.get().arrangement.tiles.some(({ subject }) => subject.participant.id === speaker),
    ).toBe(true);
  });

  it("pins and unpins", () => {
    const { viewer } = setUp(roomOf(3));
    viewer.resize(AREA, 1);
    viewer.togglePin("b/camera");
    expect(viewer.state.get().arrangement.tiles[0]).toMatchObject({
      place: "stage",
      subject: { key: "b/camera" },
    });
    viewer.togglePin("b/camera");
    expect(viewer.state.get().arrangement.tiles.every(({ place }) => place === "grid")).toBe(true);
  });
});
