/**
 * Puts what is captured on the transport's send lines, and tells what became live or stopped.
 *
 * Nothing of a muted microphone leaves: its line is idle, not merely silent.
 * Knows no signalling: whoever listens passes the news on.
 */
import type { TrackSource } from "../protocol/index.ts";
import type { Unsubscribe } from "../store.ts";
import type { Capture, CaptureState } from "./capture.ts";
import { type MediaTransport, SOURCES } from "./transport.ts";

export type LiveListener = (source: TrackSource, live: boolean) => void;

export class Publisher {
  readonly #capture: Capture;
  readonly #transport: MediaTransport;
  readonly #onLive: LiveListener;
  readonly #live = new Map<TrackSource, boolean>();
  readonly #unsubscribe: Unsubscribe;

  constructor(capture: Capture, transport: MediaTransport, onLive: LiveListener) {
    this.#capture = capture;
    this.#transport = transport;
    this.#onLive = onLive;
    this.#unsubscribe = capture.state.subscribe(() => this.#apply());
    this.#apply();
  }

  isLive(source: TrackSource): boolean {
    return this.#live.get(source) ?? false;
  }

  close(): void {
    this.#unsubscribe();
  }

  #apply(): void {
    const state = this.#capture.state.get();
    // Letters must stay sharp; faces and films must move.
    void this.#transport.prefer("screen", state.screenMoves ? "maintain-framerate" : "maintain-resolution");
    void this.#transport.prefer("camera", "maintain-framerate");
    for (const source of SOURCES) {
      const track = sentTrack(state, source);
      void this.#transport.send(source, track).catch((error: unknown) => {
        console.warn("cannot send", source, error);
      });
      const live = track !== null;
      if (live === this.isLive(source)) continue;
      this.#live.set(source, live);
      this.#onLive(source, live);
    }
  }
}

/** The track that leaves this page for a source now. */
export function sentTrack(state: CaptureState, source: TrackSource): MediaStreamTrack | null {
  switch (source) {
    case "microphone":
      return state.microphone.on ? state.microphone.track : null;
    case "camera":
      return state.camera.on ? state.camera.track : null;
    case "screen":
      return state.screen.track;
    case "screen_audio":
      return state.screenAudio;
  }
}
