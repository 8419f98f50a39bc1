/**
 * One joining of a room: the signalling connection, the media path and what is sent over it.
 *
 * Mends its own media path as far as that goes; when only joining anew can help, it says so and is
 * thrown away. Knows what is asked of the room, not what the room looks like.
 */
import type { Capture } from "../media/capture.ts";
import { Publisher } from "../media/publisher.ts";
import type { MediaTransport } from "../media/transport.ts";
import type {
  Answer,
  Joined,
  Notification,
  Request,
  ServerReply,
  Tile,
  TrackSource,
  WantedLayers,
} from "../protocol/index.ts";
import type { SignalClient, SignalListener } from "../signal/client.ts";
import { RequestRefused } from "../signal/errors.ts";
import { PathKeeper, type Remedy } from "./path.ts";

export interface AttachmentOptions {
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

export interface Entry {
  room: string;
  name: string;
  token: string | null;
}

/** How many slots a transport grows to: what grids of three, four and five columns show. */
const PAGES = [9, 16, 25];

export class Attachment {
  readonly #capture: Capture;
  readonly #openTransport: () => MediaTransport;
  readonly #signal: SignalClient;
  /** What the server was last told of each source. */
  readonly #told = new Map<TrackSource, boolean>();
  readonly #closing = new AbortController();
  readonly #videoSlots: number;
  #transport: MediaTransport;
  #publisher: Publisher;
  #path: PathKeeper | null = null;
  #listener: AttachmentListener | null = null;
  /** One negotiation after the other. */
  #turn: Promise<void> = Promise.resolve();

  /** Makes the offer and opens the socket at once: both take time that joining then need not. */
  constructor(options: AttachmentOptions) {
    this.#capture = options.capture;
    this.#videoSlots = options.videoSlots;
    this.#openTransport = options.openTransport;
    this.#signal = options.openSignal();
    this.#transport = this.#openTransport();
    this.#transport.prepare().catch(() => {});
    this.#publisher = this.#publish();
    this.#signal.prepare();
  }

  /** The server closes sockets on which nobody joins; open one again when joining comes near. */
  refresh(): void {
    this.#signal.prepare();
  }

  /** `onJoined` runs before the media path is up: the room can be drawn meanwhile. */
  async join(
    entry: Entry,
    listener: AttachmentListener,
    onJoined: (joined: Joined) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const sdp = await this.#transport.prepare();
    const tracks = this.#offered();
    const { room, name, token } = entry;
    const joined = await this.#signal.join(
      { type: "join", room, name, sdp, tracks, ...(token === null ? {} : { token }) },
      AbortSignal.any([signal, this.#closing.signal]),
    );
    this.#listener = listener;
    this.#signal.listener = listener;
    this.#watchPath(listener);
    // Begins only after `onJoined`, which asks for the first pictures.
    const accepted = this.#inTurn(() => this.#transport.accept(joined.sdp ?? ""));
    this.want(joined.wanted ?? []);
    onJoined(joined);
    for (const { source, live } of tracks) {
      this.#told.set(source, live);
      // A device may have opened while the answer was on its way.
      this.#tell(source, this.#publisher.isLive(source));
    }
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
    this.#publisher.close();
    this.#signal.leave();
    this.#transport.close();
  }

  #publish(): Publisher {
    return new Publisher(this.#capture, this.#transport, (source, live) => this.#tell(source, live));
  }

  #offered() {
    return this.#transport.offered((source) => this.#publisher.isLive(source));
  }

  #tell(source: TrackSource, live: boolean): void {
    if (!this.#listener || this.#told.get(source) === live) return;
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
    this.#publisher.close();
    this.#transport.close();
    this.#transport = this.#openTransport();
    this.#publisher = this.#publish();
    this.#transport.onState = (state) => this.#path?.onState(state);
  }

  async #offerAgain(sdp: string): Promise<void> {
    const transport = this.#transport;
    const answer = await this.request({ type: "offer", sdp, tracks: this.#offered() });
    if (answer.type !== "answer" || transport !== this.#transport) return;
    await transport.accept(answer.sdp);
    this.#listener?.onSlots(answer);
  }
}
