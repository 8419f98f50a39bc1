/** Finds out that a connection is dead although its socket looks open. Knows time, not sockets. */

const CHECK_EVERY_MS = 2_500;
/** Middleboxes forget idle connections after 30 s or more. */
const PING_AFTER_MS = 8_000;
const PONG_WITHIN_MS = 5_000;

export interface HeartbeatListener {
  ping(): void;
  /** A ping stayed without any answer. */
  onSilence(): void;
}

export class Heartbeat {
  readonly #listener: HeartbeatListener;
  readonly #now: () => number;
  #heardAt = 0;
  #pingedAt: number | null = null;
  #timer: ReturnType<typeof setInterval> | null = null;

  constructor(listener: HeartbeatListener, now: () => number) {
    this.#listener = listener;
    this.#now = now;
  }

  start(): void {
    this.heard();
    this.#timer ??= setInterval(() => this.#check(), CHECK_EVERY_MS);
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }

  /** Whatever arrives proves that the connection lives. */
  heard(): void {
    this.#heardAt = this.#now();
    this.#pingedAt = null;
  }

  #check(): void {
    const now = this.#now();
    if (this.#pingedAt !== null) {
      // A throttled background page checks late: only an unanswered ping counts, never mere age.
      if (now - this.#pingedAt > PONG_WITHIN_MS) this.#listener.onSilence();
    } else if (now - this.#heardAt > PING_AFTER_MS) {
      this.#pingedAt = now;
      this.#listener.ping();
    }
  }
}
