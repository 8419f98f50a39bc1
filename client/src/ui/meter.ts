/** Shows that the microphone hears something. */
import { html, type PropertyValues, type TemplateResult } from "lit";
import { type LevelMeter, openLevelMeter } from "../media/level.ts";
import { PageElement } from "./element.ts";
import { styles } from "./styles.ts";

/** Fast enough to feel live; drawing each frame would cost more than it shows. */
const EVERY_MS = 80;

export class LevelBar extends PageElement {
  static override properties = { track: { attribute: false }, level: { state: true } };
  declare track: MediaStreamTrack | null;
  declare level: number;
  #meter: LevelMeter | null = null;
  #timer: ReturnType<typeof setInterval> | null = null;

  constructor() {
    super();
    this.track = null;
    this.level = 0;
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#stop();
  }

  protected override willUpdate(changed: PropertyValues<this>): void {
    if (!changed.has("track")) return;
    this.#stop();
    if (!this.track) return;
    this.#meter = openLevelMeter(this.track);
    this.#timer = setInterval(() => {
      this.level = Math.round((this.#meter?.read() ?? 0) * 100);
    }, EVERY_MS);
  }

  protected override render(): TemplateResult {
    return html`<div
      class="level"
      role="meter"
      aria-label=${this.words.microphoneLevel}
      aria-valuemin="0"
      aria-valuemax="100"
      aria-valuenow=${this.level}
    >
      <div class="level-bar" ${styles({ width: `${this.level}%` })}></div>
    </div>`;
  }

  #stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
    this.#meter?.close();
    this.#meter = null;
    this.level = 0;
  }
}

customElements.define("meet-level", LevelBar);
