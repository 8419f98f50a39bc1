/**
 * This person's devices: microphone, camera, screen, and which of them are chosen and on.
 *
 * Used before joining (preview) and during the call alike. A muted microphone stays open, so that
 * unmuting is instant; a stopped camera is released, so that its light goes out. Publishes what is
 * live as one state; knows neither the transport nor the DOM.
 */
import { Store } from "../store.ts";
import { type CameraPlan, FULL } from "./camera.ts";
import { isTab, watchMotion } from "./motion.ts";

/** Why a device cannot be used; `insecure`: the page is not on HTTPS, so browsers offer no devices. */
export type DeviceProblem = "insecure" | "denied" | "missing" | "busy" | "failed";

export interface DeviceState {
  /** The person wants it on. */
  on: boolean;
  /** Being opened. */
  pending: boolean;
  problem: DeviceProblem | null;
  track: MediaStreamTrack | null;
}

export interface DeviceChoice {
  id: string;
  label: string;
}

export interface CaptureState {
  microphone: DeviceState;
  camera: DeviceState;
  screen: DeviceState;
  screenAudio: MediaStreamTrack | null;
  /** The shared tab plays something: smooth before sharp. */
  screenMoves: boolean;
  microphones: DeviceChoice[];
  cameras: DeviceChoice[];
  speakers: DeviceChoice[];
  chosen: { microphone: string; camera: string; speaker: string };
}

export type DeviceKind = "microphone" | "camera" | "speaker";

const OFF: DeviceState = { on: false, pending: false, problem: null, track: null };

export class Capture {
  readonly state: Store<CaptureState>;
  readonly #devices: MediaDevices | undefined;
  readonly #plan: CameraPlan;
  readonly #watchMotion: typeof watchMotion;
  #sharing: AbortController | null = null;
  #closed = false;
  #released = false;

  constructor(
    devices: MediaDevices | undefined,
    chosen: CaptureState["chosen"] = { microphone: "", camera: "", speaker: "" },
    camera: CameraPlan = FULL,
    motion: typeof watchMotion = watchMotion,
  ) {
    this.#watchMotion = motion;
    this.#plan = camera;
    this.#devices = devices;
    this.state = new Store<CaptureState>({
      microphone: OFF,
      camera: OFF,
      screen: OFF,
      screenAudio: null,
      screenMoves: false,
      microphones: [],
      cameras: [],
      speakers: [],
      chosen,
    });
    devices?.addEventListener("devicechange", this.#devicesChanged);
  }

  get canShareScreen(): boolean {
    return typeof this.#devices?.getDisplayMedia === "function";
  }

  /** Both at once where both are wanted, so that the browser asks the person only once. */
  async start(microphone: boolean, camera: boolean): Promise<void> {
    if (microphone && camera && this.#devices) {
      this.#patch("microphone", { on: true, pending: true });
      this.#patch("camera", { on: true, pending: true });
      try {
        const stream = await this.#devices.getUserMedia({
          audio: this.#audioConstraints(),
          video: this.#videoConstraints(),
        });
        this.#opened("microphone", stream.getAudioTracks()[0]);
        this.#opened("camera", stream.getVideoTracks()[0]);
        await this.#list();
        return;
      } catch {
        if (this.#released) return;
        // One of the two may still work: asked for alone below, each with its own problem.
        this.#patch("microphone", { pending: false });
        this.#patch("camera", { pending: false });
      }
    }
    await Promise.all([
      microphone ? this.setMicrophone(true) : undefined,
      camera ? this.setCamera(true) : undefined,
    ]);
    await this.#list();
  }

  async setMicrophone(on: boolean): Promise<void> {
    const { track } = this.state.get().microphone;
    if (track) track.enabled = on;
    if (!on || track) {
      this.#patch("microphone", { on, pending: false });
      return;
    }
    if (!this.state.get().microphone.pending) await this.#open("microphone");
    else this.#patch("microphone", { on: true });
  }

  async setCamera(on: boolean): Promise<void> {
    if (on) {
      const { track, pending } = this.state.get().camera;
      if (!track && !pending) await this.#open("camera");
      return;
    }
    this.state.get().camera.track?.stop();
    this.#patch("camera", { on: false, pending: false, track: null });
  }

