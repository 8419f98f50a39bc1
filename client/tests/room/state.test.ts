import { describe, expect, it } from "vitest";
import type { ChatMessage, ServerEvent } from "../../src/protocol/index.ts";
import { noticeOf } from "../../src/room/notices.ts";
import {
  fromJoined,
  ownerOf,
  participantOf,
  reassigned,
  reduce,
  slotOf,
  trackOf,
} from "../../src/room/state.ts";
import { joined } from "../signal/fake-socket.ts";
import { person, roomOf, track } from "./fixtures.ts";

const message = (id: string, sender = "a", to?: string): ChatMessage => ({
  id,
  sender,
  name: sender,
  text: `text ${id}`,
  sent_at: 0,
  ...(to === undefined ? {} : { to }),
});

describe("reduce", () => {
  it("adds who joins at the end, and never twice", () => {
    const event: ServerEvent = { type: "participant_joined", seq: 1, participant: person("z") };
    const state = reduce(reduce(roomOf(2), event), event);
    expect(state.participants.map(({ id }) => id)).toEqual(["me", "a", "b", "z"]);
  });

  it("changes name, role and connection, one's own role too", () => {
    const update = (participant: string): ServerEvent => ({
      type: "participant_updated",
      seq: 1,
      participant,
      role: "moderator",
      name: "New",
      reconnecting: true,
    });
    const state = reduce(reduce(roomOf(1), update("a")), update("me"));
    expect(participantOf(state, "a")).toMatchObject({ role: "moderator", name: "New", reconnecting: true });
    expect(state.role).toBe("moderator");
  });

  it("knows until when calls may go on, from the event and from the state", () => {
    expect(roomOf(1).endsAt).toBeNull();
    expect(reduce(roomOf(1), { type: "draining", seq: 1, ends_at: 60 }).endsAt).toBe(60);
    expect(fromJoined(joined({ ends_at: 60 })).endsAt).toBe(60);
  });

  it("forgets who leaves, with what it said and whether it spoke", () => {
    const spoken = reduce(roomOf(2), {
      type: "speakers",
      seq: 1,
      audio: [],
      speaking: ["a-microphone", "b-microphone"],
      dominant: "a-microphone",
    });
    const state = reduce(spoken, { type: "participant_left", seq: 2, participant: "a", reason: "left" });
    expect(state.participants.map(({ id }) => id)).toEqual(["me", "b"]);
    expect([...state.speaking]).toEqual(["b-microphone"]);
    expect(state.dominant).toBeNull();
  });

  it("publishes, updates and unpublishes tracks of one participant only", () => {
    const before = roomOf(2);
    const screen = track("a", "screen");
    const published = reduce(before, { type: "track_published", seq: 1, participant: "a", track: screen });
    expect(trackOf(participantOf(published, "a"), "screen")).toEqual(screen);
    expect(participantOf(published, "b")).toBe(participantOf(before, "b"));
    const stopped = reduce(published, {
      type: "track_updated",
      seq: 2,
      participant: "a",
      track: { ...screen, live: false },
    });
    expect(trackOf(participantOf(stopped, "a"), "screen")?.live).toBe(false);
    const gone = reduce(stopped, { type: "track_unpublished", seq: 3, participant: "a", track: screen.id });
    expect(trackOf(participantOf(gone, "a"), "screen")).toBeUndefined();
    expect(ownerOf(gone, "a-camera")?.id).toBe("a");
  });

  it("moves tracks between slots", () => {
    const first = reduce(roomOf(2), {
      type: "slots",
      seq: 1,
      slots: [
        { mid: "4", track: "a-camera" },
        { mid: "5", track: "b-camera" },
      ],
    });
    const second = reduce(first, {
      type: "slots",
      seq: 2,
      slots: [{ mid: "4", track: "b-camera", undecodable: true }, { mid: "5" }],
    });
    expect(slotOf(second, "b-camera")).toEqual({ mid: "4", track: "b-camera", undecodable: true });
    expect(slotOf(second, "a-camera")).toBeUndefined();
    const third = [
      { mid: "4", track: "a-camera" },
      { mid: "5", track: "b-camera" },
    ];
    expect(reassigned(second, third)).toEqual(["4"]);
    expect(reassigned(second, [{ mid: "4" }, ...third])).toEqual(["4"]);
  });

  it("keeps its identity when nobody started or stopped speaking", () => {
    const event = (seq: number): ServerEvent => ({
      type: "speakers",
      seq,
      audio: [],
      speaking: ["a-microphone"],
      dominant: "a-microphone",
    });
    const once = reduce(roomOf(1), event(1));
    expect(reduce(once, event(2))).toBe(once);
  });

  it("shows each chat message once, and a bounded number of them", () => {
    let state = roomOf(1);
    for (let index = 0; index < 2_100; index++) {
      const event: ServerEvent = { type: "chat_received", seq: index, message: message(String(index)) };
      state = reduce(reduce(state, event), event);
    }
    expect(state.chat).toHaveLength(2_000);
    expect(state.chat.at(-1)?.id).toBe("2099");
  });

  it("locks and unlocks", () => {
    const locked = reduce(roomOf(0), { type: "room_updated", seq: 1, locked: true });
    expect(locked.isLocked).toBe(true);
    expect(reduce(locked, { type: "room_updated", seq: 2, locked: false }).isLocked).toBe(false);
  });
});

