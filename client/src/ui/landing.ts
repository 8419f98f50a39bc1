/** The first page: start a meeting, or go to one by its name. */
import { html, type TemplateResult } from "lit";
import { PageElement } from "./element.ts";
import { icon } from "./icons.ts";
import { languageSelect } from "./language.ts";
import { inventRoomName, roomNameFrom } from "./room-names.ts";
import { wordmark } from "./wordmark.ts";

export class Landing extends PageElement {
  static override properties = { wrong: { state: true }, typed: { state: true } };
  declare wrong: boolean;
  declare typed: string;

  constructor() {
    super();
    this.wrong = false;
    this.typed = "";
  }

  protected override render(): TemplateResult {
    const w = this.words;
    return html`
      <div class="page landing">
        <header class="page-head">${wordmark(w)} ${languageSelect(w)}</header>
        <main class="landing-main">
          <div class="landing-text">
            <h1>${w.tagline}</h1>
            <p class="lead">${w.landingText}</p>
            <div class="landing-actions">
              <button class="button primary large" @click=${() => this.#open(inventRoomName())}>
                ${icon("plus")}${w.newMeeting}
              </button>
              <form class="landing-form" @submit=${this.#submit} novalidate>
                <label class="field">
                  <span class="field-label">${w.meetingName}</span>
                  <input
                    name="room"
                    class="input large"
                    autocomplete="off"
                    autocapitalize="none"
                    spellcheck="false"
                    maxlength="64"
                    aria-invalid=${this.wrong ? "true" : "false"}
                    aria-describedby="room-problem"
                    @input=${this.#type}
                  />
                </label>
                <button class="button large">${w.go}</button>
              </form>
            </div>
            <p class="problem" id="room-problem" role="alert">${this.wrong ? w.badMeetingName : ""}</p>
            ${this.#becomes()}
          </div>
          ${picture()}
        </main>
      </div>
    `;
  }

  /** An address cannot hold all that people write in a name: they see what it makes of it. */
  #becomes(): TemplateResult {
    const name = roomNameFrom(this.typed);
    const isOther = name !== "" && name !== this.typed.trim();
    return html`<p class="hint" id="room-becomes" role="status">${isOther ? this.words.meetingBecomes(name) : ""}</p>`;
  }

  readonly #type = ({ target }: InputEvent): void => {
    if (!(target instanceof HTMLInputElement)) return;
    this.typed = target.value;
    this.wrong = false;
  };

  readonly #submit = (event: SubmitEvent): void => {
    event.preventDefault();
    const form = event.currentTarget;
    if (!(form instanceof HTMLFormElement)) return;
    const name = roomNameFrom(String(new FormData(form).get("room") ?? ""));
    this.wrong = name === "";
    if (this.wrong) form.querySelector("input")?.focus();
    else this.#open(name);
  };

  #open(room: string): void {
    location.assign(`/r/${encodeURIComponent(room)}`);
  }
}

/** A call in miniature, made of shapes: says what this is without a word. */
function picture(): TemplateResult {
  const tile = (colour: number, extra: string) => html`
    <div class="mini-tile avatar-${colour} ${extra}">
      <svg viewBox="0 0 80 60" focusable="false"><circle cx="40" cy="25" r="11" /><path d="M18 60c2-14 11-20 22-20s20 6 22 20Z" /></svg>
    </div>`;
  return html`
    <div class="mini" aria-hidden="true">
      <div class="mini-grid">${tile(0, "mini-speaking")}${tile(3, "")}${tile(7, "")}${tile(9, "")}</div>
      <div class="mini-bar">
        <span>${icon("microphone")}</span><span>${icon("camera")}</span><span>${icon("screen")}</span>
        <span class="mini-leave">${icon("leave")}</span>
      </div>
    </div>`;
}

customElements.define("meet-landing", Landing);
