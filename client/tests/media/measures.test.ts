import { describe, expect, it } from "vitest";
import { levelOf } from "../../src/media/level.ts";
import { judge, readQuality } from "../../src/media/quality.ts";

describe("levelOf", () => {
  it("is nothing in silence, all at full scale, and follows decibels between", () => {
    expect(levelOf(new Float32Array(64))).toBe(0);
    expect(levelOf(new Float32Array(64).fill(1))).toBe(1);
    expect(levelOf(new Float32Array(64).fill(0.0001))).toBe(0);
    expect(levelOf(new Float32Array(64).fill(0.0316))).toBeCloseTo(0.5, 1);
  });
});

describe("quality", () => {
  const reading = (received: number, lost: number, roundTripMs: number | null = 20) => ({
    received,
    lost,
    roundTripMs,
  });

  it("adds up what all streams received and lost", () => {
    const read = readQuality([
      { type: "inbound-rtp", packetsReceived: 10, packetsLost: 1 },
      { type: "inbound-rtp", packetsReceived: 20, packetsLost: 2 },
      { type: "candidate-pair", state: "succeeded", currentRoundTripTime: 0.05 },
      { type: "codec" },
    ]);
    expect(read).toEqual({ received: 30, lost: 3, roundTripMs: 50 });
  });

  it("judges by what happened since the last reading", () => {
    expect(judge(reading(1_000, 500), reading(2_000, 505))).toBe("good");
    expect(judge(reading(1_000, 0), reading(2_000, 40))).toBe("fair");
    expect(judge(reading(1_000, 0), reading(2_000, 200))).toBe("poor");
    expect(judge(reading(0, 0), reading(1_000, 0, 900))).toBe("poor");
  });

  it("says nothing bad about a handful of packets, or counters that began anew", () => {
    expect(judge(reading(0, 0), reading(5, 5))).toBe("good");
    expect(judge(reading(5_000, 50), reading(100, 0))).toBe("good");
  });
});
