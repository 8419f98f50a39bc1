/**
 * Keeps the media path alive: decides when a broken path is mended by an ICE restart, and when
 * only joining anew can help. Knows states and time; carries out nothing itself.
 */
import type { PathState } from "../media/transport.ts";

/** A short disturbance mends itself: Wi-Fi roaming takes a second or two. */
const DISCONNECTED_MS = 3_000;
/** A restart that has not connected by then is tried again. */
const RESTART_MS = 8_000;
const RESTARTS_BEFORE_REJOIN = 2;

export interface PathKeeperListener {
  /** Offer again with new ICE credentials. */
  restart(): void;
  /** Restarts did not help: give the transport up and join anew. */
  rejoin(): void;
  onBroken(isBroken: boolean): void;
}

export class PathKeeper {
  readonly #listener: PathKeeperListener;
  #state: PathState = "connecting";
  #restarts = 0;
  #timer: ReturnType<typeof setTimeout> | null = null;

  constructor(listener: PathKeeperListener) {
    this.#listener = listener;
    this.#arm(RESTART_MS);
  }

  onState(state: PathState): void {
    this.#state = state;
    switch (state) {
      case "connected":
        this.#disarm();
        this.#restarts = 0;
        this.#listener.onBroken(false);
        return;
      case "disconnected":
        this.#arm(DISCONNECTED_MS);
        return;
      case "failed":
        this.#restart();
        return;
      case "connecting":
        return;
    }
  }

  /** The server lost the path, or this device's network changed. */
  restartNow(): void {
    this.#restart();
  }

  close(): void {
    this.#disarm();
  }

  #restart(): void {
    this.#disarm();
    this.#listener.onBroken(true);
    if (this.#restarts >= RESTARTS_BEFORE_REJOIN) {
      this.#listener.rejoin();
      return;
    }
    this.#restarts++;
    this.#listener.restart();
    this.#arm(RESTART_MS);
  }

  #arm(ms: number): void {
    this.#disarm();
    this.#timer = setTimeout(() => {
      this.#timer = null;
      if (this.#state !== "connected") this.#restart();
      else this.#listener.onBroken(false);
    }, ms);
  }

  #disarm(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }
}
