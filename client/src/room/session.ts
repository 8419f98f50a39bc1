/**
 * One person's presence in one room, through cuts and new joins.
 *
 * Events flow from the attachment into the room's state; wishes flow back as requests. A session
 * that the server forgot, or a media path beyond mending, leads to joining anew. Knows no DOM.
 */
import type { Capture } from "../media/capture.ts";
import type { Answer, Joined, Request, ServerEvent, Tile, TrackSource } from "../protocol/index.ts";
import { backoffDelay, wait } from "../signal/backoff.ts";
import type { SignalState } from "../signal/client.ts";
import { Store, unreachable } from "../store.ts";
import { firstView } from "./arrangement.ts";
import { Attachment, type AttachmentListener, type AttachmentOptions } from "./attachment.ts";
import type { Call, CallState, EndReason, Notice } from "./call.ts";
import { Lobby } from "./lobby.ts";
import { noticeOf } from "./notices.ts";
import { watchQuality } from "./quality-watch.ts";
import { isPassing, refusalOf } from "./refusal.ts";
import { fromJoined, reassigned, reduce, withSlots } from "./state.ts";
import { Switching } from "./switching.ts";

export interface SessionOptions extends AttachmentOptions {
  newKey: () => string;
}

const JOIN_TIMEOUT_MS = 15_000;
/** A restarted server is back within a minute, or its people have gone elsewhere. */
const REJOIN_FOR_MS = 90_000;
const REJOIN_BACKOFF = { firstMs: 500, maxMs: 5_000, jitter: 0.5 };

export class RoomSession implements Call, AttachmentListener {
  readonly state = new Store<CallState>({
    phase: { name: "joining" },
    entry: null,
    room: null,
    quality: "good",
    switching: new Set(),
  });
  readonly capture: Capture;
  readonly videoSlots: number;
  onNotice: ((notice: Notice) => void) | null = null;
  readonly #options: SessionOptions;
  readonly #ending = new AbortController();
  #name = "";
  readonly #lobby: Lobby;
  #attached: Attachment | null = null;
  #isSignalCut = false;
  #isPathBroken = false;
  #isRejoining = false;
  #view: readonly Tile[] = [];
  readonly #switching = new Switching(
    async () => (await this.#attached?.stats()) ?? null,
    (switching) => this.state.patch({ switching }),
    this.#ending.signal,
  );

