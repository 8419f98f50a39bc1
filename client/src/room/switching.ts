/**
 * Which receive lines were given another track and may still bring the one before: the server changes
 * sources at a keyframe, so until then the pictures are of somebody else.
 *
 * Knows statistics and mids, neither tracks nor elements.
 */
import { wait } from "../signal/backoff.ts";

const LOOK_EVERY_MS = 50;
/** The longest that pictures are held back: a keyframe may have come before we looked. */
const AT_MOST_MS = 1_000;

interface Since {
  /** Decoded when this was first looked at; null before. */
  keyframes: number | null;
  until: number;
}

export class Switching {
  readonly #stats: () => Promise<RTCStatsReport | null>;
  readonly #onChange: (mids: ReadonlySet<string>) => void;
  readonly #signal: AbortSignal;
  readonly #waiting = new Map<string, Since>();
  #isLooking = false;

  constructor(
    stats: () => Promise<RTCStatsReport | null>,
    onChange: (mids: ReadonlySet<string>) => void,
    signal: AbortSignal,
  ) {
    this.#stats = stats;
    this.#onChange = onChange;
    this.#signal = signal;
  }

  begin(mids: readonly string[]): void {
    if (mids.length === 0) return;
    const until = performance.now() + AT_MOST_MS;
    for (const mid of mids) this.#waiting.set(mid, { keyframes: null, until });
    this.#tell();
    if (!this.#isLooking) void this.#look();
  }

  async #look(): Promise<void> {
    this.#isLooking = true;
    while (this.#waiting.size > 0 && !this.#signal.aborted) {
      const decoded = keyframesByMid(await this.#stats().catch(() => null));
      const before = this.#waiting.size;
      for (const [mid, since] of this.#waiting) {
        if (isOver(since, decoded.get(mid))) this.#waiting.delete(mid);
      }
      if (this.#waiting.size < before) this.#tell();
      await wait(LOOK_EVERY_MS, this.#signal).catch(() => {});
    }
    this.#isLooking = false;
  }

  #tell(): void {
    this.#onChange(new Set(this.#waiting.keys()));
  }
}

/** A browser that counts no keyframes shows what comes. */
function isOver(since: Since, decoded: number | undefined): boolean {
  if (decoded === undefined || performance.now() >= since.until) return true;
  since.keyframes ??= decoded;
  return decoded > since.keyframes;
}

function keyframesByMid(report: RTCStatsReport | null): Map<string, number> {
  const decoded = new Map<string, number>();
  report?.forEach((stats: RTCInboundRtpStreamStats) => {
    if (stats.type !== "inbound-rtp" || stats.mid === undefined) return;
    if (stats.keyFramesDecoded !== undefined) decoded.set(stats.mid, stats.keyFramesDecoded);
  });
  return decoded;
}
