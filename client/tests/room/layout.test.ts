import { describe, expect, it } from "vitest";
import {
  floatingRect,
  gridCapacity,
  gridRects,
  paginate,
  type Rect,
  type Size,
  stageRects,
} from "../../src/room/layout.ts";

const DESKTOP: Size = { width: 1256, height: 714 };
const PHONE: Size = { width: 344, height: 660 };
const AREAS = { DESKTOP, PHONE, SQUARE: { width: 600, height: 600 }, FLAT: { width: 1800, height: 300 } };

function overlaps(one: Rect, other: Rect): boolean {
  return (
    one.x < other.x + other.width &&
    other.x < one.x + one.width &&
    one.y < other.y + other.height &&
    other.y < one.y + one.height
  );
}

function expectTidy(rects: readonly Rect[], area: Size): void {
  for (const [index, rect] of rects.entries()) {
    expect(rect.width).toBeGreaterThan(0);
    expect(rect.height).toBeGreaterThan(0);
    expect(rect.x).toBeGreaterThanOrEqual(0);
    expect(rect.y).toBeGreaterThanOrEqual(0);
    expect(rect.x + rect.width).toBeLessThanOrEqual(area.width + 1);
    expect(rect.y + rect.height).toBeLessThanOrEqual(area.height + 1);
    for (const other of rects.slice(index + 1)) expect(overlaps(rect, other)).toBe(false);
  }
}

describe.each(Object.entries(AREAS))("a grid in %s", (_name, area) => {
  it.each([1, 2, 3, 4, 5, 9, 16, 25])("places %i tiles inside, apart and of one size", (count) => {
    const rects = gridRects(count, area);
    expect(rects).toHaveLength(count);
    expectTidy(rects, area);
    expect(new Set(rects.map(({ width, height }) => `${width}x${height}`)).size).toBe(1);
  });
});

describe("gridRects", () => {
  it("is two by two for four people on a wide screen and one below the other on a phone", () => {
    expect(new Set(gridRects(4, DESKTOP).map(({ x }) => x)).size).toBe(2);
    expect(new Set(gridRects(2, PHONE).map(({ x }) => x)).size).toBe(1);
  });

  it("centres the last row", () => {
    const rects = gridRects(3, { width: 1000, height: 600 });
    const last = rects[2];
    expect(last && last.x + last.width / 2).toBeCloseTo(500, -1);
  });

  it("shows three people whole on a wide screen rather than the halves of them", () => {
    const [first] = gridRects(3, { width: 1264, height: 640 });
    expect(first && first.width / first.height).toBeGreaterThan(1.7);
  });

  it("never makes a tile wider than 16:9", () => {
    for (const { width, height } of gridRects(1, AREAS.FLAT)) expect(width / height).toBeLessThan(1.79);
  });

  it("makes nothing out of nothing", () => {
    expect(gridRects(0, DESKTOP)).toEqual([]);
    expect(gridRects(3, { width: 0, height: 0 })).toEqual([]);
  });
});

describe("gridCapacity", () => {
  it("is bounded by the slots on a large screen and by the tiles' size on a small one", () => {
    expect(gridCapacity(DESKTOP, 25)).toBe(25);
    expect(gridCapacity(PHONE, 25)).toBe(12);
    expect(gridCapacity(PHONE, 9)).toBe(9);
    expect(gridCapacity({ width: 50, height: 50 }, 9)).toBe(1);
  });
});

describe.each(Object.entries(AREAS))("a stage in %s", (_name, area) => {
  it.each([0, 1, 3, 8, 40])("stands apart from the strip of %i others", (others) => {
    for (const isPaged of [false, true]) {
      const { stage, strip, capacity } = stageRects(others, area, { isPaged });
      expect(strip).toHaveLength(Math.min(others, capacity));
      expectTidy([stage, ...strip], area);
      for (const each of strip) expect(each.width * each.height).toBeLessThan(stage.width * stage.height);
    }
  });
});

describe("floatingRect", () => {
  it.each(Object.entries(AREAS))("stays inside %s", (_name, area) => {
    expectTidy([floatingRect(area)], area);
  });
});

describe("paginate", () => {
  const items = [1, 2, 3, 4, 5, 6, 7];

  it("cuts pages and clamps the page number", () => {
    expect(paginate(items, 1, 3)).toEqual({ items: [4, 5, 6], page: 1, pages: 3 });
    expect(paginate(items, 9, 3)).toEqual({ items: [7], page: 2, pages: 3 });
    expect(paginate(items, -1, 3).page).toBe(0);
    expect(paginate([], 4, 3)).toEqual({ items: [], page: 0, pages: 1 });
  });
});
