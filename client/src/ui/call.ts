/** The call on screen: pictures, bar, panel, and what is said about them. Composes; each part has its own file. */
import { html, nothing, type PropertyValues, type TemplateResult } from "lit";
import type { LayoutMode } from "../room/arrangement.ts";
import { type Call, type Notice, speakingNow } from "../room/call.ts";
import type { RoomState } from "../room/state.ts";
import { Viewer } from "../room/viewer.ts";
import { unreachable } from "../store.ts";
import { callDialog, type OpenDialog } from "./call-dialogs.ts";
import { type MenuActions, menuItems } from "./call-menu.ts";
import "./chat-panel.ts";
import type { ChatPanel } from "./chat-panel.ts";
import "./control-bar.ts";
import { aloneCard, banners, soundBlocked } from "./call-banners.ts";
import type { Panel } from "./control-bar.ts";
import { cameraProblem, microphoneProblem } from "./devices.ts";
import { PageElement } from "./element.ts";
import { icon } from "./icons.ts";
import { noticeText } from "./notice-text.ts";
import { copyText, invitation } from "./page-links.ts";
import "./people-panel.ts";
import type { PeopleAction } from "./people-panel.ts";
import { toggleFullScreen, togglePictureInPicture } from "./screen-modes.ts";
import { settings } from "./settings.ts";
import { actionOf, type ShortcutAction } from "./shortcuts.ts";
import { SoundOutput } from "./sound.ts";
import "./stage.ts";
import "./toasts.ts";
import type { Toasts } from "./toasts.ts";
import { toggleCamera, toggleMicrophone } from "./toggle.ts";

/** Many people joining at once must not fill the screen with their names. */
const QUIET_FROM = 12;

export class CallView extends PageElement {
  static override properties = {
    call: { attribute: false },
    panel: { state: true },
    open: { state: true },
    seen: { state: true },
    chatTo: { state: true },
  };
  declare call: Call;
  declare panel: Panel | null;
  declare open: OpenDialog | null;
  /** How many messages the person has seen. */
  declare seen: number;
  declare chatTo: string;
  #viewer: Viewer | null = null;
  readonly #sound = new SoundOutput();

  constructor() {
    super();
    this.panel = null;
    this.open = null;
    this.seen = 0;
    this.chatTo = "";
  }

