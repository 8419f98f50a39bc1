/**
 * Where each tile goes. Pure geometry: how many people and how much room in, rectangles out.
 */

export interface Size {
  width: number;
  height: number;
}

export interface Point {
  x: number;
  y: number;
}

export interface Rect extends Size, Point {}

export const GAP = 8;
/** The page buttons, and the space above them. */
export const PAGER_HEIGHT = 48;
/** Wide cameras may be cropped to a square on an upright phone, and never get wider than 16:9. */
const WIDEST = 16 / 9;
const NARROWEST = 0.85;
/** One person alone may fill the whole of an upright phone. */
const NARROWEST_ALONE = 9 / 16;
/** Below this a face is no longer worth a tile. */
const NARROW_STRIP = 144;
const SMALLEST = { width: 132, height: 96 };

/** Rectangles for `count` equal tiles, as large as they can be, the last row centred. */
export function gridRects(count: number, area: Size, gap = GAP): Rect[] {
  if (count <= 0 || area.width <= 0 || area.height <= 0) return [];
  const { columns, tile } = bestGrid(count, area, gap);
  const rows = Math.ceil(count / columns);
  const top = (area.height - rows * tile.height - (rows - 1) * gap) / 2;
  return Array.from({ length: count }, (_, index) => {
    const row = Math.floor(index / columns);
    const inRow = row === rows - 1 ? count - row * columns : columns;
    const left = (area.width - inRow * tile.width - (inRow - 1) * gap) / 2;
    return rounded({
      x: left + (index % columns) * (tile.width + gap),
      y: top + row * (tile.height + gap),
      ...tile,
    });
  });
}

/** How many tiles fit before they become too small, at most `most`. */
export function gridCapacity(area: Size, most: number, gap = GAP): number {
  const columns = Math.max(1, Math.floor((area.width + gap) / (SMALLEST.width + gap)));
  const rows = Math.max(1, Math.floor((area.height + gap) / (SMALLEST.height + gap)));
  return Math.max(1, Math.min(most, columns * rows));
}

export interface StageOptions {
  /** Leave room for the page buttons. */
  isPaged?: boolean;
}

export interface StageRects {
  stage: Rect;
  strip: Rect[];
  /** How many tiles the strip has room for. */
  capacity: number;
  /** Where page buttons would stand, top centre. */
  pager: Point;
}

/** One large tile, the others in a strip: beside it on wide screens, below it on upright ones. */
export function stageRects(others: number, area: Size, options: StageOptions = {}): StageRects {
  const isUpright = area.width < area.height * 1.1;
  return isUpright ? stageAboveStrip(others, area, options) : stageBesideStrip(others, area, options);
}

/** What is left for tiles where the page buttons stand at the bottom. */
export function withoutPager(area: Size): Size {
  return { width: area.width, height: Math.max(0, area.height - PAGER_HEIGHT) };
}

/** The own picture in a corner, when there is only one other person to look at. */
export function floatingRect(area: Size): Rect {
  const isUpright = area.width < area.height;
  const width = isUpright ? Math.min(120, area.width * 0.3) : Math.min(256, area.width * 0.22);
  const height = isUpright ? (width * 4) / 3 : (width * 9) / 16;
  const margin = 12;
  return rounded({ x: area.width - width - margin, y: area.height - height - margin, width, height });
}

export interface Page<T> {
  items: T[];
  page: number;
  pages: number;
}

/** One page of the items; a page number beyond the last shows the last. */
export function paginate<T>(items: readonly T[], page: number, perPage: number): Page<T> {
  const size = Math.max(1, perPage);
  const pages = Math.max(1, Math.ceil(items.length / size));
  const current = Math.min(Math.max(0, page), pages - 1);
  return { items: items.slice(current * size, (current + 1) * size), page: current, pages };
}

function bestGrid(count: number, area: Size, gap: number): { columns: number; tile: Size } {
  let best = { columns: 1, tile: { width: 0, height: 0 } };
  for (let columns = 1; columns <= count; columns++) {
    const rows = Math.ceil(count / columns);
    const cell = {
      width: (area.width - gap * (columns - 1)) / columns,
      height: (area.height - gap * (rows - 1)) / rows,
    };
    const tile = largestIn(cell, count === 1 ? NARROWEST_ALONE : NARROWEST);
    if (worth(tile) > worth(best.tile)) best = { columns, tile };
  }
  return best;
}

/** Its area, less for what it cuts off a wide picture: three people are better seen as 2 + 1 than in three halves. */
function worth({ width, height }: Size): number {
  return height > 0 ? width * height * Math.sqrt(width / height / WIDEST) : 0;
}

/** The largest tile inside a cell whose shape a camera picture can take. */
function largestIn({ width, height }: Size, narrowest: number): Size {
  if (width <= 0 || height <= 0) return { width: 0, height: 0 };
  if (width / height > WIDEST) return { width: height * WIDEST, height };
  if (width / height < narrowest) return { width, height: width / narrowest };
  return { width, height };
}

function stageBesideStrip(others: number, area: Size, { isPaged = false }: StageOptions): StageRects {
  const forStrip = isPaged ? withoutPager(area) : area;
  // Rather narrower pictures than a second page, down to what is still a face.
  const widest = Math.min(240, Math.max(NARROW_STRIP, area.width * 0.18));
  const fitting = ((forStrip.height - (others - 1) * GAP) / Math.max(1, others)) * WIDEST;
  const width = Math.min(widest, Math.max(NARROW_STRIP, fitting));
  const height = width / WIDEST;
  const capacity = Math.max(1, Math.floor((forStrip.height + GAP) / (height + GAP)));
  const shown = Math.min(others, capacity);
  const top = (forStrip.height - shown * height - (shown - 1) * GAP) / 2;
  const x = area.width - width;
  const strip = Array.from({ length: shown }, (_, index) =>
    rounded({ x, y: top + index * (height + GAP), width, height }),
  );
  const stageWidth = others === 0 ? area.width : x - GAP;
  return {
    stage: rounded({ x: 0, y: 0, width: stageWidth, height: area.height }),
    strip,
    capacity,
    pager: { x: x + width / 2, y: area.height - PAGER_HEIGHT + GAP },
  };
}

function stageAboveStrip(others: number, area: Size, { isPaged = false }: StageOptions): StageRects {
  const forTiles = isPaged ? withoutPager(area) : area;
  const height = Math.min(150, Math.max(84, forTiles.height * 0.16));
  const width = Math.min((height * 4) / 3, (area.width - 2 * GAP) / 3);
  const capacity = Math.max(1, Math.floor((area.width + GAP) / (width + GAP)));
  const shown = Math.min(others, capacity);
  const left = (area.width - shown * width - (shown - 1) * GAP) / 2;
  const y = forTiles.height - height;
  const strip = Array.from({ length: shown }, (_, index) =>
    rounded({ x: left + index * (width + GAP), y, width, height }),
  );
  const stageHeight = others === 0 ? area.height : y - GAP;
  return {
    stage: rounded({ x: 0, y: 0, width: area.width, height: stageHeight }),
    strip,
    capacity,
    pager: { x: area.width / 2, y: area.height - PAGER_HEIGHT + GAP },
  };
}

function rounded(rect: Rect): Rect {
  return {
    x: Math.round(rect.x),
    y: Math.round(rect.y),
    width: Math.floor(rect.width),
    height: Math.floor(rect.height),
  };
}