  async setScreen(on: boolean): Promise<void> {
    if (!on) {
      this.#stopScreen();
      return;
    }
    if (!this.#devices?.getDisplayMedia) {
      this.#patch("screen", { problem: "insecure" });
      return;
    }
    this.#patch("screen", { pending: true, problem: null });
    try {
      const stream = await this.#devices.getDisplayMedia({
        video: { frameRate: { ideal: 15, max: 30 } },
        audio: true,
      });
      this.#screenOpened(stream);
    } catch (error) {
      const problem = problemOf(error);
      // "Denied" is the person closing the picker: nothing to explain.
      this.#patch("screen", { on: false, pending: false, problem: problem === "denied" ? null : problem });
    }
  }

  async choose(kind: DeviceKind, id: string): Promise<void> {
    this.state.patch({ chosen: { ...this.state.get().chosen, [kind]: id } });
    if (kind === "speaker") return;
    const { on, track } = this.state.get()[kind];
    if (!track && !on) return;
    await this.#replace(kind, on);
  }

  /** Lets go of microphone and camera, also of those that are just opening, until one is asked for again. */
  release(): void {
    for (const kind of ["microphone", "camera"] as const) {
      this.state.get()[kind].track?.stop();
      this.#patch(kind, { on: false, pending: false, problem: null, track: null });
    }
    this.#released = true;
  }

  close(): void {
    this.#closed = true;
    this.#sharing?.abort();
    this.#devices?.removeEventListener("devicechange", this.#devicesChanged);
    const { microphone, camera, screen, screenAudio } = this.state.get();
    for (const track of [microphone.track, camera.track, screen.track, screenAudio]) track?.stop();
  }

  readonly #devicesChanged = (): void => {
    void this.#list();
  };

  async #replace(kind: "microphone" | "camera", on: boolean): Promise<void> {
    const before = this.state.get()[kind].track;
    // Firefox holds one microphone at a time: the old one must go before the new one opens.
    before?.stop();
    this.#patch(kind, { track: null });
    if (!on) return;
    await this.#open(kind);
  }

  async #open(kind: "microphone" | "camera"): Promise<void> {
    if (!this.#devices?.getUserMedia) {
      this.#patch(kind, { on: false, pending: false, problem: "insecure" });
      return;
    }
    this.#released = false;
    this.#patch(kind, { on: true, pending: true, problem: null });
    try {
      const constraints =
        kind === "microphone" ? { audio: this.#audioConstraints() } : { video: this.#videoConstraints() };
      const stream = await this.#devices.getUserMedia(constraints);
      this.#opened(kind, stream.getTracks()[0]);
      await this.#list();
    } catch (error) {
      this.#patch(kind, { on: false, pending: false, problem: problemOf(error), track: null });
    }
  }

  #opened(kind: "microphone" | "camera", track: MediaStreamTrack | undefined): void {
    if (!track) return;
    const { on, track: already } = this.state.get()[kind];
    if (this.#closed || this.#released || already || (kind === "camera" && !on)) {
      track.stop();
      return;
    }
    track.enabled = on;
    if (kind === "camera") track.contentHint = "motion";
    track.onended = () => {
      if (this.state.get()[kind].track === track) {
        this.#patch(kind, { on: false, pending: false, track: null, problem: "missing" });
      }
    };
    this.#patch(kind, { pending: false, problem: null, track });
  }

  #screenOpened(stream: MediaStream): void {
    const track = stream.getVideoTracks()[0] ?? null;
    const audio = stream.getAudioTracks()[0] ?? null;
    if (!track || this.#closed) {
      for (const each of stream.getTracks()) each.stop();
      return;
    }
    // Letters must stay sharp; frames may be skipped.
    track.contentHint = "detail";
    track.onended = () => this.#stopScreen();
    this.#sharing?.abort();
    this.#sharing = new AbortController();
    this.state.patch({
      screen: { on: true, pending: false, problem: null, track },
      screenAudio: audio,
      screenMoves: false,
    });
    if (!audio || !isTab(track)) return;
    const onMotion = (moves: boolean) => {
      track.contentHint = moves ? "motion" : "detail";
      this.state.patch({ screenMoves: moves });
    };
    this.#watchMotion(audio, onMotion, this.#sharing.signal);
  }

  #stopScreen(): void {
    const { screen, screenAudio } = this.state.get();
    screen.track?.stop();
    screenAudio?.stop();
    this.#sharing?.abort();
    this.#sharing = null;
    this.state.patch({ screen: OFF, screenAudio: null, screenMoves: false });
  }

  #patch(kind: "microphone" | "camera" | "screen", part: Partial<DeviceState>): void {
    this.state.patch({ [kind]: { ...this.state.get()[kind], ...part } });
  }

  #audioConstraints(): MediaTrackConstraints {
    const { microphone } = this.state.get().chosen;
    return {
      echoCancellation: true,
      noiseSuppression: true,
      autoGainControl: true,
      ...(microphone ? { deviceId: { ideal: microphone } } : {}),
    };
  }

  #videoConstraints(): MediaTrackConstraints {
    const { width, height, frameRate } = this.#plan;
    const { camera } = this.state.get().chosen;
    return {
      width: { ideal: width },
      height: { ideal: height },
      frameRate: { ideal: frameRate, max: frameRate },
      ...(camera ? { deviceId: { ideal: camera } } : {}),
    };
  }

  async #list(): Promise<void> {
    if (!this.#devices?.enumerateDevices) return;
    const all = await this.#devices.enumerateDevices().catch(() => []);
    const of = (kind: MediaDeviceKind): DeviceChoice[] =>
      all
        .filter((device) => device.kind === kind && device.deviceId !== "")
        .map((device, index) => ({ id: device.deviceId, label: device.label || `${index + 1}` }));
    this.state.patch({
      microphones: of("audioinput"),
      cameras: of("videoinput"),
      speakers: of("audiooutput"),
    });
  }
}

function problemOf(error: unknown): DeviceProblem {
  switch (error instanceof DOMException ? error.name : "") {
    case "NotAllowedError":
    case "SecurityError":
      return "denied";
    case "NotFoundError":
    case "OverconstrainedError":
      return "missing";
    case "NotReadableError":
    case "AbortError":
      return "busy";
    default:
      return "failed";
  }
}
