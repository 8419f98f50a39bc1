import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Switching } from "../../src/room/switching.ts";

function setUp() {
  const keyframes = new Map<string, number | undefined>();
  const told: string[][] = [];
  const report = () =>
    new Map(
      [...keyframes].map(([mid, keyFramesDecoded]) => [mid, { type: "inbound-rtp", mid, keyFramesDecoded }]),
    ) as unknown as RTCStatsReport;
  const ending = new AbortController();
  const switching = new Switching(
    async () => report(),
    (mids) => told.push([...mids]),
    ending.signal,
  );
  return { keyframes, told, switching, ending };
}

beforeEach(() => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] }));
afterEach(() => void vi.useRealTimers());

describe("a line that was given another track", () => {
  it("holds its pictures back until it has decoded another keyframe", async () => {
    const { keyframes, told, switching } = setUp();
    keyframes.set("4", 3).set("5", 1);
    switching.begin(["4", "5"]);
    await vi.advanceTimersByTimeAsync(200);
    expect(told).toEqual([["4", "5"]]);
    keyframes.set("5", 2);
    await vi.advanceTimersByTimeAsync(60);
    expect(told.at(-1)).toEqual(["4"]);
    keyframes.set("4", 4);
    await vi.advanceTimersByTimeAsync(60);
    expect(told.at(-1)).toEqual([]);
  });

  it("waits a second at most", async () => {
    const { keyframes, told, switching } = setUp();
    keyframes.set("4", 3);
    switching.begin(["4"]);
    await vi.advanceTimersByTimeAsync(1_100);
    expect(told).toEqual([["4"], []]);
  });

  it("is not held back by a browser that counts no keyframes", async () => {
    const { keyframes, told, switching } = setUp();
    keyframes.set("4", undefined);
    switching.begin(["4"]);
    await vi.advanceTimersByTimeAsync(0);
    expect(told).toEqual([["4"], []]);
  });

  it("begins anew when the track changes again", async () => {
    const { keyframes, told, switching } = setUp();
    keyframes.set("4", 3);
    switching.begin(["4"]);
    await vi.advanceTimersByTimeAsync(60);
    keyframes.set("4", 4);
    switching.begin(["4"]);
    await vi.advanceTimersByTimeAsync(200);
    expect(told.at(-1)).toEqual(["4"]);
    keyframes.set("4", 5);
    await vi.advanceTimersByTimeAsync(60);
    expect(told.at(-1)).toEqual([]);
  });

  it("is forgotten with the call", async () => {
    const { keyframes, told, switching, ending } = setUp();
    keyframes.set("4", 3);
    switching.begin(["4"]);
    await vi.advanceTimersByTimeAsync(60);
    ending.abort();
    await vi.advanceTimersByTimeAsync(5_000);
    expect(told).toEqual([["4"]]);
  });
});
