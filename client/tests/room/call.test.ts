import { describe, expect, it } from "vitest";
import { type CallState, type Phase, speakingNow } from "../../src/room/call.ts";
import { roomOf } from "./fixtures.ts";

const state = (phase: Phase): CallState => ({
  phase,
  entry: null,
  room: { ...roomOf(1), speaking: new Set(["a-microphone"]) },
  quality: "good",
  switching: new Set(),
});

describe("speakingNow", () => {
  it("is what the room says while it can be heard", () => {
    expect([...speakingNow(state({ name: "joined" }))]).toEqual(["a-microphone"]);
  });

  it("is nobody while the connection is being mended", () => {
    expect([...speakingNow(state({ name: "reconnecting" }))]).toEqual([]);
  });
});
