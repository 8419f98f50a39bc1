/**
 * The signalling connection: one WebSocket that survives being cut.
 *
 * Requests go out with ids and come back as promises; events come out in order, each once.
 * After a cut the session is resumed with backoff for as long as the server keeps it; requests
 * without a reply are sent again (each can be repeated without harm). Knows no room, media or DOM.
 */
import type {
  ClientMessage,
  Joined,
  JoinRequest,
  Notification,
  Request,
  ServerEvent,
  ServerMessage,
  ServerReply,
} from "../protocol/index.ts";
import { type BackoffOptions, backoffDelay, wait } from "./backoff.ts";
import { RequestRefused, SignalLost } from "./errors.ts";

/** The part of a WebSocket that is used here. */
export interface Socket {
  readonly readyState: number;
  send(data: string): void;
  close(code?: number, reason?: string): void;
  onopen: ((event: Event) => void) | null;
  onmessage: ((event: MessageEvent) => void) | null;
  onclose: ((event: CloseEvent) => void) | null;
  onerror: ((event: Event) => void) | null;
}

/**
 * `resuming`: cut, and being mended. `expired`: the server no longer knows the session.
 * `closed`: over, on purpose.
 */
export type SignalState = "idle" | "connecting" | "open" | "resuming" | "expired" | "closed";

export interface SignalListener {
  onSignalState(state: SignalState): void;
  onEvent(event: ServerEvent): void;
  /** The whole state as it is now; events up to its `seq` are contained in it. */
  onResumed(joined: Joined): void;
}

export interface SignalOptions {
  url: string;
  openSocket?: (url: string) => Socket;
  backoff?: BackoffOptions;
  now?: () => number;
}

/** The server keeps a cut session for 30 s; it may notice the cut later than we do. */
const GRACE_MS = 32_000;
const CONNECT_TIMEOUT_MS = 6_000;
const CHECK_EVERY_MS = 2_500;
/** Middleboxes forget idle connections after 30 s or more; a dead network shows within a few seconds. */
const PING_AFTER_MS = 8_000;
const PONG_WITHIN_MS = 5_000;
const OPEN = 1;

interface Pending {
  message: ClientMessage;
  resolve(reply: ServerReply): void;
  reject(reason: unknown): void;
}

export class SignalClient {
  readonly #url: string;
  readonly #openSocket: (url: string) => Socket;
  readonly #backoff: BackoffOptions;
  readonly #now: () => number;
  readonly #pending = new Map<number, Pending>();
  #listener: SignalListener | null = null;
  #state: SignalState = "idle";
  #socket: Socket | null = null;
  #connecting: Promise<void> | null = null;
  #session: string | null = null;
  #lastSeq = 0;
  #nextId = 1;
  #heardAt = 0;
  #pingedAt: number | null = null;
  #checking: ReturnType<typeof setInterval> | null = null;
  #hurry: (() => void) | null = null;

  constructor(options: SignalOptions) {
    this.#url = options.url;
    this.#openSocket = options.openSocket ?? ((url) => new WebSocket(url));
    this.#backoff = options.backoff ?? { firstMs: 300, maxMs: 4_000, jitter: 0.5 };
    this.#now = options.now ?? (() => performance.now());
  }

  get state(): SignalState {
    return this.#state;
  }

  set listener(listener: SignalListener | null) {
    this.#listener = listener;
  }

  /** Opens the socket before it is needed, so that joining saves its round trips. Failure shows at `join`. */
  prepare(): void {
    this.#connect().catch(() => {});
  }

