/**
 * One joining of a room: the signalling connection, the media path and what is sent over it.
 *
 * The path may be connected ahead, while the person still decides: nothing is put on it before the
 * server has let them in. Mends its own media path as far as that goes; when only joining anew can
 * help, it says so and is thrown away. Knows what is asked of the room, not what the room looks like.
 */
import type { Capture } from "../media/capture.ts";
import { Publisher, sentTrack } from "../media/publisher.ts";
import { type MediaTransport, SOURCES } from "../media/transport.ts";
import type {
  Answer,
  Joined,
  JoinRequest,
  Notification,
  OfferedTrack,
  Request,
  ServerReply,
  Tile,
  TrackSource,
  WantedLayers,
} from "../protocol/index.ts";
import type { SignalClient, SignalListener } from "../signal/client.ts";
import { RequestRefused, SignalLost } from "../signal/errors.ts";
import type { JoinProblem } from "./call.ts";
import { PathKeeper, type Remedy } from "./path.ts";
import { refusalOf } from "./refusal.ts";

export interface AttachmentOptions {
  room: string;
  token: string | null;
  capture: Capture;
  /** How many pictures may be shown at once; the transport starts with fewer slots. */
  videoSlots: number;
  openTransport: () => MediaTransport;
  openSignal: () => SignalClient;
}

export interface AttachmentListener extends SignalListener {
  /** The media path is down, or up again. */
  onBroken(isBroken: boolean): void;
  /** After a renegotiation the receive lines may be others. */
  onSlots(answer: Answer): void;
  onRejoinNeeded(): void;
  onRefused(refusal: RequestRefused): void;
}

/** How many slots a transport grows to: what grids of three, four and five columns show. */
const PAGES = [9, 16, 25];

export class Attachment {
  /** What a join would be refused with now, null if it would be let in; told while `prepare` holds. */
  onEntry: ((problem: JoinProblem | null) => void) | null = null;
  readonly #place: { room: string; token?: string };
  readonly #capture: Capture;
  readonly #openTransport: () => MediaTransport;
  readonly #signal: SignalClient;
  /** What the server was last told of each source. */
  readonly #told = new Map<TrackSource, boolean>();
  readonly #closing = new AbortController();
  readonly #videoSlots: number;
  #transport: MediaTransport;
  /** Whether the path was asked for ahead of the join. */
  #asked: Promise<boolean> | null = null;
  /** An answered transport cannot be offered once more to a server that has forgotten it. */
  #isAnswered = false;
  #mayPublish = true;
  #publisher: Publisher | null = null;
  #path: PathKeeper | null = null;
  #listener: AttachmentListener | null = null;
  /** One negotiation after the other. */
  #turn: Promise<void> = Promise.resolve();

  /** Makes the offer and opens the socket at once: both take time that joining then need not. */
  constructor(options: AttachmentOptions) {
    const { room, token } = options;
    this.#place = { room, ...(token === null ? {} : { token }) };
    this.#capture = options.capture;
    this.#videoSlots = options.videoSlots;
    this.#openTransport = options.openTransport;
    this.#signal = options.openSignal();
    this.#signal.onEntry = (refusal) => this.onEntry?.(refusal);
    this.#transport = this.#openTransport();
    this.#transport.prepare().catch(() => {});
    this.#signal.open().catch(() => {});
  }

