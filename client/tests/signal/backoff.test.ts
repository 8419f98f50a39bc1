import { describe, expect, it } from "vitest";
import { backoffDelay, wait } from "../../src/signal/backoff.ts";

describe("backoffDelay", () => {
  it("doubles up to its limit", () => {
    const options = { firstMs: 100, maxMs: 1_000, jitter: 0 };
    expect([0, 1, 2, 3, 4, 50].map((attempt) => backoffDelay(attempt, options))).toEqual([
      100, 200, 400, 800, 1_000, 1_000,
    ]);
  });

  it("spreads by its jitter, never beyond the whole", () => {
    const delay = (random: number) =>
      backoffDelay(1, { firstMs: 100, maxMs: 1_000, jitter: 0.5, random: () => random });
    expect(delay(0)).toBe(100);
    expect(delay(1)).toBe(200);
  });
});

describe("wait", () => {
  it("ends at once when aborted, before or during", async () => {
    const controller = new AbortController();
    const waiting = wait(1_000_000, controller.signal);
    controller.abort(new Error("stop"));
    await expect(waiting).rejects.toThrow("stop");
    await expect(wait(1_000_000, controller.signal)).rejects.toThrow("stop");
  });
});