  constructor(options: SessionOptions) {
    this.#options = options;
    this.capture = options.capture;
    this.videoSlots = options.videoSlots;
    this.#lobby = new Lobby(
      () => new Attachment(options),
      (entry) => this.state.patch({ entry }),
    );
  }

  /** Does ahead what can be, while the person still looks into the mirror. */
  prepare(): void {
    if (this.#name === "") this.#lobby.prepare();
  }

  async join(name: string): Promise<void> {
    this.#name = name;
    this.state.patch({ phase: { name: "joining" } });
    try {
      await this.#attach();
    } catch (error) {
      if (!this.#ending.signal.aborted) {
        this.state.patch({ phase: { name: "refused", ...refusalOf(error) } });
      }
      return;
    }
    const stats = async () => (await this.#attached?.stats()) ?? null;
    watchQuality(stats, (quality) => this.state.patch({ quality }), this.#ending.signal);
  }

  stream(mid: string): MediaStream | null {
    return this.#attached?.stream(mid) ?? null;
  }

  setView(tiles: readonly Tile[]): void {
    this.#view = tiles;
    this.#attached?.show(tiles);
  }

  sendChat(text: string, to?: string): Promise<boolean> {
    const key = this.#options.newKey();
    return this.#ask({ type: "send_chat", key, text, ...(to === undefined ? {} : { to }) });
  }

  muteTrack(track: string): void {
    void this.#ask({ type: "mute_track", track });
  }

  removeParticipant(participant: string): void {
    void this.#ask({ type: "remove_participant", participant });
  }

  lockRoom(isLocked: boolean): void {
    void this.#ask({ type: "lock_room", locked: isLocked });
  }

  capVideo(kbps: number | null): void {
    void this.#ask({ type: "cap_video", ...(kbps === null ? {} : { kbps }) });
  }

  endRoom(): void {
    void this.#ask({ type: "end_room" });
  }

  leave(): void {
    this.#end("left");
  }

  /** The device changed networks or woke up: mend at once instead of waiting for timeouts. */
  networkChanged(): void {
    this.#attached?.networkChanged();
  }

  onEvent(event: ServerEvent): void {
    const { room } = this.state.get();
    if (!room) return;
    const notice = noticeOf(room, event);
    this.state.patch({ room: reduce(room, event) });
    if (event.type === "slots") this.#switching.begin(reassigned(room, event.slots));
    this.#follow(event, room.self);
    if (notice) this.onNotice?.(notice);
  }

  onResumed(joined: Joined): void {
    this.state.patch({ room: fromJoined(joined) });
    this.#attached?.want(joined.wanted ?? []);
    this.setView(this.#view);
  }

  onSignalState(state: SignalState): void {
    switch (state) {
      case "resuming":
      case "open":
        this.#isSignalCut = state === "resuming";
        this.#showPhase();
        return;
      case "expired":
        void this.#rejoin();
        return;
      case "replaced":
        this.#end("replaced");
        return;
      case "idle":
      case "closed":
        return;
      default:
        unreachable(state);
    }
  }

  onBroken(isBroken: boolean): void {
    this.#isPathBroken = isBroken;
    this.#showPhase();
  }

  onSlots(answer: Answer): void {
    const { room } = this.state.get();
    if (room) this.state.patch({ room: withSlots(room, answer.video_slots, answer.audio_mids) });
    this.setView(this.#view);
  }

  onRejoinNeeded(): void {
    void this.#rejoin();
  }

  onRefused(error: unknown): void {
    this.onNotice?.({ kind: "failed", problem: refusalOf(error).problem });
  }

  async #attach(): Promise<void> {
    const attachment = this.#lobby.take() ?? new Attachment(this.#options);
    const attempt = AbortSignal.any([this.#ending.signal, AbortSignal.timeout(JOIN_TIMEOUT_MS)]);
    const adopt = (joined: Joined) => this.#adopt(attachment, joined);
    try {
      await attachment.join(this.#name, this, adopt, attempt);
    } catch (error) {
      if (this.#attached === attachment) this.#attached = null;
      attachment.close();
      throw error;
    }
  }

  #adopt(attachment: Attachment, joined: Joined): void {
    this.#attached = attachment;
    this.#isSignalCut = false;
    this.#isPathBroken = false;
    const room = fromJoined(joined);
    // Nobody is to believe that they are seen.
    if (room.role === "subscriber") this.capture.release();
    const view = this.#view.length > 0 ? this.#view : firstView(room, this.videoSlots);
    attachment.show(view);
    this.state.patch({ room });
    this.#showPhase();
  }

  #follow(event: ServerEvent, self: string): void {
    switch (event.type) {
      case "media_restart_needed":
        this.#attached?.lostByServer();
        return;
      case "layers_wanted":
        this.#attached?.want([event.layers]);
        return;
      case "ended":
        this.#endedByServer(event.reason);
        return;
      case "track_updated":
        if (event.by_moderator && event.participant === self && !event.track.live) {
          this.#attached?.stoppedByServer(event.track.source);
          void this.#stopCapture(event.track.source);
        }
        return;
      default:
        return;
    }
  }

  #endedByServer(reason: Extract<ServerEvent, { type: "ended" }>["reason"]): void {
    switch (reason) {
      case "removed":
      case "room_ended":
        this.#end(reason);
        return;
      case "server_stopped":
      case "media_lost":
        void this.#rejoin();
        return;
      default:
        unreachable(reason);
    }
  }

  #stopCapture(source: TrackSource): Promise<void> {
    switch (source) {
      case "microphone":
        return this.capture.setMicrophone(false);
      case "camera":
        return this.capture.setCamera(false);
      case "screen":
      case "screen_audio":
        return this.capture.setScreen(false);
    }
  }

  /** The last resort: everything anew, with the same devices, until it works or hope is gone. */
  async #rejoin(): Promise<void> {
    if (this.#isRejoining || this.#ending.signal.aborted) return;
    this.#isRejoining = true;
    this.#attached?.close();
    this.#attached = null;
    this.#showPhase();
    const deadline = performance.now() + REJOIN_FOR_MS;
    try {
      for (let attempt = 0; !(await this.#tryRejoin(deadline)); attempt++) {
        await wait(backoffDelay(attempt, REJOIN_BACKOFF), this.#ending.signal);
      }
    } catch {
      // Left meanwhile.
    } finally {
      this.#isRejoining = false;
      this.#showPhase();
    }
  }

  /** Whether trying is over. */
  async #tryRejoin(deadline: number): Promise<boolean> {
    try {
      await this.#attach();
      return true;
    } catch (error) {
      if (this.#ending.signal.aborted) return true;
      const { problem } = refusalOf(error);
      if (isPassing(problem) && performance.now() < deadline) return false;
      this.#end("server_stopped");
      return true;
    }
  }

  async #ask(request: Request): Promise<boolean> {
    if (!this.#attached) return false;
    try {
      await this.#attached.request(request);
      return true;
    } catch (error) {
      if (!this.#ending.signal.aborted) this.onRefused(error);
      return false;
    }
  }

  #showPhase(): void {
    const { phase } = this.state.get();
    if (phase.name === "ended") return;
    const isDown = this.#isSignalCut || this.#isPathBroken || this.#isRejoining;
    const name = isDown ? "reconnecting" : "joined";
    if (phase.name !== name) this.state.patch({ phase: { name } });
  }

  #end(reason: EndReason): void {
    if (this.#ending.signal.aborted) return;
    this.#ending.abort();
    this.#attached?.close();
    this.#lobby.take()?.close();
    this.#attached = null;
    this.state.patch({ phase: { name: "ended", reason } });
  }
}
