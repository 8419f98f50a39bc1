/**
 * The signalling connection: one WebSocket that survives being cut.
 *
 * Requests go out with ids and come back as promises; events come out in order, each once.
 * After a cut the session is resumed with backoff for as long as the server keeps it; requests
 * without a reply are sent again (each can be repeated without harm). Knows no room, media or DOM.
 */
import type {
  ClientMessage,
  ErrorCode,
  Joined,
  JoinRequest,
  Notification,
  Prepared,
  PrepareRequest,
  Request,
  ServerEvent,
  ServerMessage,
  ServerReply,
} from "../protocol/index.ts";
import { type BackoffOptions, backoffDelay, wait } from "./backoff.ts";
import { RequestRefused, SignalLost } from "./errors.ts";
import { Heartbeat } from "./heartbeat.ts";
import { PendingRequests } from "./requests.ts";
import { dial, OPEN, type OpenSocket, type Socket } from "./socket.ts";

/**
 * `resuming`: cut, and being mended. `expired`: the server no longer knows the session.
 * `replaced`: it goes on in another connection. `closed`: over, on purpose.
 */
export type SignalState = "idle" | "open" | "resuming" | "expired" | "replaced" | "closed";

export interface SignalListener {
  onSignalState(state: SignalState): void;
  onEvent(event: ServerEvent): void;
  /** The whole state as it is now; events up to its `seq` are contained in it. */
  onResumed(joined: Joined): void;
}

export interface SignalOptions {
  url: string;
  openSocket?: OpenSocket;
  backoff?: BackoffOptions;
  now?: () => number;
}

/** The server keeps a cut session for 30 s; it may notice the cut later than we do. */
const GRACE_MS = 32_000;
const CONNECT_TIMEOUT_MS = 6_000;
/** The server's close code for a session that another connection resumed. */
const REPLACED = 4000;

export class SignalClient {
  readonly #url: string;
  readonly #openSocket: OpenSocket;
  readonly #backoff: BackoffOptions;
  readonly #now: () => number;
  readonly #requests = new PendingRequests();
  readonly #heartbeat: Heartbeat;
  /** Before the join: what it would be refused with from now on, null once it would be let in again. */
  onEntry: ((refusal: ErrorCode | null) => void) | null = null;
  #listener: SignalListener | null = null;
  #state: SignalState = "idle";
  #socket: Socket | null = null;
  #connecting: Promise<void> | null = null;
  #session: string | null = null;
  #lastSeq = 0;
  #hurry: (() => void) | null = null;

  constructor(options: SignalOptions) {
    this.#url = options.url;
    this.#openSocket = options.openSocket ?? ((url) => new WebSocket(url));
    this.#backoff = options.backoff ?? { firstMs: 300, maxMs: 4_000, jitter: 0.5 };
    this.#now = options.now ?? (() => performance.now());
    this.#heartbeat = new Heartbeat(
      { ping: () => this.#send({ type: "ping" }), onSilence: () => this.#dropDead() },
      this.#now,
    );
  }

  get state(): SignalState {
    return this.#state;
  }

  set listener(listener: SignalListener | null) {
    this.#listener = listener;
  }

  /** Whether there is a socket, or one is being opened. */
  get isUp(): boolean {
    return this.#connecting !== null || this.#socket?.readyState === OPEN;
  }

  /** Opens the socket before it is needed, so that joining saves its round trips. */
  open(): Promise<void> {
    return this.#connect();
  }

  /** Over an open socket, and before `join`; sent at once. */
  async prepare(request: PrepareRequest, signal?: AbortSignal): Promise<Prepared> {
    const reply = await this.#ask(request, signal);
    if (reply.type !== "prepared") throw new SignalLost(`unexpected reply: ${reply.type}`);
    return reply;
  }

