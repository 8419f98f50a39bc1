/**
 * What this person looks at: layout, pin, page, size of the screen. Turns the room's state into an
 * arrangement for the page, and tells the server which videos that needs.
 * Knows sizes, not elements.
 */
import { Store, type Unsubscribe } from "../store.ts";
import {
  type Arrangement,
  arrange,
  keepOrder,
  type LayoutMode,
  pageSize,
  promote,
  speakerKey,
  subjectsOf,
  tilesWanted,
  type View,
} from "./arrangement.ts";
import type { Call } from "./call.ts";
import type { Size } from "./layout.ts";

/** A drag of the window's edge asks once, when it rests. */
const SETTLE_MS = 120;
/** Changing tabs for a moment must not cost a keyframe. */
const HIDDEN_MS = 20_000;

export interface ViewerState {
  readonly arrangement: Arrangement;
  readonly mode: LayoutMode;
  readonly pinned: string | null;
}

export class Viewer {
  readonly state: Store<ViewerState>;
  readonly #call: Call;
  #view: View;
  #pixelRatio = 1;
  #isHidden = false;
  #sent = "";
  #timer: ReturnType<typeof setTimeout> | null = null;
  #hiding: ReturnType<typeof setTimeout> | null = null;
  readonly #unsubscribe: Unsubscribe;

  constructor(call: Call, mode: LayoutMode) {
    this.#call = call;
    this.#view = {
      mode,
      pinned: null,
      page: 0,
      area: { width: 0, height: 0 },
      slots: call.videoSlots,
      order: [],
      speaker: null,
    };
    this.state = new Store<ViewerState>({
      arrangement: { tiles: [], page: 0, pages: 1, pager: null },
      mode,
      pinned: null,
    });
    this.#unsubscribe = call.state.subscribe(() => this.#update());
    this.#update();
  }

  close(): void {
    this.#unsubscribe();
    if (this.#timer !== null) clearTimeout(this.#timer);
    if (this.#hiding !== null) clearTimeout(this.#hiding);
  }

  resize(area: Size, pixelRatio: number): void {
    this.#pixelRatio = pixelRatio;
    this.#change({ area });
  }

  setMode(mode: LayoutMode): void {
    this.#change({ mode, pinned: null, page: 0 });
  }

  togglePin(key: string): void {
    this.#change({ pinned: this.#view.pinned === key ? null : key, page: 0 });
  }

  turnPage(by: number): void {
    const { page } = this.state.get().arrangement;
    this.#change({ page: page + by });
  }

  /** A page that nobody sees needs no video. */
  setHidden(isHidden: boolean): void {
    if (this.#hiding !== null) clearTimeout(this.#hiding);
    this.#hiding = null;
    if (isHidden) {
      this.#hiding = setTimeout(() => {
        this.#isHidden = true;
        this.#send();
      }, HIDDEN_MS);
      return;
    }
    this.#isHidden = false;
    this.#send();
  }

  #change(part: Partial<View>): void {
    this.#view = { ...this.#view, ...part };
    this.#update();
  }

  #update(): void {
    const { room } = this.#call.state.get();
    if (!room) return;
    const order = keepOrder(this.#view.order, subjectsOf(room));
    const speaker = speakerKey(room) ?? this.#view.speaker;
    const isNewSpeaker = speaker !== null && speaker !== this.#view.speaker && this.#view.area.width > 0;
    this.#view = {
      ...this.#view,
      speaker,
      order: isNewSpeaker ? promote(order, speaker, pageSize(this.#view)) : order,
    };
    const arrangement = arrange(room, this.#view);
    this.#view = { ...this.#view, page: arrangement.page };
    this.state.set({ arrangement, mode: this.#view.mode, pinned: this.#view.pinned });
    this.#sendSoon();
  }

  /** The first view goes out at once, since a face waits for it. */
  #sendSoon(): void {
    if (this.#sent === "") {
      this.#send();
      return;
    }
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      this.#send();
    }, SETTLE_MS);
  }

  #send(): void {
    const { arrangement } = this.state.get();
    const wanted = tilesWanted(arrangement, this.#pixelRatio);
    const tiles = this.#isHidden ? wanted.filter(({ stage }) => stage) : wanted;
    const text = JSON.stringify(tiles);
    if (text === this.#sent || (this.#sent === "" && tiles.length === 0)) return;
    this.#sent = text;
    this.#call.setView(tiles);
  }
}
