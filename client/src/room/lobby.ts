/**
 * Before the join: what can be done ahead, and whether the person would be let in.
 *
 * What was prepared is taken once, by the join or by the end. Knows no page.
 */
import { wait } from "../signal/backoff.ts";
import type { Attachment } from "./attachment.ts";
import type { JoinProblem } from "./call.ts";
import { barOf } from "./refusal.ts";

/** Who is not let in waits for somebody to unlock or leave: soon enough, cheap for the server, and
 * well before it ends a connection that has not joined (10 s). */
const ASK_AGAIN_MS = 4_000;

export class Lobby {
  readonly #open: () => Attachment;
  readonly #onEntry: (problem: JoinProblem | null) => void;
  readonly #over = new AbortController();
  #ready: Attachment | null = null;
  #problem: JoinProblem | null = null;
  #isAsking = false;

  /** `onEntry` is told why the person would not be let in now; null if nothing is known against it. */
  constructor(open: () => Attachment, onEntry: (problem: JoinProblem | null) => void) {
    this.#open = open;
    this.#onEntry = onEntry;
  }

  /** To be called whenever joining comes near. */
  prepare(): void {
    // Who was refused asks again by the clock, not with every key that is pressed.
    if (this.#problem === null && !this.#over.signal.aborted) this.#prepare();
  }

  /** What is ready, for the caller to use or to close; nothing is asked or told any more. */
  take(): Attachment | null {
    this.#over.abort();
    const ready = this.#ready;
    this.#ready = null;
    if (ready) ready.onEntry = null;
    return ready;
  }

  #prepare(): void {
    if (!this.#ready) {
      this.#ready = this.#open();
      this.#ready.onEntry = (problem) => this.#told(problem);
    }
    this.#ready.prepare();
  }

  #told(problem: JoinProblem | null): void {
    this.#problem = problem !== null && barOf(problem) !== "none" ? problem : null;
    this.#onEntry(this.#problem);
    if (!this.#isAsking) void this.#askAgain();
  }

  /** For as long as time may help. */
  async #askAgain(): Promise<void> {
    this.#isAsking = true;
    while (this.#problem !== null && barOf(this.#problem) !== "for good") {
      await wait(ASK_AGAIN_MS, this.#over.signal).catch(() => {});
      if (this.#over.signal.aborted) return;
      if (this.#problem !== null) this.#prepare();
    }
    this.#isAsking = false;
  }
}
