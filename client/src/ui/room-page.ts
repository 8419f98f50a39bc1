/** The page of one room: before, during and after the call. */
import { html, type PropertyValues, type TemplateResult } from "lit";
import { cameraPlan } from "../media/camera.ts";
import { Capture } from "../media/capture.ts";
import type { CallState } from "../room/call.ts";
import type { RoomSession } from "../room/session.ts";
import { unreachable } from "../store.ts";
import "./call.ts";
import { PageElement } from "./element.ts";
import { endedPage, refusedPage } from "./ended.ts";
import "./prejoin.ts";
import { settings } from "./settings.ts";
import { nameIn, opensAt } from "./token.ts";

export type OpenSession = (room: string, token: string | null, capture: Capture) => RoomSession;

export class RoomPage extends PageElement {
  static override properties = { room: {}, busy: { state: true } };
  declare room: string;
  declare busy: boolean;
  openSession: OpenSession | null = null;
  #query = new URLSearchParams();
  /** Fixed by the token. */
  #givenName: string | null = null;
  #capture: Capture | null = null;
  #session: RoomSession | null = null;
  #state: CallState | null = null;
  #isEntered = false;

  constructor() {
    super();
    this.busy = false;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.#query = new URLSearchParams(location.search);
    this.#givenName = nameIn(this.#query.get("token"));
    document.title = `${this.room} · ${this.words.product}`;
    this.#begin();
    if (this.#query.get("join") === "1") void this.#join(this.#name() || this.#guestName());
    const leave = () => this.#session?.leave();
    const mend = () => this.#session?.networkChanged();
    // Brought back by the browser as it was left: out of the meeting, its connections closed.
    const begin = (event: PageTransitionEvent) => event.persisted && location.reload();
    window.addEventListener("pagehide", leave);
    window.addEventListener("pageshow", begin);
    window.addEventListener("online", mend);
    this.onDisconnect(() => {
      window.removeEventListener("pagehide", leave);
      window.removeEventListener("pageshow", begin);
      window.removeEventListener("online", mend);
    });
  }

  protected override updated(changed: PropertyValues<this>): void {
    if (changed.has("busy") || !this.#state || this.#state.phase.name === "joined") return;
    if (this.#state.phase.name === "ended") this.querySelector<HTMLElement>(".ended h1")?.focus();
  }

  protected override render(): TemplateResult {
    const w = this.words;
    const session = this.#session;
    const capture = this.#capture;
    const phase = this.#state?.phase;
    if (phase?.name === "ended") return endedPage(phase.reason, w, () => this.#again());
    if (phase?.name === "refused") return refusedPage(phase.problem, w, () => this.#again());
    if (this.#isEntered && session) return html`<meet-call .call=${session}></meet-call>`;
    return html`<meet-prejoin
      .room=${this.room}
      .name=${this.#name()}
      .nameFixed=${this.#givenName !== null}
      .capture=${capture}
      .busy=${this.busy}
      .entry=${this.#state?.entry ?? null}
      .opensAt=${opensAt(this.#query.get("token"))}
      @near=${() => this.#session?.prepare()}
      @join=${(event: CustomEvent<string>) => {
        if (this.#givenName === null) settings.set("name", event.detail);
        void this.#join(event.detail);
      }}
    ></meet-prejoin>`;
  }

  /** Devices on, offer made, socket open: what can be done before the person decides. */
  #begin(): void {
    const chosen = {
      microphone: settings.get("microphone") ?? "",
      camera: settings.get("camera") ?? "",
      speaker: settings.get("speaker") ?? "",
    };
    this.#capture = new Capture(navigator.mediaDevices, chosen, cameraPlan());
    void this.#capture.start(!settings.isOn("microphone_off"), !settings.isOn("camera_off"));
    this.#session = this.openSession?.(this.room, this.#query.get("token"), this.#capture) ?? null;
    if (!this.#session) return;
    this.#session.prepare();
    const session = this.#session;
    this.watch(session.state, (state) => {
      if (session === this.#session) this.#changed(state);
    });
  }

  #changed(state: CallState): void {
    this.#state = state;
    switch (state.phase.name) {
      case "joining":
        return;
      case "joined":
      case "reconnecting":
        this.#isEntered = true;
        this.busy = false;
        return;
      case "refused":
      case "ended":
        this.#isEntered = false;
        this.busy = false;
        this.#capture?.close();
        return;
      default:
        unreachable(state.phase);
    }
  }

  async #join(name: string): Promise<void> {
    this.busy = true;
    await this.#session?.join(name);
  }

  #again(): void {
    this.#state = null;
    this.#begin();
    this.requestUpdate();
  }

  #name(): string {
    return this.#givenName ?? this.#query.get("name") ?? settings.get("name") ?? "";
  }

  #guestName(): string {
    const [number = 0] = crypto.getRandomValues(new Uint16Array(1));
    return `Guest ${100 + (number % 900)}`;
  }
}

customElements.define("meet-room-page", RoomPage);
