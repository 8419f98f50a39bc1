/**
 * Keeps the media path alive: decides when a broken path is mended by an ICE restart, when by a new
 * transport, and when only joining anew can help. Knows states and time; carries out nothing itself.
 */
import type { PathState } from "../media/transport.ts";

/** A short disturbance mends itself: Wi-Fi roaming takes a second or two. */
const DISCONNECTED_MS = 3_000;
/** A remedy that has not connected by then did not help. */
const REMEDY_MS = 8_000;

/** From the cheapest to the last resort. */
export type Remedy = "restart" | "replace" | "rejoin";

export interface PathKeeperListener {
  mend(remedy: Remedy): void;
  onBroken(isBroken: boolean): void;
}

export class PathKeeper {
  readonly #listener: PathKeeperListener;
  #state: PathState = "connecting";
  #tried: Remedy | null = null;
  #timer: ReturnType<typeof setTimeout> | null = null;

  constructor(listener: PathKeeperListener) {
    this.#listener = listener;
    this.#arm(REMEDY_MS);
  }

  onState(state: PathState): void {
    this.#state = state;
    switch (state) {
      case "connected":
        this.#disarm();
        this.#tried = null;
        this.#listener.onBroken(false);
        return;
      case "disconnected":
        this.#arm(DISCONNECTED_MS);
        return;
      case "failed":
        this.#try(next(this.#tried));
        return;
      case "connecting":
        return;
    }
  }

  /** This device's network changed: the path may look well and be dead. */
  networkChanged(): void {
    this.#try("restart");
  }

  /** The server has forgotten the transport: only a new one can help. */
  lostByServer(): void {
    this.#try(this.#tried === "replace" ? "rejoin" : "replace");
  }

  /** A remedy was refused; waiting for it would be in vain. */
  refused(): void {
    this.#try(next(this.#tried));
  }

  close(): void {
    this.#disarm();
  }

  #try(remedy: Remedy): void {
    this.#tried = remedy;
    this.#arm(REMEDY_MS);
    // A restart on a path that still works goes unseen.
    if (remedy !== "restart" || this.#state !== "connected") this.#listener.onBroken(true);
    this.#listener.mend(remedy);
  }

  #arm(ms: number): void {
    this.#disarm();
    this.#timer = setTimeout(() => {
      this.#timer = null;
      if (this.#state !== "connected") this.#try(next(this.#tried));
      else this.#listener.onBroken(false);
    }, ms);
  }

  #disarm(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }
}

function next(tried: Remedy | null): Remedy {
  switch (tried) {
    case null:
      return "restart";
    case "restart":
      return "replace";
    case "replace":
    case "rejoin":
      return "rejoin";
  }
}