  async join(request: JoinRequest, signal?: AbortSignal): Promise<Joined> {
    await abortable(this.#connect(), signal);
    const joined = expectJoined(await this.#ask(request, signal));
    this.#begin(joined);
    return joined;
  }

  /** Sends a request; while the connection is being mended the request waits. */
  request(request: Request, signal?: AbortSignal): Promise<ServerReply> {
    if (this.#session === null || this.#isOver()) return Promise.reject(new SignalLost("not connected"));
    return this.#ask(request, signal);
  }

  /** Sends what nobody answers; dropped while the connection is cut. */
  notify(message: Notification): void {
    if (this.#state === "open") this.#send(message);
  }

  /** The network came back: do not wait for the next attempt. */
  hurry(): void {
    this.#hurry?.();
  }

  /** Says goodbye and ends. */
  leave(): void {
    if (this.#isOver()) return;
    this.notify({ type: "leave" });
    this.#finish("closed");
  }

  #isOver(): boolean {
    return this.#state === "expired" || this.#state === "replaced" || this.#state === "closed";
  }

  #begin(joined: Joined): void {
    this.#session = joined.session;
    this.#lastSeq = joined.seq;
    this.#setState("open");
  }

  #ask(request: Request | PrepareRequest | JoinRequest, signal?: AbortSignal): Promise<ServerReply> {
    const { message, reply } = this.#requests.open(request, signal);
    if (this.#state !== "resuming") this.#send(message);
    return reply;
  }

  #send(message: ClientMessage): void {
    if (this.#socket?.readyState === OPEN) this.#socket.send(JSON.stringify(message));
  }

  #connect(): Promise<void> {
    if (this.#socket?.readyState === OPEN) return Promise.resolve();
    this.#connecting ??= dial(this.#openSocket, this.#url, CONNECT_TIMEOUT_MS)
      .then((socket) => this.#adopt(socket))
      .finally(() => {
        this.#connecting = null;
      });
    return this.#connecting;
  }

  #adopt(socket: Socket): void {
    if (this.#isOver()) {
      socket.close(1000);
      throw new SignalLost("the session is over");
    }
    this.#socket = socket;
    this.#heartbeat.start();
    socket.onmessage = (event) => {
      if (socket === this.#socket) this.#receive(event.data);
    };
    socket.onclose = ({ code }) => {
      if (socket !== this.#socket) return;
      if (code === REPLACED && this.#session !== null) this.#finish("replaced");
      else this.#cut();
    };
  }

  #receive(data: unknown): void {
    this.#heartbeat.heard();
    const message = JSON.parse(String(data)) as ServerMessage;
    switch (message.type) {
      case "prepared":
      case "joined":
      case "answer":
      case "ok":
        this.#requests.settle(message);
        return;
      case "error":
        if (message.id !== undefined) this.#requests.settle({ ...message, id: message.id });
        // Nobody waits for it, yet it means that this page sent something wrong; but before the join
        // it only tells that a socket which was opened ahead has waited too long.
        else if (this.#session !== null) console.warn("signalling:", message.code, message.message);
        return;
      case "pong":
        return;
      case "entry":
        this.onEntry?.(message.refusal ?? null);
        return;
      default:
        this.#receiveEvent(message);
    }
  }

  #receiveEvent(event: ServerEvent): void {
    if (event.seq <= this.#lastSeq) return;
    this.#lastSeq = event.seq;
    if (event.type === "ended") this.#finish("closed");
    this.#listener?.onEvent(event);
  }

  #cut(): void {
    this.#socket = null;
    this.#heartbeat.stop();
    if (this.#session === null) {
      this.#requests.rejectAll(new SignalLost("cut"));
      return;
    }
    if (this.#state !== "open") return;
    this.#setState("resuming");
    void this.#resume(this.#session, this.#now() + GRACE_MS);
  }

  async #resume(session: string, deadline: number): Promise<void> {
    for (let attempt = 0; this.#state === "resuming"; attempt++) {
      await this.#pause(backoffDelay(attempt, this.#backoff));
      if (this.#state !== "resuming") return;
      try {
        await this.#connect();
        this.#resumed(expectJoined(await this.#askResume(session)));
        return;
      } catch (error) {
        if (this.#state !== "resuming") return;
        this.#letGo();
        const isForgotten = error instanceof RequestRefused && error.code !== "rate_limited";
        if (isForgotten || this.#now() >= deadline) this.#finish("expired");
      }
    }
  }

  /** Fails when the new connection is cut as well, or nothing is answered in time. */
  async #askResume(session: string): Promise<ServerReply> {
    const attempt = new AbortController();
    const timer = setTimeout(() => attempt.abort(new SignalLost("no answer")), CONNECT_TIMEOUT_MS);
    const socket = this.#socket;
    if (!socket) throw new SignalLost("cut again");
    socket.onclose = () => attempt.abort(new SignalLost("cut again"));
    const message = {
      type: "resume",
      id: this.#requests.nextId(),
      session,
      last_seq: this.#lastSeq,
    } as const;
    const reply = this.#requests.track(message, attempt.signal);
    this.#send(message);
    try {
      return await reply;
    } finally {
      clearTimeout(timer);
      if (socket === this.#socket) this.#adopt(socket);
    }
  }

  #resumed(joined: Joined): void {
    this.#session = joined.session;
    this.#lastSeq = joined.seq;
    this.#heartbeat.heard();
    this.#setState("open");
    this.#listener?.onResumed(joined);
    for (const message of this.#requests.unanswered()) this.#send(message);
    // It may have been cut while the reply was on its way to us.
    if (this.#socket?.readyState !== OPEN) this.#cut();
  }

  #pause(ms: number): Promise<void> {
    const controller = new AbortController();
    this.#hurry = () => controller.abort();
    return wait(ms, controller.signal)
      .catch(() => {})
      .finally(() => {
        this.#hurry = null;
      });
  }

  /** Closing a dead socket politely could take minutes. */
  #dropDead(): void {
    // Resuming has a deadline of its own.
    if (this.#isOver() || this.#state === "resuming") return;
    this.#letGo();
    this.#cut();
  }

  #letGo(): void {
    const dead = this.#socket;
    this.#socket = null;
    dead?.close();
  }

  #finish(state: "expired" | "replaced" | "closed"): void {
    this.#heartbeat.stop();
    this.#setState(state);
    const socket = this.#socket;
    this.#socket = null;
    socket?.close(1000);
    this.#hurry?.();
    this.#requests.rejectAll(new SignalLost("the session is over"));
  }

  #setState(state: SignalState): void {
    if (state === this.#state) return;
    this.#state = state;
    this.#listener?.onSignalState(state);
  }
}

function expectJoined(reply: ServerReply): Joined {
  if (reply.type !== "joined") throw new SignalLost(`unexpected reply: ${reply.type}`);
  return reply;
}

function abortable<T>(promise: Promise<T>, signal?: AbortSignal): Promise<T> {
  if (!signal) return promise;
  return new Promise((resolve, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    promise.then(resolve, reject);
  });
}
