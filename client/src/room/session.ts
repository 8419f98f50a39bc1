/**
 * One person's presence in one room: joins signalling, media path and room state together.
 *
 * Events flow from signalling into the state; what is captured flows to the media path; a cut of
 * either is mended here, by resume, ICE restart, or as the last resort by joining anew.
 * Knows no DOM.
 */
import type { Capture } from "../media/capture.ts";
import { Publisher } from "../media/publisher.ts";
import { judge, type Reading, readQuality } from "../media/quality.ts";
import type { MediaTransport } from "../media/transport.ts";
import type { Joined, Request, ServerEvent, Tile, TrackSource } from "../protocol/index.ts";
import { backoffDelay, wait } from "../signal/backoff.ts";
import type { SignalClient, SignalState } from "../signal/client.ts";
import { RequestRefused } from "../signal/errors.ts";
import { Store, unreachable } from "../store.ts";
import type { Call, CallState, EndReason, JoinProblem, Notice } from "./call.ts";
import { noticeOf } from "./notices.ts";
import { PathKeeper, type Remedy } from "./path.ts";
import { fromJoined, reduce, withSlots } from "./state.ts";

export interface SessionOptions {
  room: string;
  token: string | null;
  capture: Capture;
  videoSlots: number;
  openTransport: () => MediaTransport;
  openSignal: () => SignalClient;
  newKey: () => string;
}

const JOIN_TIMEOUT_MS = 15_000;
const QUALITY_EVERY_MS = 4_000;
/** A restarted server is back within a minute, or its people have gone elsewhere. */
const REJOIN_FOR_MS = 90_000;
const REJOIN_BACKOFF = { firstMs: 500, maxMs: 5_000, jitter: 0.5 };

/** What lives and dies with one join. */
interface Attachment {
  transport: MediaTransport;
  signal: SignalClient;
  publisher: Publisher;
  path: PathKeeper;
}

export class RoomSession implements Call {
  readonly state = new Store<CallState>({ phase: { name: "joining" }, room: null, quality: "good" });
  readonly capture: Capture;
  readonly videoSlots: number;
  onNotice: ((notice: Notice) => void) | null = null;
  readonly #options: SessionOptions;
  readonly #ending = new AbortController();
  #name = "";
  #ready: { transport: MediaTransport; signal: SignalClient } | null = null;
  #attached: Attachment | null = null;
  #isSignalCut = false;
  #isPathBroken = false;
  #isRejoining = false;
  /** What the server was last told of each source. */
  readonly #told = new Map<TrackSource, boolean>();
  #view: readonly Tile[] = [];
  #reading: Reading | null = null;

  constructor(options: SessionOptions) {
    this.#options = options;
    this.capture = options.capture;
    this.videoSlots = options.videoSlots;
  }

  /** Makes the offer and opens the socket while the person still looks into the mirror. */
  prepare(): void {
    this.#makeReady();
  }

