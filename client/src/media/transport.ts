/**
 * The media path to the server: one RTCPeerConnection, negotiated once, with one offer.
 *
 * The offer holds send lines for microphone, camera, screen and screen audio (idle until a track
 * is put on them) and receive-only slots; what a slot shows changes without renegotiation.
 * Offers go out and answers come in as text; who carries them is not known here, nor is the DOM.
 */
import type { OfferedTrack, TrackSource } from "../protocol/index.ts";
import { FULL } from "./camera.ts";
import { fitEncodings } from "./encodings.ts";

export const SOURCES: readonly TrackSource[] = ["microphone", "camera", "screen", "screen_audio"];

export interface TransportOptions {
  videoSlots: number;
  audioSlots: number;
  /** The camera's layers. */
  camera?: readonly RTCRtpEncodingParameters[];
  create?: (configuration: RTCConfiguration) => RTCPeerConnection;
}

export type PathState = "connecting" | "connected" | "disconnected" | "failed";

const SCREEN_ENCODINGS: RTCRtpEncodingParameters[] = [{ maxBitrate: 2_500_000, maxFramerate: 30 }];

export class MediaTransport {
  readonly #link: RTCPeerConnection;
  readonly #sends: Record<TrackSource, RTCRtpTransceiver>;
  readonly #slots: Record<"audio" | "video", RTCRtpTransceiver[]>;
  readonly #sending = new Map<TrackSource, MediaStreamTrack | null>();
  readonly #streams = new Map<string, MediaStream>();
  readonly #preferred = new Map<TrackSource, RTCDegradationPreference>();
  #prepared: Promise<string> | null = null;
  #onState: ((state: PathState) => void) | null = null;
  #choosing: Promise<void> = Promise.resolve();