  override connectedCallback(): void {
    super.connectedCallback();
    const viewer = new Viewer(this.call, settings.get("layout") === "speaker" ? "speaker" : "grid");
    this.#viewer = viewer;
    this.seen = this.call.state.get().room?.chat.length ?? 0;
    this.watch(viewer.state);
    this.watch(this.call.state, () => this.#playSound());
    this.watch(this.call.capture.state, ({ chosen }) => this.#sound.setSpeaker(chosen.speaker));
    this.watch(this.#sound.isBlocked);
    this.call.onNotice = (notice) => this.#notice(notice);
    this.#listen(viewer);
    this.#sound.setSpeaker(this.call.capture.state.get().chosen.speaker);
    this.#playSound();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#viewer?.close();
    this.#sound.close();
    this.call.onNotice = null;
  }

  #listen(viewer: Viewer): void {
    const visibility = () =>
      viewer.setHidden(document.visibilityState === "hidden" && !document.pictureInPictureElement);
    const fullScreen = () => this.requestUpdate();
    const key = (event: KeyboardEvent) => this.#key(event);
    document.addEventListener("visibilitychange", visibility);
    document.addEventListener("fullscreenchange", fullScreen);
    document.addEventListener("keydown", key);
    this.onDisconnect(() => {
      document.removeEventListener("visibilitychange", visibility);
      document.removeEventListener("fullscreenchange", fullScreen);
      document.removeEventListener("keydown", key);
    });
  }

  protected override willUpdate(_changed: PropertyValues<this>): void {
    const { room } = this.call.state.get();
    if (this.panel === "chat") this.seen = room?.chat.length ?? 0;
  }

  protected override render(): TemplateResult | typeof nothing {
    const { room } = this.call.state.get();
    if (!room || !this.#viewer) return nothing;
    return html`
      <main class="call ${this.panel ? "with-panel" : ""}">
        <h1 class="hidden">${room.room}</h1>
        <meet-stage class="stage" .call=${this.call} .viewer=${this.#viewer}></meet-stage>
        ${this.#over(room)} ${this.panel ? this.#panel(this.panel, room) : nothing}
        ${this.#bar(room, this.#viewer)}
        <meet-toasts></meet-toasts>
        ${callDialog(this.open, this.call, this.words, () => {
          this.open = null;
        })}
      </main>
    `;
  }

  #bar(room: RoomState, viewer: Viewer): TemplateResult {
    return html`<meet-bar
      .capture=${this.call.capture}
      .room=${room.room}
      .isLocked=${room.isLocked}
      .canPublish=${room.role !== "subscriber"}
      .panel=${this.panel}
      .unread=${this.#unread(room)}
      .count=${room.participants.length}
      .items=${menuItems(this.#menuState(room, viewer), this.#menuActions(room, viewer), this.words)}
      @leave=${() => this.call.leave()}
      @share=${() => void this.#toggleScreen()}
      @panel=${(event: CustomEvent<Panel>) => this.#togglePanel(event.detail)}
      @toggled=${(event: CustomEvent<"microphone" | "camera">) => this.#explain(event.detail)}
    ></meet-bar>`;
  }

  #unread({ chat, self }: RoomState): number {
    return chat.slice(this.seen).filter(({ sender }) => sender !== self).length;
  }

  #over(room: RoomState): TemplateResult {
    const w = this.words;
    const isSharing = this.call.capture.state.get().screen.on;
    return html`${banners(this.call.state.get(), isSharing, w)}
      ${this.#sound.isBlocked.get() ? soundBlocked(w, () => this.#sound.unblock()) : nothing}
      ${room.participants.length === 1 ? aloneCard(room.room, w, () => void this.#copyLink()) : nothing}`;
  }

