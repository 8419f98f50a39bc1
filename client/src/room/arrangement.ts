/**
 * Who is shown, how large, and in which order: the step between the room's state and the screen.
 * Pure; the server is told the outcome as `set_view`, the page draws it.
 */
import type { Participant, Tile } from "../protocol/index.ts";
import {
  floatingRect,
  GAP,
  gridCapacity,
  gridRects,
  PAGER_HEIGHT,
  type Point,
  paginate,
  type Rect,
  type Size,
  stageRects,
  withoutPager,
} from "./layout.ts";
import { ownerOf, type RoomState, trackOf } from "./state.ts";

export type LayoutMode = "grid" | "speaker";

/** Something that can be shown: a person, or a person's screen. */
export interface Subject {
  /** Stable while it exists, so that its element is never remade. */
  key: string;
  participant: Participant;
  source: "camera" | "screen";
  /** Absent while nothing was published. */
  track: string | null;
  isLive: boolean;
  isSelf: boolean;
}

export type Place = "grid" | "stage" | "strip" | "floating";

export interface PlacedTile {
  subject: Subject;
  rect: Rect;
  place: Place;
}

export interface Arrangement {
  tiles: PlacedTile[];
  page: number;
  pages: number;
  /** Where the page buttons stand (top centre), if there is more than one page. */
  pager: Point | null;
}

export interface View {
  mode: LayoutMode;
  /** Key of the subject that the person fixed on the stage. */
  pinned: string | null;
  page: number;
  area: Size;
  /** How many remote videos may be shown at once. */
  slots: number;
  /** Keys in the order in which they should appear; see `promote`. */
  order: readonly string[];
  /** The last to speak, kept through pauses. */
  speaker: string | null;
}

const FIRST_SIZE: Size = { width: 640, height: 360 };

/** Everyone's camera tile, and each shared screen; own screen is not shown to oneself. */
export function subjectsOf(state: RoomState): Subject[] {
  const subjects: Subject[] = [];
  for (const participant of state.participants) {
    const isSelf = participant.id === state.self;
    const screen = trackOf(participant, "screen");
    if (screen?.live && !isSelf) subjects.push(subject(participant, "screen", false));
    subjects.push(subject(participant, "camera", isSelf));
  }
  return subjects;
}

export function cameraKey(participant: string): string {
  return `${participant}/camera`;
}

/** The tile of whoever speaks loudest, if someone else does. */
export function speakerKey(state: RoomState): string | null {
  if (state.dominant === null) return null;
  const owner = ownerOf(state, state.dominant);
  return owner && owner.id !== state.self ? cameraKey(owner.id) : null;
}

/**
 * Brings a speaker from a later page onto the first: they change places with whoever stands last
 * there, so that nobody else moves.
 */
export function promote(order: readonly string[], key: string, firstPage: number): readonly string[] {
  const from = order.indexOf(key);
  const last = firstPage - 1;
  if (from < firstPage || last < 0) return order;
  const changed = [...order];
  const displaced = changed[last];
  if (displaced === undefined) return order;
  changed[last] = key;
  changed[from] = displaced;
  return changed;
}

/** Keeps the known order, drops who left, appends who came. */
export function keepOrder(order: readonly string[], subjects: readonly Subject[]): readonly string[] {
  const present = new Set(subjects.map(({ key }) => key));
  const kept = order.filter((key) => present.has(key));
  const known = new Set(kept);
  const added = subjects.filter(({ key }) => !known.has(key)).map(({ key }) => key);
  return kept.length === order.length && added.length === 0 ? order : [...kept, ...added];
}

export function arrange(state: RoomState, view: View): Arrangement {
  const subjects = inOrder(subjectsOf(state), view.order);
  const staged = stagedSubject(subjects, view);
  return staged ? arrangeStage(staged, subjects, view) : arrangeGrid(subjects, view);
}

/** How many tiles the first page of the grid holds. */
export function pageSize(view: View): number {
  return gridCapacity(withoutPager(view.area), view.slots);
}