  /**
   * Connects while the person still decides; nothing is sent, and nobody is told. The server ends it
   * after some minutes: to be called again whenever joining comes near.
   */
  prepare(): void {
    if (this.#asked && this.#signal.isUp) return;
    this.#forgetAnswered();
    this.#asked = this.#ask().catch((error: unknown) => this.#refused(error));
  }

  /** `onJoined` runs before the media path is up: the room can be drawn meanwhile. */
  async join(
    name: string,
    listener: AttachmentListener,
    onJoined: (joined: Joined) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const joined = await this.#enter(name, AbortSignal.any([signal, this.#closing.signal]));
    this.#listener = listener;
    this.#signal.listener = listener;
    this.#watchPath(listener);
    // Begins only after `onJoined`, which asks for the first pictures.
    const accepted = joined.sdp === undefined ? this.#turn : this.#accept(joined.sdp);
    this.#mayPublish = joined.role !== "subscriber";
    this.want(joined.wanted ?? []);
    onJoined(joined);
    // A device may have opened while the answer was on its way.
    for (const source of SOURCES) this.#tell(source, this.#isLive(source));
    this.#publisher = this.#publish();
    await accepted;
  }

  stream(mid: string): MediaStream | null {
    return this.#transport.stream(mid);
  }

  stats(): Promise<RTCStatsReport> {
    return this.#transport.stats();
  }

  request(request: Request): Promise<ServerReply> {
    return this.#signal.request(request, this.#closing.signal);
  }

  notify(message: Notification): void {
    this.#signal.notify(message);
  }

  /** What is on screen, the most important first. More pictures than slots ask for more slots. */
  show(tiles: readonly Tile[]): void {
    this.notify({ type: "set_view", tiles });
    const most = Math.min(tiles.length, this.#videoSlots);
    if (most > this.#transport.videoSlots) void this.#inTurn(() => this.#grow(most));
  }

  /** Somebody needs these layers of what is sent, and no others. */
  want(wanted: readonly WantedLayers[]): void {
    for (const { source, rids } of wanted) void this.#inTurn(() => this.#transport.choose(source, rids));
  }

  /** The server stopped a track itself: it need not be told. */
  stoppedByServer(source: TrackSource): void {
    this.#told.set(source, false);
  }

  lostByServer(): void {
    this.#path?.lostByServer();
  }

  networkChanged(): void {
    this.#signal.hurry();
    this.#path?.networkChanged();
  }

  /** Ends it, with a goodbye if it is known to the server. */
  close(): void {
    this.#closing.abort();
    this.#listener = null;
    this.#signal.listener = null;
    this.#path?.close();
    this.#publisher?.close();
    this.#signal.leave();
    this.#transport.close();
  }

  #publish(): Publisher {
    return new Publisher(this.#capture, this.#transport, (source, live) => this.#tell(source, live));
  }

  #offered(): OfferedTrack[] {
    return this.#transport.offered((source) => this.#isLive(source));
  }

  #isLive(source: TrackSource): boolean {
    return sentTrack(this.#capture.state.get(), source) !== null;
  }

  /** Whether the offer is on its way to the server. */
  async #ask(): Promise<boolean> {
    const transport = this.#transport;
    const [sdp] = await Promise.all([transport.prepare(), this.#signal.open()]);
    const tracks = transport.offered(() => false);
    const prepared = this.#signal.prepare(
      { type: "prepare", sdp, tracks, ...this.#place },
      this.#closing.signal,
    );
    prepared.then(
      ({ sdp: answer }) => {
        if (transport !== this.#transport) return;
        this.onEntry?.(null);
        this.#accept(answer).catch(() => {
          this.#asked = null;
        });
      },
      (error: unknown) => this.#refused(error),
    );
    return true;
  }

  /** Nothing is prepared: it may be asked for again, and a join brings its offer. */
  #refused(error: unknown): false {
    this.#asked = null;
    if (!this.#closing.signal.aborted) this.onEntry?.(refusalOf(error).problem);
    return false;
  }

  /** Over what was prepared if that stands, with an offer otherwise. */
  async #enter(name: string, signal: AbortSignal): Promise<Joined> {
    const isAsked = await (this.#asked ?? false);
    if (isAsked && this.#asked && this.#signal.isUp && this.#transport.state !== "failed") {
      try {
        return await this.#signal.join(this.#request(name), signal);
      } catch (error) {
        if (!isOver(error)) throw error;
      }
    }
    this.#forgetAnswered();
    const sdp = await this.#transport.prepare();
    return this.#signal.join({ ...this.#request(name), sdp }, signal);
  }

  /** Once there is an offer, whose m-lines it names. */
  #request(name: string): JoinRequest {
    const tracks = this.#offered();
    for (const { source, live } of tracks) this.#told.set(source, live);
    return { type: "join", name, tracks, pictures: this.#transport.videoSlots, ...this.#place };
  }

  #accept(answer: string): Promise<void> {
    const transport = this.#transport;
    this.#isAnswered = true;
    return this.#inTurn(() => transport.accept(answer));
  }

  #forgetAnswered(): void {
    if (this.#isAnswered) this.#replaceTransport();
  }

  #tell(source: TrackSource, live: boolean): void {
    if (!this.#listener || !this.#mayPublish || this.#told.get(source) === live) return;
    this.#told.set(source, live);
    this.request({ type: "set_track", source, live }).catch((error: unknown) => {
      if (error instanceof RequestRefused) this.#listener?.onRefused(error);
    });
  }

  #watchPath(listener: AttachmentListener): void {
    const path = new PathKeeper({
      mend: (remedy) => {
        if (remedy === "rejoin") this.#listener?.onRejoinNeeded();
        else void this.#inTurn(() => this.#mend(remedy));
      },
      onBroken: (isBroken) => listener.onBroken(isBroken),
    });
    this.#path = path;
    this.#transport.onState = (state) => path.onState(state);
    path.onState(this.#transport.state);
  }

  /** One negotiation after the other: a peer connection has one offer under way at most. */
  #inTurn(task: () => Promise<void>): Promise<void> {
    const done = this.#turn.then(task);
    this.#turn = done.catch(() => {});
    return done;
  }

  async #grow(videoSlots: number): Promise<void> {
    if (videoSlots <= this.#transport.videoSlots) return;
    try {
      // By pages, so that a room that fills up costs few offers.
      const most = PAGES.find((page) => page >= videoSlots) ?? this.#videoSlots;
      await this.#offerAgain(await this.#transport.grow(Math.min(most, this.#videoSlots)));
    } catch (error) {
      if (!this.#closing.signal.aborted) console.warn("media: no more slots", error);
    }
  }

  async #mend(remedy: Exclude<Remedy, "rejoin">): Promise<void> {
    try {
      if (remedy === "replace") this.#replaceTransport();
      const sdp = remedy === "replace" ? this.#transport.prepare() : this.#transport.restart();
      await this.#offerAgain(await sdp);
    } catch (error) {
      if (this.#closing.signal.aborted) return;
      console.warn("media:", remedy, error);
      // Only a refusal is final; a cut connection resumes, or expires and ends this attachment.
      if (error instanceof RequestRefused) this.#path?.refused();
    }
  }

  /** The server forgot the old transport; the session, its tracks and its chat live on. */
  #replaceTransport(): void {
    this.#publisher?.close();
    this.#transport.close();
    this.#transport = this.#openTransport();
    this.#isAnswered = false;
    if (this.#publisher) this.#publisher = this.#publish();
    this.#transport.onState = (state) => this.#path?.onState(state);
  }

  async #offerAgain(sdp: string): Promise<void> {
    const transport = this.#transport;
    const answer = await this.request({ type: "offer", sdp, tracks: this.#offered() });
    if (answer.type !== "answer" || transport !== this.#transport) return;
    this.#isAnswered = true;
    // Before the browser has taken the answer, which is long enough for the server to fill a slot anew.
    this.#listener?.onSlots(answer);
    await transport.accept(answer.sdp);
  }
}

/** What was prepared is gone, which says nothing about joining. */
function isOver(error: unknown): boolean {
  return error instanceof SignalLost || (error instanceof RequestRefused && error.code === "session_expired");
}