describe("a cap on the video", () => {
  it("holds from when one comes or it is told, until it is lifted", () => {
    const capped = reduce(roomOf(0), { type: "video_capped", seq: 1, kbps: 0 });
    expect([roomOf(0).videoCapKbps, capped.videoCapKbps]).toEqual([null, 0]);
    expect(reduce(capped, { type: "video_capped", seq: 2 }).videoCapKbps).toBeNull();
    expect(fromJoined(joined({ video_cap_kbps: 500 })).videoCapKbps).toBe(500);
  });

  it("is worth a word to everyone", () => {
    const told = (kbps?: number) =>
      noticeOf(roomOf(0), { type: "video_capped", seq: 1, ...(kbps === undefined ? {} : { kbps }) });
    expect([told(500), told()]).toEqual([
      { kind: "video_capped", kbps: 500 },
      { kind: "video_capped", kbps: null },
    ]);
  });
});

describe("noticeOf", () => {
  const room = roomOf(1);

  it("tells who came, who left, and why", () => {
    expect(noticeOf(room, { type: "participant_joined", seq: 1, participant: person("z") })).toEqual({
      kind: "joined",
      name: "Z",
    });
    expect(noticeOf(room, { type: "participant_left", seq: 1, participant: "a", reason: "lost" })).toEqual({
      kind: "left",
      name: "A",
      reason: "lost",
    });
    expect(
      noticeOf(room, { type: "participant_left", seq: 1, participant: "nobody", reason: "left" }),
    ).toBeNull();
  });

  it("tells of others' messages, private ones marked, not of one's own", () => {
    const chat = (sender: string, to?: string): ServerEvent => ({
      type: "chat_received",
      seq: 1,
      message: message("1", sender, to),
    });
    expect(noticeOf(room, chat("a"))).toMatchObject({ kind: "chat", isPrivate: false });
    expect(noticeOf(room, chat("a", "me"))).toMatchObject({ kind: "chat", isPrivate: true });
    expect(noticeOf(room, chat("me"))).toBeNull();
  });

  it("tells when a moderator stops one's own track, not when one does it oneself", () => {
    const muted = (by_moderator: boolean): ServerEvent => ({
      type: "track_updated",
      seq: 1,
      participant: "me",
      track: track("me", "microphone", false),
      by_moderator,
    });
    expect(noticeOf(room, muted(true))).toEqual({ kind: "muted_by_moderator", source: "microphone" });
    expect(noticeOf(room, muted(false))).toBeNull();
  });

  it("tells once when someone starts sharing", () => {
    const event: ServerEvent = {
      type: "track_published",
      seq: 1,
      participant: "a",
      track: track("a", "screen"),
    };
    expect(noticeOf(room, event)).toEqual({ kind: "sharing", name: "A" });
    expect(noticeOf(reduce(room, event), { ...event, type: "track_updated" })).toBeNull();
  });
});
