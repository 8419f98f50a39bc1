/**
 * Where each tile goes. Pure geometry: how many people and how much room in, rectangles out.
 */

export interface Size {
  width: number;
  height: number;
}

export interface Rect extends Size {
  x: number;
  y: number;
}

export const GAP = 8;
/** Wide cameras may be cropped to a square on an upright phone, and never get wider than 16:9. */
const WIDEST = 16 / 9;
const NARROWEST = 0.85;
/** Below this a face is no longer worth a tile. */
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

export interface StageRects {
  stage: Rect;
  strip: Rect[];
  /** How many tiles the strip has room for. */
  capacity: number;
}

/** One large tile, the others in a strip: beside it on wide screens, below it on upright ones. */
export function stageRects(others: number, area: Size, gap = GAP): StageRects {
  const isUpright = area.width < area.height * 1.1;
  return isUpright ? stageAboveStrip(others, area, gap) : stageBesideStrip(others, area, gap);
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
    const tile = largestIn(
      (area.width - gap * (columns - 1)) / columns,
      (area.height - gap * (rows - 1)) / rows,
    );
    if (tile.width * tile.height > best.tile.width * best.tile.height) best = { columns, tile };
  }
  return best;
}

/** The largest tile inside a cell whose shape a camera picture can take. */
function largestIn(width: number, height: number): Size {
  if (width <= 0 || height <= 0) return { width: 0, height: 0 };
  if (width / height > WIDEST) return { width: height * WIDEST, height };
  if (width / height < NARROWEST) return { width, height: width / NARROWEST };
  return { width, height };
}

function stageBesideStrip(others: number, area: Size, gap: number): StageRects {
  if (others === 0) return { stage: rounded({ x: 0, y: 0, ...area }), strip: [], capacity: 0 };
  const width = Math.min(240, Math.max(140, area.width * 0.18));
  const height = (width * 9) / 16;
  const capacity = Math.max(1, Math.floor((area.height + gap) / (height + gap)));
  const shown = Math.min(others, capacity);
  const top = (area.height - shown * height - (shown - 1) * gap) / 2;
  const strip = Array.from({ length: shown }, (_, index) =>
    rounded({ x: area.width - width, y: top + index * (height + gap), width, height }),
  );
  const stage = rounded({ x: 0, y: 0, width: area.width - width - gap, height: area.height });
  return { stage, strip, capacity };
}

function stageAboveStrip(others: number, area: Size, gap: number): StageRects {
  if (others === 0) return { stage: rounded({ x: 0, y: 0, ...area }), strip: [], capacity: 0 };
  const height = Math.min(150, Math.max(84, area.height * 0.18));
  const width = Math.min((height * 4) / 3, (area.width - gap) / 2);
  const capacity = Math.max(1, Math.floor((area.width + gap) / (width + gap)));
  const shown = Math.min(others, capacity);
  const left = (area.width - shown * width - (shown - 1) * gap) / 2;
  const y = area.height - height;
  const strip = Array.from({ length: shown }, (_, index) =>
    rounded({ x: left + index * (width + gap), y, width, height }),
  );
  return { stage: rounded({ x: 0, y: 0, width: area.width, height: y - gap }), strip, capacity };
}

function rounded(rect: Rect): Rect {
  return {
    x: Math.round(rect.x),
    y: Math.round(rect.y),
    width: Math.floor(rect.width),
    height: Math.floor(rect.height),
  };
}
