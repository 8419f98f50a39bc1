/**
 * Whether what is shared plays: then it shall be smooth, else it shall be sharp.
 *
 * No browser tells. But what plays is heard, and only a tab brings its own sound: a tab that has been
 * heard for some seconds plays, until it has been silent for longer than a scene is.
 * Letters that go on beside a film lose little; a film at five frames a second is no film.
 */
import { type LevelMeter, openLevelMeter } from "./level.ts";

const EVERY_MS = 500;
/** A ping or a click is over by then. */
const HEARD_MS = 3_000;
/** Every change of mind costs an encoder's restart. */
const SILENT_MS = 20_000;
/** -54 dBFS: what is decoded silence is exactly nothing. */
const SILENCE = 0.1;

export class Motion {
  moves = false;
  #since: number | null = null;

  /** How loud it is now; whether it changed its mind. */
  hear(level: number, nowMs: number): boolean {
    const contradicts = level > SILENCE !== this.moves;
    if (!contradicts) {
      this.#since = null;
      return false;
    }
    this.#since ??= nowMs;
    if (nowMs - this.#since < (this.moves ? SILENT_MS : HEARD_MS)) return false;
    this.moves = !this.moves;
    this.#since = null;
    return true;
  }
}

export function isTab(screen: MediaStreamTrack): boolean {
  return screen.getSettings?.().displaySurface === "browser";
}

/** Ends with the signal. Where sound cannot be measured nothing ever moves. */
export function watchMotion(
  sound: MediaStreamTrack,
  onMotion: (moves: boolean) => void,
  signal: AbortSignal,
  open: (track: MediaStreamTrack) => LevelMeter = openLevelMeter,
): void {
  let meter: LevelMeter;
  try {
    meter = open(sound);
  } catch (error) {
    console.warn("cannot hear what is shared", error);
    return;
  }
  const motion = new Motion();
  const timer = setInterval(() => {
    if (motion.hear(meter.read(), performance.now())) onMotion(motion.moves);
  }, EVERY_MS);
  signal.addEventListener(
    "abort",
    () => {
      clearInterval(timer);
      meter.close();
    },
    { once: true },
  );
}