  #panel(panel: Panel, room: RoomState): TemplateResult {
    const w = this.words;
    return html`<aside class="panel" aria-label=${panel === "chat" ? w.chat : w.participants} @keydown=${this.#panelKey}>
      <div class="panel-head">
        <h2>${panel === "chat" ? w.chat : w.participants}</h2>
        <button class="round" aria-label=${w.closePanel} @click=${() => this.#togglePanel(panel)}>${icon("close")}</button>
      </div>
      ${panel === "chat" ? this.#chat(room) : this.#people(room)}
    </aside>`;
  }

  #chat(room: RoomState): TemplateResult {
    return html`<meet-chat
      .messages=${room.chat}
      .participants=${room.participants}
      .self=${room.self}
      .to=${this.chatTo}
      .send=${(text: string, to?: string) => this.call.sendChat(text, to)}
    ></meet-chat>`;
  }

  #people(room: RoomState): TemplateResult {
    return html`<meet-people
      .participants=${room.participants}
      .speaking=${speakingNow(this.call.state.get())}
      .self=${room.self}
      .isModerator=${room.role === "moderator"}
      .act=${(action: PeopleAction) => this.#actOnPerson(action)}
    ></meet-people>`;
  }

  #actOnPerson(action: PeopleAction): void {
    switch (action.kind) {
      case "mute":
        this.call.muteTrack(action.track);
        return;
      case "remove":
        this.open = { kind: "remove", participant: action.participant };
        return;
      case "message":
        this.chatTo = action.participant;
        this.panel = "chat";
        return;
      case "copy":
        void this.#copyLink();
        return;
      default:
        unreachable(action);
    }
  }

  #menuState(room: RoomState, viewer: Viewer) {
    return {
      mode: viewer.state.get().mode,
      isFullScreen: document.fullscreenElement !== null,
      canFullScreen: document.fullscreenEnabled,
      canPictureInPicture: document.pictureInPictureEnabled === true,
      isModerator: room.role === "moderator",
      isLocked: room.isLocked,
      videoCapKbps: room.videoCapKbps,
    };
  }

  #menuActions(room: RoomState, viewer: Viewer): MenuActions {
    return {
      setMode: (mode) => this.#setMode(viewer, mode),
      toggleFullScreen: () => void toggleFullScreen(),
      pictureInPicture: () => void togglePictureInPicture(this),
      copyLink: () => void this.#copyLink(),
      settings: () => {
        this.open = { kind: "settings" };
      },
      shortcuts: () => {
        this.open = { kind: "shortcuts" };
      },
      toggleLock: () => this.call.lockRoom(!room.isLocked),
      capVideo: (kbps) => this.call.capVideo(kbps),
      end: () => {
        this.open = { kind: "end" };
      },
    };
  }

  #setMode(viewer: Viewer, mode: LayoutMode): void {
    settings.set("layout", mode);
    viewer.setMode(mode);
  }

  #togglePanel(panel: Panel): void {
    const isClosing = this.panel === panel;
    this.panel = isClosing ? null : panel;
    if (panel === "chat" && !isClosing) this.chatTo = "";
    if (isClosing) this.querySelector<HTMLElement>(`[data-panel="${panel}"]`)?.focus();
    else void this.#focusPanel();
  }

  async #focusPanel(): Promise<void> {
    await this.updateComplete;
    const chat = this.querySelector<ChatPanel>("meet-chat");
    if (chat) chat.focusInput();
    else this.querySelector<HTMLElement>(".panel button")?.focus();
  }

  readonly #panelKey = (event: KeyboardEvent): void => {
    if (event.key === "Escape" && this.panel) this.#togglePanel(this.panel);
  };

  #key(event: KeyboardEvent): void {
    const action = actionOf(event);
    if (!action || !this.#viewer) return;
    event.preventDefault();
    this.#run(action, this.#viewer);
  }

  #run(action: ShortcutAction, viewer: Viewer): void {
    const canPublish = this.call.state.get().room?.role !== "subscriber";
    switch (action) {
      case "microphone":
        if (canPublish) void toggleMicrophone(this.call.capture).then(() => this.#explain("microphone"));
        return;
      case "camera":
        if (canPublish) void toggleCamera(this.call.capture).then(() => this.#explain("camera"));
        return;
      case "screen":
        if (canPublish && this.call.capture.canShareScreen) void this.#toggleScreen();
        return;
      case "chat":
      case "people":
        this.#togglePanel(action);
        return;
      case "layout":
        this.#setMode(viewer, viewer.state.get().mode === "grid" ? "speaker" : "grid");
        return;
      case "fullScreen":
        void toggleFullScreen();
        return;
      case "previousPage":
        viewer.turnPage(-1);
        return;
      case "nextPage":
        viewer.turnPage(1);
        return;
      case "help":
        this.open = { kind: "shortcuts" };
        return;
      default:
        unreachable(action);
    }
  }

  #explain(kind: "microphone" | "camera"): void {
    const { problem } = this.call.capture.state.get()[kind];
    if (!problem) return;
    this.#say(
      kind === "camera" ? cameraProblem(problem, this.words) : microphoneProblem(problem, this.words),
    );
  }

  async #toggleScreen(): Promise<void> {
    const { capture } = this.call;
    await capture.setScreen(!capture.state.get().screen.on);
    if (capture.state.get().screen.problem) this.#say(this.words.screenFailed);
  }

  async #copyLink(): Promise<void> {
    const { room } = this.call.state.get();
    if (!room) return;
    this.#say((await copyText(invitation(room.room))) ? this.words.linkCopied : this.words.copyFailed);
  }

  #playSound(): void {
    const streams = new Map<string, MediaStream>();
    for (const mid of this.call.state.get().room?.audioMids ?? []) {
      const stream = this.call.stream(mid);
      if (stream) streams.set(mid, stream);
    }
    this.#sound.play(streams);
  }

  #notice(notice: Notice): void {
    const people = this.call.state.get().room?.participants.length ?? 0;
    if (people >= QUIET_FROM && (notice.kind === "joined" || notice.kind === "left")) return;
    if (notice.kind === "chat" && this.panel === "chat") return;
    this.#say(noticeText(notice, this.words));
  }

  #say(text: string): void {
    this.querySelector<Toasts>("meet-toasts")?.say(text);
  }
}

customElements.define("meet-call", CallView);
