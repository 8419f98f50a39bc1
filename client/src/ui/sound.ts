/**
 * Plays what arrives on the audio slots. Browsers may refuse to start sound before the person
 * touched the page; then this says so, and tries again on a click.
 */
import { Store } from "../store.ts";

export class SoundOutput {
  /** Whether the browser holds the sound back. */
  readonly isBlocked = new Store(false);
  readonly #players = new Map<string, HTMLAudioElement>();
  #speaker = "";

  /** The streams to play, by mid; players of others are stopped. */
  play(streams: ReadonlyMap<string, MediaStream>): void {
    for (const [mid, player] of this.#players) {
      if (streams.get(mid) === player.srcObject) continue;
      player.srcObject = null;
      this.#players.delete(mid);
    }
    for (const [mid, stream] of streams) {
      if (this.#players.has(mid)) continue;
      const player = new Audio();
      player.autoplay = true;
      player.srcObject = stream;
      this.#players.set(mid, player);
      void this.#route(player);
      void this.#start(player);
    }
  }

  setSpeaker(id: string): void {
    if (id === this.#speaker) return;
    this.#speaker = id;
    for (const player of this.#players.values()) void this.#route(player);
  }

  /** To be called from a click. */
  unblock(): void {
    this.isBlocked.set(false);
    for (const player of this.#players.values()) void this.#start(player);
  }

  close(): void {
    for (const player of this.#players.values()) player.srcObject = null;
    this.#players.clear();
  }

  async #start(player: HTMLAudioElement): Promise<void> {
    try {
      await player.play();
    } catch (error) {
      if (error instanceof DOMException && error.name === "NotAllowedError") this.isBlocked.set(true);
    }
  }

  async #route(player: HTMLAudioElement): Promise<void> {
    if (!("setSinkId" in player) || (this.#speaker === "" && player.sinkId === "")) return;
    // An unplugged speaker: the system's default goes on playing.
    await player.setSinkId(this.#speaker).catch(() => {});
  }
}