/** What to ask of the server: the stage first, sizes in device pixels, nothing of oneself. */
export function tilesWanted(arrangement: Arrangement, pixelRatio: number): Tile[] {
  const byImportance = [...arrangement.tiles].sort(
    (one, other) => Number(other.place === "stage") - Number(one.place === "stage"),
  );
  const tiles: Tile[] = [];
  for (const { subject: shown, rect, place } of byImportance) {
    if (shown.isSelf || shown.track === null) continue;
    tiles.push({
      track: shown.track,
      width: Math.max(1, Math.round(rect.width * pixelRatio)),
      height: Math.max(1, Math.round(rect.height * pixelRatio)),
      ...(place === "stage" ? { stage: true } : {}),
    });
  }
  return tiles;
}

/**
 * What to ask for before the page is drawn: everyone who is live, small. The pictures are then under
 * way while the browser still works through the answer; the true view follows a moment later.
 */
export function firstView(state: RoomState, slots: number): Tile[] {
  const live = subjectsOf(state).filter(({ isSelf, isLive }) => isLive && !isSelf);
  return live.slice(0, slots).flatMap(({ track }) => (track === null ? [] : [{ track, ...FIRST_SIZE }]));
}

function subject(participant: Participant, source: "camera" | "screen", isSelf: boolean): Subject {
  const track = trackOf(participant, source);
  return {
    key: `${participant.id}/${source}`,
    participant,
    source,
    track: track?.id ?? null,
    isLive: track?.live ?? false,
    isSelf,
  };
}

function inOrder(subjects: Subject[], order: readonly string[]): Subject[] {
  const position = new Map(order.map((key, index) => [key, index]));
  const at = ({ key }: Subject) => position.get(key) ?? order.length;
  return [...subjects].sort((one, other) => at(one) - at(other));
}

/** A pin wins, then a shared screen, then (in speaker layout) whoever speaks. */
function stagedSubject(subjects: Subject[], view: View): Subject | null {
  const pinned = subjects.find(({ key }) => key === view.pinned);
  if (pinned) return pinned;
  const screen = subjects.findLast(({ source }) => source === "screen");
  if (screen) return screen;
  if (view.mode !== "speaker") return null;
  const others = subjects.filter(({ isSelf }) => !isSelf);
  return others.find(({ key }) => key === view.speaker) ?? others[0] ?? null;
}

function arrangeStage(staged: Subject, subjects: Subject[], view: View): Arrangement {
  const others = subjects.filter((each) => each !== staged);
  // One slot is the stage's.
  const most = Math.max(1, view.slots - 1);
  const roomy = stageRects(others.length, view.area);
  const isPaged = others.length > Math.min(roomy.capacity, most);
  const perPage = isPaged ? stageRects(others.length, view.area, { isPaged }).capacity : roomy.capacity;
  const { items, page, pages } = paginate(others, view.page, Math.min(perPage, most));
  const shown = stageRects(items.length, view.area, { isPaged });
  return {
    tiles: [{ subject: staged, rect: shown.stage, place: "stage" }, ...placed(items, shown.strip, "strip")],
    page,
    pages,
    pager: isPaged ? shown.pager : null,
  };
}

function arrangeGrid(subjects: Subject[], view: View): Arrangement {
  const self = subjects.find(({ isSelf }) => isSelf);
  const others = subjects.filter(({ isSelf }) => !isSelf);
  const [only] = others;
  if (self && only && others.length === 1) return arrangePair(self, only, view.area);
  const isPaged = subjects.length > gridCapacity(view.area, view.slots);
  const area = isPaged ? withoutPager(view.area) : view.area;
  const { items, page, pages } = paginate(subjects, view.page, gridCapacity(area, view.slots));
  const pager = isPaged ? { x: view.area.width / 2, y: view.area.height - PAGER_HEIGHT + GAP } : null;
  return { tiles: placed(items, gridRects(items.length, area), "grid"), page, pages, pager };
}

function arrangePair(self: Subject, other: Subject, area: Size): Arrangement {
  const rects = gridRects(1, area);
  // In the corner of the picture, which seldom fills the area.
  const corner = rects.map(({ x, y, width, height }) => ({ width: x + width, height: y + height }));
  const tiles = [
    ...placed([other], rects, "grid"),
    ...placed([self], [floatingRect(corner[0] ?? area)], "floating"),
  ];
  return { tiles, page: 0, pages: 1, pager: null };
}

function placed(subjects: readonly Subject[], rects: readonly Rect[], place: Place): PlacedTile[] {
  const tiles: PlacedTile[] = [];
  for (const [index, each] of subjects.entries()) {
    const rect = rects[index];
    if (rect) tiles.push({ subject: each, rect, place });
  }
  return tiles;
}