  async join(name: string): Promise<void> {
    this.#name = name;
    this.state.patch({ phase: { name: "joining" } });
    try {
      await this.#attach();
      this.#watchQuality();
    } catch (error) {
      if (this.#ending.signal.aborted) return;
      this.state.patch({ phase: { name: "refused", ...refusalOf(error) } });
    }
  }

  stream(mid: string): MediaStream | null {
    return this.#attached?.transport.stream(mid) ?? null;
  }

  setView(tiles: readonly Tile[]): void {
    this.#view = tiles;
    this.#attached?.signal.notify({ type: "set_view", tiles });
  }

  async sendChat(text: string, to?: string): Promise<boolean> {
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

  endRoom(): void {
    void this.#ask({ type: "end_room" });
  }

  leave(): void {
    if (this.#ending.signal.aborted) return;
    this.#attached?.signal.leave();
    this.#end("left");
  }

  /** The device changed networks or woke up: mend at once instead of waiting for timeouts. */
  networkChanged(): void {
    this.#attached?.signal.hurry();
    this.#attached?.path.networkChanged();
  }

  #makeReady(): { transport: MediaTransport; signal: SignalClient } {
    if (!this.#ready) {
      const transport = this.#options.openTransport();
      transport.prepare().catch(() => {});
      const signal = this.#options.openSignal();
      signal.prepare();
      this.#ready = { transport, signal };
    }
    return this.#ready;
  }

  async #attach(): Promise<void> {
    const { transport, signal } = this.#makeReady();
    this.#ready = null;
    const publisher = this.#publish(transport);
    const attempt = AbortSignal.any([this.#ending.signal, AbortSignal.timeout(JOIN_TIMEOUT_MS)]);
    try {
      const sdp = await transport.prepare();
      const tracks = transport.offered((source) => publisher.isLive(source));
      const { room, token } = this.#options;
      const joined = await signal.join(
        { type: "join", room, name: this.#name, sdp, tracks, ...(token === null ? {} : { token }) },
        attempt,
      );
      this.#adopt(joined, { transport, signal, publisher });
      for (const { source, live } of tracks) {
        this.#told.set(source, live);
        // A device may have opened while the answer was on its way.
        this.#setTrack(source, publisher.isLive(source));
      }
      await transport.accept(joined.sdp ?? "");
    } catch (error) {
      publisher.close();
      this.#detach();
      signal.leave();
      transport.close();
      throw error;
    }
  }

  #adopt(joined: Joined, parts: Omit<Attachment, "path">): void {
    const path = new PathKeeper({
      mend: (remedy) => void this.#mend(remedy),
      onBroken: (isBroken) => {
        this.#isPathBroken = isBroken;
        this.#showPhase();
      },
    });
    this.#attached = { ...parts, path };
    parts.transport.onState = (state) => path.onState(state);
    parts.signal.listener = {
      onSignalState: (state) => this.#signalChanged(state),
      onEvent: (event) => this.#receive(event),
      onResumed: (resumed) => this.#resumed(resumed),
    };
    this.#isSignalCut = false;
    this.#isPathBroken = false;
    this.state.patch({ room: fromJoined(joined) });
    this.#showPhase();
    if (this.#view.length > 0) this.setView(this.#view);
  }

  #detach(): void {
    const attached = this.#attached;
    this.#attached = null;
    if (!attached) return;
    attached.signal.listener = null;
    attached.path.close();
    attached.publisher.close();
    attached.signal.leave();
    attached.transport.close();
  }

  #signalChanged(state: SignalState): void {
    switch (state) {
      case "resuming":
        this.#isSignalCut = true;
        this.#showPhase();
        return;
      case "open":
        this.#isSignalCut = false;
        this.#showPhase();
        return;
      case "expired":
        void this.#rejoin();
        return;
      case "idle":
      case "closed":
        return;
      default:
        unreachable(state);
    }
  }

  #resumed(joined: Joined): void {
    this.state.patch({ room: fromJoined(joined) });
    this.#attached?.signal.notify({ type: "set_view", tiles: this.#view });
  }

  #receive(event: ServerEvent): void {
    const { room } = this.state.get();
    if (!room) return;
    const notice = noticeOf(room, event);
    this.state.patch({ room: reduce(room, event) });
    switch (event.type) {
      case "media_restart_needed":
        this.#attached?.path.lostByServer();
        break;
      case "ended":
        this.#endedByServer(event.reason);
        break;
      case "track_updated":
        if (event.by_moderator && event.participant === room.self && !event.track.live) {
          // The server knows already.
          this.#told.set(event.track.source, false);
          void this.#stopCapture(event.track.source);
        }
        break;
      default:
        break;
    }
    if (notice) this.onNotice?.(notice);
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

  #setTrack(source: TrackSource, live: boolean): void {
    if (!this.#attached || this.#told.get(source) === live) return;
    this.#told.set(source, live);
    void this.#ask({ type: "set_track", source, live });
  }

  async #mend(remedy: Remedy): Promise<void> {
    const attached = this.#attached;
    if (!attached) return;
    try {
      switch (remedy) {
        case "restart":
          await this.#offerAgain(attached.transport, await attached.transport.restart(), attached);
          return;
        case "replace":
          await this.#replaceTransport(attached);
          return;
        case "rejoin":
          await this.#rejoin();
          return;
      }
    } catch (error) {
      if (attached !== this.#attached || this.#ending.signal.aborted) return;
      console.warn("media:", remedy, error);
      // Only a refusal is final; a lost connection resumes, or expires and ends this attachment.
      if (error instanceof RequestRefused) attached.path.refused();
    }
  }

  /** The server forgot the old transport; the session, its tracks and its chat live on. */
  async #replaceTransport(attached: Attachment): Promise<void> {
    const transport = this.#options.openTransport();
    const publisher = this.#publish(transport);
    attached.publisher.close();
    attached.transport.close();
    attached.transport = transport;
    attached.publisher = publisher;
    transport.onState = (state) => attached.path.onState(state);
    await this.#offerAgain(transport, await transport.prepare(), attached);
  }