  constructor(options: TransportOptions) {
    const create = options.create ?? ((configuration) => new RTCPeerConnection(configuration));
    this.#link = create({ iceServers: [], bundlePolicy: "max-bundle" });
    this.#sends = {
      microphone: this.#addSend("audio"),
      camera: this.#addSend("video", options.camera ?? FULL.encodings),
      screen: this.#addSend("video", SCREEN_ENCODINGS),
      screen_audio: this.#addSend("audio"),
    };
    this.#slots = {
      video: this.#addSlots("video", options.videoSlots),
      audio: this.#addSlots("audio", options.audioSlots),
    };
    this.#link.onconnectionstatechange = () => this.#stateChanged();
  }

  get state(): PathState {
    return pathState(this.#link.connectionState) ?? "failed";
  }

  set onState(listener: ((state: PathState) => void) | null) {
    this.#onState = listener;
  }

  /**
   * The offer, made and set once. Own candidates are not waited for: the server is ICE-lite and
   * learns them from our checks, so a join need not pay for gathering.
   */
  prepare(): Promise<string> {
    this.#prepared ??= this.#offer();
    return this.#prepared;
  }

  async accept(answer: string): Promise<void> {
    await this.#link.setRemoteDescription({ type: "answer", sdp: answer });
    // Only now the codec is known, and what was changed meanwhile may have been refused.
    void this.#fitCamera();
    for (const [source, preference] of this.#preferred) void this.#givePreference(source, preference);
  }

  /** A new offer with new ICE credentials, after the path was lost. */
  restart(): Promise<string> {
    this.#link.restartIce();
    return this.#offer();
  }

  /** What each send line of the offer is for. */
  offered(isLive: (source: TrackSource) => boolean): OfferedTrack[] {
    return SOURCES.map((source) => ({
      mid: this.#sends[source].mid ?? "",
      source,
      live: isLive(source),
    }));
  }

  async send(source: TrackSource, track: MediaStreamTrack | null): Promise<void> {
    // `sender.track` lags behind queued replacements, so what was last asked for is remembered.
    if ((this.#sending.get(source) ?? null) === track) return;
    this.#sending.set(source, track);
    await this.#sends[source].sender.replaceTrack(track);
    if (source === "camera") void this.#fitCamera();
  }

  /** What is given up first where not all can be had. Browsers that do not know it leave it unread. */
  prefer(source: TrackSource, preference: RTCDegradationPreference): Promise<void> {
    if (this.#preferred.get(source) === preference) return this.#choosing;
    this.#preferred.set(source, preference);
    return this.#givePreference(source, preference);
  }

  /** Encode these layers of a simulcast source, and no others. */
  choose(source: TrackSource, rids: readonly string[]): Promise<void> {
    return this.#change(source, (parameters) => chooseLayers(parameters, rids));
  }

  get videoSlots(): number {
    return this.#slots.video.length;
  }

  /** An offer with more receive lines. */
  grow(videoSlots: number): Promise<string> {
    this.#slots.video.push(...this.#addSlots("video", videoSlots - this.videoSlots));
    return this.#offer();
  }

  /** What arrives on a receive line; the same object for as long as the transport lives. */
  stream(mid: string): MediaStream | null {
    const known = this.#streams.get(mid);
    if (known) return known;
    const slot = [...this.#slots.video, ...this.#slots.audio].find((transceiver) => transceiver.mid === mid);
    if (!slot) return null;
    const stream = new MediaStream([slot.receiver.track]);
    this.#streams.set(mid, stream);
    return stream;
  }

  stats(): Promise<RTCStatsReport> {
    return this.#link.getStats();
  }

  close(): void {
    this.#link.onconnectionstatechange = null;
    this.#onState = null;
    this.#link.close();
  }

  #givePreference(source: TrackSource, preference: RTCDegradationPreference): Promise<void> {
    return this.#change(source, (parameters) => {
      const hasChanged = parameters.degradationPreference !== preference;
      parameters.degradationPreference = preference;
      return hasChanged;
    });
  }

  /** The layers of the camera by the size that it gives and the codec that was agreed on. */
  #fitCamera(): Promise<void> {
    const { width = 0, height = 0 } = this.#sending.get("camera")?.getSettings?.() ?? {};
    // A picture that stands upright has as many lines as it is narrow.
    const lines = Math.min(width, height);
    if (lines === 0) return this.#choosing;
    return this.#change("camera", (parameters) => fitEncodings(parameters, lines));
  }

  /** One after the other: parameters that were read before another change are refused. */
  #change(source: TrackSource, change: (parameters: RTCRtpSendParameters) => boolean): Promise<void> {
    this.#choosing = this.#choosing.then(async () => {
      const { sender } = this.#sends[source];
      const parameters = sender.getParameters();
      if (!change(parameters)) return;
      await sender
        .setParameters(parameters)
        .catch((error: unknown) => console.warn("cannot change what is sent", source, error));
    });
    return this.#choosing;
  }

  #addSend(kind: "audio" | "video", encodings?: readonly RTCRtpEncodingParameters[]): RTCRtpTransceiver {
    const init: RTCRtpTransceiverInit = { direction: "sendonly" };
    // Copies, since browsers may keep what they are given.
    const sendEncodings = encodings?.map((encoding) => ({ ...encoding }));
    return this.#link.addTransceiver(kind, sendEncodings ? { ...init, sendEncodings } : init);
  }

  #addSlots(kind: "audio" | "video", count: number): RTCRtpTransceiver[] {
    return Array.from({ length: count }, () => {
      const slot = this.#link.addTransceiver(kind, { direction: "recvonly" });
      if (kind === "video") preferUsefulCodecs(slot);
      return slot;
    });
  }

  async #offer(): Promise<string> {
    const offer = await this.#link.createOffer();
    await this.#link.setLocalDescription(offer);
    return offer.sdp ?? "";
  }

  #stateChanged(): void {
    const state = pathState(this.#link.connectionState);
    if (state) this.#onState?.(state);
  }
}

function pathState(state: RTCPeerConnectionState): PathState | null {
  switch (state) {
    case "new":
    case "connecting":
      return "connecting";
    case "connected":
    case "disconnected":
    case "failed":
      return state;
    case "closed":
      return null;
  }
}

/** Whether anything changed. */
function chooseLayers(parameters: RTCRtpSendParameters, rids: readonly string[]): boolean {
  let hasChanged = false;
  for (const encoding of parameters.encodings) {
    const active = rids.includes(encoding.rid ?? "");
    hasChanged ||= encoding.active !== active;
    encoding.active = active;
  }
  return hasChanged;
}

/**
 * What no publisher sends here need not be offered on every slot: it doubles the offer, and the work on it.
 * Left out are the profiles of more than 8 bits or 4:2:0, H.264's single-NAL mode, RED and FEC for video.
 */
function preferUsefulCodecs(slot: RTCRtpTransceiver): void {
  const all = globalThis.RTCRtpReceiver?.getCapabilities?.("video")?.codecs ?? [];
  const useful = all.filter(({ mimeType, sdpFmtpLine = "" }) => {
    switch (mimeType.toLowerCase()) {
      case "video/vp8":
      case "video/h265":
      case "video/rtx":
        return true;
      case "video/vp9":
        return !/profile-id=[1-9]/.test(sdpFmtpLine);
      case "video/av1":
        return !/profile=[1-9]/.test(sdpFmtpLine);
      case "video/h264":
        return /packetization-mode=1/.test(sdpFmtpLine);
      default:
        return false;
    }
  });
  if (useful.length > 0) slot.setCodecPreferences?.(useful);
}
