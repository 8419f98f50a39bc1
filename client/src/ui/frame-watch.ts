/** Tells whether a video element shows moving pictures. */

/** A camera that shows nothing new for this long is stuck, not still: cameras make noise. */
const STUCK_MS = 4_000;
const LOOK_EVERY_MS = 1_000;

export type Picture = "none" | "moving" | "stuck";

export class FrameWatch {
  readonly #video: HTMLVideoElement;
  readonly #onChange: (picture: Picture) => void;
  readonly #timer: ReturnType<typeof setInterval>;
  #picture: Picture = "none";
  #sawFrameAt = 0;
  #handle: number | null = null;

  constructor(video: HTMLVideoElement, onChange: (picture: Picture) => void) {
    this.#video = video;
    this.#onChange = onChange;
    video.addEventListener("loadeddata", this.#saw);
    this.#timer = setInterval(() => this.#look(), LOOK_EVERY_MS);
    this.#ask();
  }

  /** Another stream was put on the element. */
  reset(): void {
    this.#sawFrameAt = 0;
    this.#set("none");
    this.#ask();
  }

  /** What stood still on purpose (a stopped camera) starts its time anew. */
  forgive(): void {
    if (this.#picture !== "none") this.#saw();
  }

  close(): void {
    clearInterval(this.#timer);
    this.#video.removeEventListener("loadeddata", this.#saw);
    if (this.#handle !== null) this.#video.cancelVideoFrameCallback?.(this.#handle);
  }

  readonly #saw = (): void => {
    this.#sawFrameAt = performance.now();
    this.#set("moving");
  };

  /** One frame a second is enough to know; a callback for each would cost. */
  #ask(): void {
    if (!this.#video.requestVideoFrameCallback || this.#handle !== null) return;
    this.#handle = this.#video.requestVideoFrameCallback(() => {
      this.#handle = null;
      this.#saw();
    });
  }

  #look(): void {
    if (!this.#video.requestVideoFrameCallback) return;
    this.#ask();
    // A hidden page draws no frames, which says nothing about the network.
    if (document.visibilityState === "hidden") this.forgive();
    const isOld = performance.now() - this.#sawFrameAt > STUCK_MS;
    if (this.#picture === "moving" && isOld) this.#set("stuck");
  }

  #set(picture: Picture): void {
    if (picture === this.#picture) return;
    this.#picture = picture;
    this.#onChange(picture);
  }
}