  async #offerAgain(transport: MediaTransport, sdp: string, attached: Attachment): Promise<void> {
    const tracks = transport.offered((source) => attached.publisher.isLive(source));
    const answer = await attached.signal.request({ type: "offer", sdp, tracks }, this.#ending.signal);
    if (answer.type !== "answer" || attached !== this.#attached) return;
    await transport.accept(answer.sdp);
    const { room } = this.state.get();
    if (room) this.state.patch({ room: withSlots(room, answer.video_slots, answer.audio_mids) });
    attached.signal.notify({ type: "set_view", tiles: this.#view });
  }

  #publish(transport: MediaTransport): Publisher {
    return new Publisher(this.capture, transport, (source, live) => this.#setTrack(source, live));
  }

  /** The last resort: everything anew, with the same devices, until it works or hope is gone. */
  async #rejoin(): Promise<void> {
    if (this.#isRejoining || this.#ending.signal.aborted) return;
    this.#isRejoining = true;
    this.#detach();
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
      if (!this.#ending.signal.aborted) this.#showPhase();
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
      this.#end(problem === "room_locked" ? "removed" : "server_stopped");
      return true;
    }
  }

  async #ask(request: Request): Promise<boolean> {
    const signal = this.#attached?.signal;
    if (!signal) return false;
    try {
      await signal.request(request, this.#ending.signal);
      return true;
    } catch (error) {
      if (!this.#ending.signal.aborted) {
        this.onNotice?.({ kind: "failed", problem: refusalOf(error).problem });
      }
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
    this.#detach();
    this.#ready?.transport.close();
    this.#ready?.signal.leave();
    this.#ready = null;
    this.state.patch({ phase: { name: "ended", reason } });
  }

  #watchQuality(): void {
    const timer = setInterval(() => void this.#readQuality(), QUALITY_EVERY_MS);
    this.#ending.signal.addEventListener("abort", () => clearInterval(timer), { once: true });
  }

  async #readQuality(): Promise<void> {
    const report = await this.#attached?.transport.stats().catch(() => null);
    if (!report) return;
    const reading = readQuality(report.values());
    if (this.#reading) this.state.patch({ quality: judge(this.#reading, reading) });
    this.#reading = reading;
  }
}

/** Problems that time may solve. */
function isPassing(problem: JoinProblem): boolean {
  switch (problem) {
    case "unreachable":
    case "draining":
    case "rate_limited":
    case "internal":
    case "session_expired":
      return true;
    default:
      return false;
  }
}

function refusalOf(error: unknown): { problem: JoinProblem; message: string } {
  if (error instanceof RequestRefused) return { problem: error.code, message: error.message };
  return { problem: "unreachable", message: "" };
}
