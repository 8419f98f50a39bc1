/** The pictures: places each tile where the arrangement says, and tells the viewer how much room there is. */
import { html, nothing, type TemplateResult } from "lit";
import { repeat } from "lit/directives/repeat.js";
import type { Arrangement, PlacedTile } from "../room/arrangement.ts";
import { type Call, speakingNow } from "../room/call.ts";
import { slotOf, trackOf } from "../room/state.ts";
import type { Viewer } from "../room/viewer.ts";
import { PageElement } from "./element.ts";
import { icon } from "./icons.ts";
import { styles } from "./styles.ts";
import "./tile.ts";

export class Stage extends PageElement {
  static override properties = { call: { attribute: false }, viewer: { attribute: false } };
  declare call: Call;
  declare viewer: Viewer;
  #own: MediaStream | null = null;

  override connectedCallback(): void {
    super.connectedCallback();
    this.watch(this.call.state);
    this.watch(this.viewer.state);
    this.watch(this.call.capture.state);
    const observer = new ResizeObserver(() => this.#measure());
    observer.observe(this);
    this.onDisconnect(() => observer.disconnect());
    this.#measure();
  }

  #measure(): void {
    const style = getComputedStyle(this);
    const width = this.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
    const height = this.clientHeight - parseFloat(style.paddingTop) - parseFloat(style.paddingBottom);
    this.viewer.resize({ width, height }, window.devicePixelRatio || 1);
  }

  protected override render(): TemplateResult {
    const { arrangement } = this.viewer.state.get();
    return html`
      <div class="tiles" role="group" aria-label=${this.words.videos}>
        ${repeat(
          arrangement.tiles,
          ({ subject }) => subject.key,
          (tile) => this.#tile(tile),
        )}
        ${this.#pager(arrangement)}
      </div>
    `;
  }

  #tile({ subject, rect, place }: PlacedTile): TemplateResult {
    const state = this.call.state.get();
    const { room, switching } = state;
    const { participant, source, track, isSelf } = subject;
    const microphone = trackOf(participant, "microphone");
    const slot = room && track !== null && !isSelf ? slotOf(room, track) : undefined;
    const isSpeaking = microphone !== undefined && speakingNow(state).has(microphone.id);
    const isMuted = isSelf ? !this.call.capture.state.get().microphone.on : !microphone?.live;
    const { pinned } = this.viewer.state.get();
    return html`<meet-tile
      class="tile place-${place} ${isSpeaking && source === "camera" ? "is-speaking" : ""}"
      ${styles({
        width: `${rect.width}px`,
        height: `${rect.height}px`,
        transform: `translate(${rect.x}px, ${rect.y}px)`,
      })}
      data-participant=${isSelf ? nothing : participant.id}
      data-source=${isSelf ? nothing : source}
      data-track=${isSelf || track === null ? nothing : track}
      data-self=${isSelf ? "" : nothing}
      .participantId=${participant.id}
      .name=${participant.name}
      .source=${source}
      .place=${place}
      .stream=${isSelf ? this.#ownStream() : slot ? this.call.stream(slot.mid) : null}
      .isSelf=${isSelf}
      .isLive=${isSelf ? this.#ownStream() !== null : subject.isLive}
      .isMuted=${isMuted && source === "camera"}
      .isPinned=${pinned === subject.key}
      .isUndecodable=${slot?.undecodable ?? false}
      .isOff=${slot?.off ?? false}
      .reason=${slot?.reason ?? null}
      .isSwitching=${slot !== undefined && switching.has(slot.mid)}
      .isReconnecting=${participant.reconnecting ?? false}
      @pin=${() => this.viewer.togglePin(subject.key)}
    ></meet-tile>`;
  }

  #ownStream(): MediaStream | null {
    const { track } = this.call.capture.state.get().camera;
    if (!track) this.#own = null;
    else if (this.#own?.getVideoTracks()[0] !== track) this.#own = new MediaStream([track]);
    return this.#own;
  }

  #pager({ page, pages, pager }: Arrangement): TemplateResult | typeof nothing {
    if (!pager) return nothing;
    const w = this.words;
    const place = { left: `${pager.x}px`, top: `${pager.y}px` };
    return html`<nav class="pager" aria-label=${w.page(page + 1, pages)} ${styles(place)}>
      <button class="round" aria-label=${w.previousPage} ?disabled=${page === 0} @click=${() => this.viewer.turnPage(-1)}>
        ${icon("left")}
      </button>
      <span>${page + 1} / ${pages}</span>
      <button class="round" aria-label=${w.nextPage} ?disabled=${page === pages - 1} @click=${() => this.viewer.turnPage(1)}>
        ${icon("right")}
      </button>
    </nav>`;
  }
}

customElements.define("meet-stage", Stage);
