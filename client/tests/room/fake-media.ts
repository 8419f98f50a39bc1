/** Media without a browser: a link that can be broken, devices that open at once. */
import { Capture } from "../../src/media/capture.ts";
import { MediaTransport } from "../../src/media/transport.ts";

export class FakeTrack extends EventTarget {
  enabled = true;
  contentHint = "";
  readyState = "live";
  onended: (() => void) | null = null;
  constructor(readonly kind: string) {
    super();
  }
  stop(): void {
    this.readyState = "ended";
  }
}

class FakeSender {
  track: unknown = null;
  preference: string | undefined;
  /** As agreed on; none before the answer. */
  codecs: { mimeType: string }[] = [];
  #encodings: RTCRtpEncodingParameters[];
  constructor(init: RTCRtpTransceiverInit) {
    this.#encodings = init.sendEncodings ?? [];
  }
  getParameters() {
    const encodings = this.#encodings.map((encoding) => ({ active: true, ...encoding }));
    return { encodings, codecs: this.codecs, degradationPreference: this.preference };
  }
  async setParameters(parameters: {
    encodings: RTCRtpEncodingParameters[];
    degradationPreference?: string;
  }): Promise<void> {
    this.#encodings = parameters.encodings;
    this.preference = parameters.degradationPreference;
  }
  async replaceTrack(track: unknown): Promise<void> {
    this.track = track;
  }
}

export class FakeLink {
  connectionState = "new";
  onconnectionstatechange: (() => void) | null = null;
  readonly transceivers: {
    mid: string | null;
    kind: string;
    init: RTCRtpTransceiverInit;
    sender: FakeSender;
  }[] = [];
  readonly answers: string[] = [];
  offers = 0;
  isClosed = false;
  addTransceiver(kind: string, init: RTCRtpTransceiverInit) {
    const transceiver = { mid: null, kind, init, sender: new FakeSender(init) };
    this.transceivers.push(transceiver);
    return transceiver;
  }
  async createOffer() {
    this.offers++;
    return { type: "offer", sdp: `offer ${this.offers}` };
  }
  async setLocalDescription(): Promise<void> {
    for (const [index, transceiver] of this.transceivers.entries()) transceiver.mid = String(index);
  }
  async setRemoteDescription({ sdp }: { sdp: string }): Promise<void> {
    this.answers.push(sdp);
  }
  restartIce(): void {}
  async getStats() {
    return new Map();
  }
  close(): void {
    this.isClosed = true;
  }
  becomes(state: string): void {
    this.connectionState = state;
    this.onconnectionstatechange?.();
  }
  /** The simulcast layers that are encoded. */
  active(mid: number): (string | undefined)[] {
    const encodings = this.transceivers[mid]?.sender.getParameters().encodings ?? [];
    return encodings.filter(({ active }) => active).map(({ rid }) => rid);
  }
  sent(mid: number): unknown {
    return this.transceivers[mid]?.sender.track ?? null;
  }
}

export function fakeTransport(link: FakeLink, videoSlots = 2, audioSlots = 1): MediaTransport {
  return new MediaTransport({ videoSlots, audioSlots, create: () => link as unknown as RTCPeerConnection });
}

/** Devices that open, or refuse with the given error. */
export function fakeDevices(refuse: { audio?: string; video?: string; display?: string } = {}): MediaDevices {
  const devices = Object.assign(new EventTarget(), {
    opened: [] as FakeTrack[],
    async getUserMedia({ audio, video }: MediaStreamConstraints) {
      const wrong = (audio && refuse.audio) || (video && refuse.video);
      if (wrong) throw new DOMException("no", wrong);
      const tracks = [...(audio ? [new FakeTrack("audio")] : []), ...(video ? [new FakeTrack("video")] : [])];
      devices.opened.push(...tracks);
      return streamOf(tracks);
    },
    async getDisplayMedia() {
      if (refuse.display) throw new DOMException("no", refuse.display);
      return streamOf([new FakeTrack("video")]);
    },
    async enumerateDevices() {
      return [
        { kind: "audioinput", deviceId: "m1", label: "Headset" },
        { kind: "videoinput", deviceId: "c1", label: "" },
      ];
    },
  });
  return devices as unknown as MediaDevices;
}

export function fakeCapture(refuse?: Parameters<typeof fakeDevices>[0]): Capture {
  return new Capture(fakeDevices(refuse));
}

function streamOf(tracks: FakeTrack[]) {
  const of = (kind: string) => tracks.filter((track) => track.kind === kind);
  return { getTracks: () => tracks, getAudioTracks: () => of("audio"), getVideoTracks: () => of("video") };
}
