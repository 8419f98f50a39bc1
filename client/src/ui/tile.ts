/** One person or one screen: the picture, the name, the marks. */
import { html, nothing, type PropertyValues, type TemplateResult } from "lit";
import type { Shortfall } from "../protocol/index.ts";
import type { Place } from "../room/arrangement.ts";
import { avatar } from "./avatar.ts";
import { PageElement } from "./element.ts";
import { FrameWatch, type Picture } from "./frame-watch.ts";
import { icon } from "./icons.ts";

const WHY = {
  your_downlink: "whyYourDownlink",
  senders_uplink: "whySendersUplink",
  senders_camera: "whySendersCamera",
  moderators_cap: "whyModeratorsCap",
  server_is_busy: "whyServerIsBusy",
} as const satisfies Record<Shortfall, string>;

export class VideoTile extends PageElement {
  static override properties = {
    participantId: {},
    name: {},
    source: {},
    place: {},
    stream: { attribute: false },
    isSelf: { type: Boolean },
    isLive: { type: Boolean },
    isMuted: { type: Boolean },
    isPinned: { type: Boolean },
    isUndecodable: { type: Boolean },
    isOff: { type: Boolean },
    reason: { attribute: false },
    isReconnecting: { type: Boolean },
    isSwitching: { type: Boolean },
    picture: { state: true },
  };
  declare participantId: string;
  declare name: string;
  declare source: "camera" | "screen";
  declare place: Place;
  declare stream: MediaStream | null;
  declare isSelf: boolean;
  declare isLive: boolean;
  declare isMuted: boolean;
  declare isPinned: boolean;
  declare isUndecodable: boolean;
  /** The server sends nothing, for the reason. */
  declare isOff: boolean;
  /** Why the picture is not better. */
  declare reason: Shortfall | null;
  declare isReconnecting: boolean;
  /** What comes may still be somebody else's picture. */
  declare isSwitching: boolean;
  declare picture: Picture;
  #watch: FrameWatch | null = null;

  constructor() {
    super();
    this.stream = null;
    this.picture = "none";
    this.isSelf = false;
    this.isLive = false;
    this.isMuted = false;
    this.isPinned = false;
    this.isUndecodable = false;
    this.isOff = false;
    this.reason = null;
    this.isReconnecting = false;
    this.isSwitching = false;
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#watch?.close();
    this.#watch = null;
  }

  protected override updated(changed: PropertyValues<this>): void {
    const video = this.querySelector("video");
    if (!video) return;
    this.#watch ??= new FrameWatch(video, (picture) => {
      this.picture = picture;
    });
    if (changed.has("stream")) this.#attach(video);
    else if (changed.has("isLive") && this.isLive) this.#watch.forgive();
  }

  #attach(video: HTMLVideoElement): void {
    video.srcObject = this.stream;
    this.#watch?.reset();
    // A muted video may always play; it is refused only while the element leaves the page.
    if (this.stream) video.play().catch(() => {});
  }

  protected override render(): TemplateResult {
    const canShow =
      this.isLive && !this.isUndecodable && !this.isOff && !this.isSwitching && this.stream !== null;
    const hasPicture = canShow && this.picture !== "none";
    const label = this.#label();
    return html`
      <video
        class="${hasPicture ? "shown" : ""} ${this.isSelf ? "mirrored" : ""} ${this.source}"
        autoplay
        playsinline
        .muted=${true}
        disablepictureinpicture=${nothing}
        aria-label=${label}
      ></video>
      ${hasPicture ? nothing : html`<div class="tile-face">${avatar(this.participantId, this.name)}</div>`}
      ${this.#message(hasPicture)}
      <div class="nameplate">
        ${this.source === "screen" ? icon("screen") : nothing}
        ${this.isMuted ? html`<span class="mark-muted" role="img" aria-label=${this.words.microphoneOff}>${icon("microphoneOff")}</span>` : nothing}
        ${this.#quality()}
        ${this.isPinned ? html`<span role="img" aria-label=${this.words.pinned}>${icon("pin")}</span>` : nothing}
        <span class="nameplate-name">${label}</span>
        <span class="mark-speaking" aria-hidden="true"><i></i><i></i><i></i></span>
      </div>
      ${this.#pinButton(label)}
    `;
  }

  #label(): string {
    const w = this.words;
    if (this.source === "screen") return w.screenOf(this.name);
    if (!this.isSelf) return this.name;
    return this.place === "floating" ? w.you : w.nameYou(this.name);
  }

  #message(hasPicture: boolean): TemplateResult | typeof nothing {
    const w = this.words;
    const text = this.isReconnecting
      ? w.tileReconnecting
      : this.isLive && this.isUndecodable
        ? w.undecodable
        : this.isLive && this.isOff
          ? w.videoOff(w[WHY[this.reason ?? "your_downlink"]])
          : hasPicture && this.picture === "stuck" && this.source === "camera" && !this.isSelf
            ? w.videoPaused
            : null;
    return text === null ? nothing : html`<p class="tile-message">${text}</p>`;
  }

  /** A picture that could be better says why to whoever asks. */
  #quality(): TemplateResult | typeof nothing {
    if (this.reason === null || this.isOff || !this.isLive) return nothing;
    const why = this.words.lowQuality(this.words[WHY[this.reason]]);
    return html`<span class="mark-quality" role="img" aria-label=${why} title=${why}>${icon("signal")}</span>`;
  }

  #pinButton(label: string): TemplateResult | typeof nothing {
    if (this.place === "floating") return nothing;
    const w = this.words;
    return html`<button
      class="tile-pin"
      aria-label=${this.isPinned ? w.unpin(label) : w.pin(label)}
      aria-pressed=${this.isPinned ? "true" : "false"}
      @click=${() => this.dispatchEvent(new CustomEvent("pin", { bubbles: true }))}
    >
      ${icon(this.isPinned ? "unpin" : "pin")}
    </button>`;
  }
}

customElements.define("meet-tile", VideoTile);
