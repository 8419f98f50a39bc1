/** Before the call: who am I, how do I look, do they hear me. Joining works without any device. */
import { html, nothing, type TemplateResult } from "lit";
import type { Capture } from "../media/capture.ts";
import type { JoinProblem } from "../room/call.ts";
import { barOf } from "../room/refusal.ts";
import { avatar } from "./avatar.ts";
import { deviceSelects, problemText } from "./devices.ts";
import { PageElement } from "./element.ts";
import { entryNotice } from "./entry-notice.ts";
import { icon } from "./icons.ts";
import { languageSelect } from "./language.ts";
import { cameraToggle, microphoneToggle } from "./toggle.ts";
import { wordmark } from "./wordmark.ts";

export class Prejoin extends PageElement {
  static override properties = {
    room: {},
    name: {},
    nameFixed: { type: Boolean },
    capture: { attribute: false },
    busy: { type: Boolean },
    entry: {},
    opensAt: { type: Number },
    nameMissing: { state: true },
  };
  declare room: string;
  declare name: string;
  /** By the token: the server takes no other. */
  declare nameFixed: boolean;
  declare capture: Capture;
  declare busy: boolean;
  /** Why the server would not let the person in now. */
  declare entry: JoinProblem | null;
  /** From when on the token holds, in seconds. */
  declare opensAt: number | null;
  declare nameMissing: boolean;
  #shown: MediaStream | null = null;

  constructor() {
    super();
    this.room = "";
    this.name = "";
    this.nameFixed = false;
    this.busy = false;
    this.entry = null;
    this.opensAt = null;
    this.nameMissing = false;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.watch(this.capture.state);
  }

  protected override firstUpdated(): void {
    const box = this.querySelector<HTMLInputElement>("#your-name");
    if (box && matchMedia("(hover: hover)").matches) box.focus();
  }

  protected override render(): TemplateResult {
    const w = this.words;
    const bar = this.entry === null ? "none" : barOf(this.entry);
    return html`
      <div class="page prejoin">
        <header class="page-head">${wordmark(w)} ${languageSelect(w)}</header>
        <main class="prejoin-main">
          <section class="mirror" aria-label=${w.preview}>${this.#mirror()}</section>
          <form class="prejoin-form" @submit=${this.#submit} novalidate>
            <h1>${bar === "for good" ? w.cannotJoin : w.prejoinTitle(this.room)}</h1>
            ${this.#nameField()} ${this.#problem()} ${entryNotice(this.entry, this.room, this.opensAt, w)}
            <button
              class="button primary large"
              aria-describedby="entry-problem"
              @pointerenter=${this.#near}
              @focus=${this.#near}
              ?disabled=${this.busy || bar === "for good" || bar === "for now"}
            >
              ${this.busy ? w.joining : w.join}
            </button>
            <div class="devices">
              ${deviceSelects(this.capture, w)}
            </div>
          </form>
        </main>
      </div>
    `;
  }

  #mirror(): TemplateResult {
    const w = this.words;
    const { camera } = this.capture.state.get();
    const stream = this.#stream(camera.track);
    return html`
      <div class="mirror-picture">
        ${
          stream
            ? html`<video class="mirrored" autoplay playsinline .muted=${true} .srcObject=${stream}></video>`
            : html`<div class="mirror-off">
                ${avatar(this.name || "?", this.name)}
                <p>${camera.pending ? w.cameraStarting : w.cameraIsOff}</p>
              </div>`
        }
        <div class="mirror-controls">${microphoneToggle(this.capture, w)} ${cameraToggle(this.capture, w)}</div>
      </div>
    `;
  }

  #stream(track: MediaStreamTrack | null): MediaStream | null {
    if (!track) return null;
    if (this.#shown?.getVideoTracks()[0] !== track) this.#shown = new MediaStream([track]);
    return this.#shown;
  }

  #nameField(): TemplateResult {
    const w = this.words;
    return html`<label class="field">
        <span class="field-label">${w.yourName}</span>
        <input
          id="your-name"
          class="input large"
          autocomplete="name"
          maxlength="60"
          .value=${this.name}
          ?readonly=${this.nameFixed}
          aria-invalid=${this.nameMissing ? "true" : "false"}
          aria-describedby="name-problem"
          @input=${this.#typed}
        />
      </label>
      <p class="problem" id="name-problem" role="alert">${this.nameMissing ? w.nameNeeded : ""}</p>`;
  }

  #problem(): TemplateResult | typeof nothing {
    const w = this.words;
    const text = problemText(this.capture.state.get(), w);
    if (text === null) return nothing;
    return html`<div class="notice" role="status">
      ${icon("warning")}
      <p>${text} <strong>${w.watchAnyway}</strong></p>
    </div>`;
  }

  /** The person is about to join. */
  readonly #near = (): void => {
    this.dispatchEvent(new CustomEvent("near"));
  };

  readonly #typed = (event: InputEvent): void => {
    if (!(event.target instanceof HTMLInputElement)) return;
    this.name = event.target.value;
    this.#near();
    if (this.name.trim()) this.nameMissing = false;
  };

  readonly #submit = (event: SubmitEvent): void => {
    event.preventDefault();
    const name = this.name.trim();
    this.nameMissing = name === "";
    if (this.nameMissing) {
      this.querySelector<HTMLInputElement>("#your-name")?.focus();
      return;
    }
    this.dispatchEvent(new CustomEvent("join", { detail: name }));
  };
}

customElements.define("meet-prejoin", Prejoin);