  async join(request: JoinRequest, signal?: AbortSignal): Promise<Joined> {
    await abortable(this.#connect(), signal);
    const reply = await this.#ask(request, signal);
    if (reply.type !== "joined") throw new SignalLost(`unexpected reply: ${reply.type}`);
    this.#begin(reply);
    return reply;
  }

  /** Sends a request; while the connection is being mended the request waits. */
  request(request: Request, signal?: AbortSignal): Promise<ServerReply> {
    if (this.#state === "expired" || this.#state === "closed") {
      return Promise.reject(new SignalLost("not connected"));
    }
    return this.#ask(request, signal);
  }

  /** Sends what nobody answers; dropped while the connection is cut. */
  notify(message: Notification): void {
    if (this.#session !== null && this.#state === "open") this.#send(message);
  }

  /** The network came back: do not wait for the next attempt. */
  hurry(): void {
    this.#hurry?.();
  }

  /** Says goodbye and ends. */
  leave(): void {
    this.notify({ type: "leave" });
    this.#finish("closed");
  }

  #begin(joined: Joined): void {
    this.#session = joined.session;
    this.#lastSeq = joined.seq;
    this.#setState("open");
    this.#checking ??= setInterval(() => this.#check(), CHECK_EVERY_MS);
  }

  #ask(request: Request | JoinRequest, signal?: AbortSignal): Promise<ServerReply> {
    const message = { ...request, id: this.#nextId++ } as ClientMessage & { id: number };
    return new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(signal.reason);
        return;
      }
      const abort = () => {
        this.#pending.delete(message.id);
        reject(signal?.reason);
      };
      signal?.addEventListener("abort", abort, { once: true });
      const settle = () => signal?.removeEventListener("abort", abort);
      this.#pending.set(message.id, {
        message,
        resolve: (reply) => {
          settle();
          resolve(reply);
        },
        reject: (reason) => {
          settle();
          reject(reason);
        },
      });
      if (this.#state !== "resuming") this.#send(message);
    });
  }

  #send(message: ClientMessage): void {
    if (this.#socket?.readyState === OPEN) this.#socket.send(JSON.stringify(message));
  }

  #connect(): Promise<void> {
    if (this.#socket?.readyState === OPEN) return Promise.resolve();
    this.#connecting ??= this.#dial().finally(() => {
      this.#connecting = null;
    });
    return this.#connecting;
  }

  #dial(): Promise<void> {
    if (this.#state === "idle") this.#setState("connecting");
    return new Promise((resolve, reject) => {
      const socket = this.#openSocket(this.#url);
      const timer = setTimeout(() => {
        socket.close();
        reject(new SignalLost("no answer"));
      }, CONNECT_TIMEOUT_MS);
      socket.onopen = () => {
        clearTimeout(timer);
        this.#adopt(socket);
        resolve();
      };
      socket.onclose = () => {
        clearTimeout(timer);
        reject(new SignalLost("refused"));
      };
    });
  }

  #adopt(socket: Socket): void {
    this.#socket = socket;
    this.#heardAt = this.#now();
    this.#pingedAt = null;
    socket.onmessage = (event) => {
      if (socket === this.#socket) this.#receive(event.data);
    };
    socket.onclose = () => {
      if (socket === this.#socket) this.#cut();
    };
  }

  #receive(data: unknown): void {
    this.#heardAt = this.#now();
    this.#pingedAt = null;
    const message = JSON.parse(String(data)) as ServerMessage;
    switch (message.type) {
      case "joined":
      case "answer":
      case "ok":
        this.#settle(message.id, (pending) => pending.resolve(message));
        return;
      case "error":
        this.#refused(message);
        return;
      case "pong":
        return;
      default:
        this.#receiveEvent(message);
    }
  }

  #refused(message: Extract<ServerMessage, { type: "error" }>): void {
    const refusal = new RequestRefused(message.code, message.message);
    if (message.id === undefined || message.id === null) {
      // Nobody waits for it, yet it means that this page sent something wrong.
      console.warn("signalling:", message.code, message.message);
      return;
    }
    this.#settle(message.id, (pending) => pending.reject(refusal));
  }

  #settle(id: number, how: (pending: Pending) => void): void {
    const pending = this.#pending.get(id);
    if (!pending) return;
    this.#pending.delete(id);
    how(pending);
  }

  #receiveEvent(event: ServerEvent): void {
    if (event.seq <= this.#lastSeq) return;
    this.#lastSeq = event.seq;
    if (event.type === "ended") this.#finish("closed");
    this.#listener?.onEvent(event);
  }

  #cut(): void {
    this.#socket = null;
    if (this.#state === "closed" || this.#state === "expired" || this.#state === "resuming") return;
    if (this.#session === null) {
      this.#setState("idle");
      this.#rejectAll();
      return;
    }
    this.#setState("resuming");
    void this.#resume(this.#session, this.#now() + GRACE_MS);
  }

  async #resume(session: string, deadline: number): Promise<void> {
    for (let attempt = 0; this.#state === "resuming"; attempt++) {
      await this.#pause(backoffDelay(attempt, this.#backoff));
      if (this.#state !== "resuming") return;
      try {
        await this.#connect();
        this.#resumed(await this.#askResume(session));
        return;
      } catch (error) {
        if (this.#state !== "resuming") return;
        this.#letGo();
        const forgotten = error instanceof RequestRefused && error.code !== "rate_limited";
        if (forgotten || this.#now() >= deadline) {
          this.#finish("expired");
          return;
        }
      }
    }
  }

  async #askResume(session: string): Promise<Joined> {
    const id = this.#nextId++;
    const socket = this.#socket;
    const reply = await new Promise<ServerReply>((resolve, reject) => {
      const lost = () => reject(new SignalLost("cut again"));
      const timer = setTimeout(lost, CONNECT_TIMEOUT_MS);
      const message = { type: "resume", id, session, last_seq: this.#lastSeq } as const;
      this.#pending.set(id, { message, resolve, reject });
      if (socket) {
        socket.onclose = () => {
          clearTimeout(timer);
          if (socket === this.#socket) this.#socket = null;
          lost();
        };
      } else lost();
      this.#send(message);
    }).finally(() => this.#pending.delete(id));
    if (reply.type !== "joined") throw new SignalLost(`unexpected reply: ${reply.type}`);
    return reply;
  }

  #resumed(joined: Joined): void {
    if (this.#socket) this.#adopt(this.#socket);
    this.#session = joined.session;
    this.#lastSeq = joined.seq;
    this.#setState("open");
    this.#listener?.onResumed(joined);
    for (const { message } of this.#pending.values()) this.#send(message);
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

  #check(): void {
    if (this.#state !== "open" || !this.#socket) return;
    const now = this.#now();
    if (this.#pingedAt !== null) {
      if (now - this.#pingedAt > PONG_WITHIN_MS) this.#drop();
    } else if (now - this.#heardAt > PING_AFTER_MS) {
      this.#pingedAt = now;
      this.#send({ type: "ping" });
    }
  }

  /** The socket looks open and is dead: closing it politely could take minutes, so let go of it. */
  #drop(): void {
    this.#letGo();
    this.#cut();
  }

  #letGo(): void {
    const dead = this.#socket;
    this.#socket = null;
    dead?.close();
  }

  #finish(state: "expired" | "closed"): void {
    if (this.#checking !== null) clearInterval(this.#checking);
    this.#checking = null;
    const socket = this.#socket;
    this.#socket = null;
    this.#setState(state);
    socket?.close(1000);
    this.#hurry?.();
    this.#rejectAll();
  }

  #rejectAll(): void {
    const waiting = [...this.#pending.values()];
    this.#pending.clear();
    for (const pending of waiting) pending.reject(new SignalLost("the session is over"));
  }

  #setState(state: SignalState): void {
    if (state === this.#state) return;
    this.#state = state;
    this.#listener?.onSignalState(state);
  }
}

function abortable<T>(promise: Promise<T>, signal?: AbortSignal): Promise<T> {
  if (!signal) return promise;
  return new Promise((resolve, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    promise.then(resolve, reject);
  });
}
