/**
 * One joining of a room: the signalling connection, the media path and what is sent over it.
 *
 * Mends its own media path as far as that goes; when only joining anew can help, it says so and is
 * thrown away. Knows what is asked of the room, not what the room looks like.
 */
import type { Capture } from "../media/capture.ts";
import { Publisher } from "../media/publisher.ts";
import type { MediaTransport } from "../media/transport.ts";
import type { Answer, Joined, Notification, Request, ServerReply, TrackSource } from "../protocol/index.ts";
import type { SignalClient, SignalListener } from "../signal/client.ts";
import { RequestRefused } from "../signal/errors.ts";
import { PathKeeper, type Remedy } from "./path.ts";

export interface AttachmentOptions {
  capture: Capture;
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

export class Attachment {
  readonly #capture: Capture;
  readonly #openTransport: () => MediaTransport;
  readonly #signal: SignalClient;
  /** What the server was last told of each source. */
  readonly #told = new Map<TrackSource, boolean>();
  readonly #closing = new AbortController();
  #transport: MediaTransport;
  #publisher: Publisher;
  #path: PathKeeper | null = null;
  #listener: AttachmentListener | null = null;

  /** Makes the offer and opens the socket at once: both take time that joining then need not. */
  constructor(options: AttachmentOptions) {
    this.#capture = options.capture;
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
    onJoined(joined);
    for (const { source, live } of tracks) {
      this.#told.set(source, live);
      // A device may have opened while the answer was on its way.
      this.#tell(source, this.#publisher.isLive(source));
    }
    await this.#transport.accept(joined.sdp ?? "");
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
      mend: (remedy) => void this.#mend(remedy),
      onBroken: (isBroken) => listener.onBroken(isBroken),
    });
    this.#path = path;
    this.#transport.onState = (state) => path.onState(state);
  }

  async #mend(remedy: Remedy): Promise<void> {
    try {
      switch (remedy) {
        case "restart":
          await this.#offerAgain(await this.#transport.restart());
          return;
        case "replace":
          this.#replaceTransport();
          await this.#offerAgain(await this.#transport.prepare());
          return;
        case "rejoin":
          this.#listener?.onRejoinNeeded();
          return;
      }
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
