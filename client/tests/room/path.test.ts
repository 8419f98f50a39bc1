import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { PathKeeper, type Remedy } from "../../src/room/path.ts";

function setUp() {
  const remedies: Remedy[] = [];
  const broken: boolean[] = [];
  const keeper = new PathKeeper({
    mend: (remedy) => remedies.push(remedy),
    onBroken: (is) => broken.push(is),
  });
  return { keeper, remedies, broken };
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe("PathKeeper", () => {
  it("does nothing about a short disturbance", () => {
    const { keeper, remedies } = setUp();
    keeper.onState("connected");
    keeper.onState("disconnected");
    vi.advanceTimersByTime(2_000);
    keeper.onState("connected");
    vi.advanceTimersByTime(60_000);
    expect(remedies).toEqual([]);
  });

  it("restarts after 3 s of silence", () => {
    const { keeper, remedies, broken } = setUp();
    keeper.onState("connected");
    keeper.onState("disconnected");
    vi.advanceTimersByTime(3_100);
    expect(remedies).toEqual(["restart"]);
    keeper.onState("connected");
    expect(broken.at(-1)).toBe(false);
  });

  it("climbs from restart over a new transport to joining anew", () => {
    const { keeper, remedies } = setUp();
    keeper.onState("failed");
    vi.advanceTimersByTime(8_100);
    vi.advanceTimersByTime(8_100);
    expect(remedies).toEqual(["restart", "replace", "rejoin"]);
  });

  it("does not wait for a remedy that was refused", () => {
    const { keeper, remedies } = setUp();
    keeper.onState("failed");
    keeper.refused();
    expect(remedies).toEqual(["restart", "replace"]);
  });

  it("begins anew after success", () => {
    const { keeper, remedies } = setUp();
    keeper.onState("failed");
    keeper.onState("connected");
    keeper.onState("failed");
    expect(remedies).toEqual(["restart", "restart"]);
  });

  it("makes a new transport at once when the server forgot the old one", () => {
    const { keeper, remedies } = setUp();
    keeper.onState("connected");
    keeper.lostByServer();
    expect(remedies).toEqual(["replace"]);
  });

  it("restarts unseen when only the network changed", () => {
    const { keeper, remedies, broken } = setUp();
    keeper.onState("connected");
    keeper.networkChanged();
    expect(remedies).toEqual(["restart"]);
    expect(broken).not.toContain(true);
  });

  it("mends a first connection that never came", () => {
    const { remedies } = setUp();
    vi.advanceTimersByTime(8_100);
    expect(remedies).toEqual(["restart"]);
  });

  it("is quiet once closed", () => {
    const { keeper, remedies } = setUp();
    keeper.onState("disconnected");
    keeper.close();
    vi.advanceTimersByTime(60_000);
    expect(remedies).toEqual([]);
  });
});
