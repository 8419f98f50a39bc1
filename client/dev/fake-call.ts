/** A call without a network, in any state that the gallery asks for. Not shipped. */
import { Capture, type CaptureState } from "../src/media/capture.ts";
import type { ChatMessage, Participant, Tile, Track } from "../src/protocol/index.ts";
import type { Call, CallState, Notice, Phase } from "../src/room/call.ts";
import { fromJoined } from "../src/room/state.ts";
import { Store } from "../src/store.ts";
import { personStream, screenStream } from "./scenes.ts";

const NAMES = [
  "Marta Vidal",
  "Ben Okafor",
  "Ana Lucía Pérez",
  "Jonas Weber",
  "Aiko Tanaka",
  "Pau Ferrer",
  "Leila Haddad",
  "Tom Ashworth",
  "Ines Carvalho",
  "Noah Lindqvist",
  "Zoe Martin",
  "Karim Benali",
  "Elena Rossi",
  "Oriol Puig",
  "Grace Kim",
  "Viktor Novak",
  "Sara Jensen",
  "Mateo Gil",
  "Priya Nair",
  "Luca Moretti",
  "Freya Olsen",
  "David Cohen",
  "Nuria Soler",
  "Yusuf Demir",
  "Clara Dubois",
  "Ivan Petrov",
  "Rosa Blanco",
  "Hugo Bernard",
];

export interface FakeOptions {
  people: number;
  share?: boolean;
  phase?: Phase["name"];
  chat?: boolean;
  role?: "moderator" | "publisher" | "subscriber";
  noCamera?: boolean;
  poor?: boolean;
  locked?: boolean;
  draining?: boolean;
}

/** Every fifth person has no camera, every third is muted. */
function participants({ people, share, role }: FakeOptions): Participant[] {
  return NAMES.slice(0, people).map((name, index) => {
    const id = `p${index}`;
    const tracks: Track[] = [
      { id: `${id}-m`, source: "microphone", live: index % 3 !== 2 },
      { id: `${id}-c`, source: "camera", live: index % 5 !== 4 },
    ];
    if (share && index === 1) tracks.push({ id: `${id}-s`, source: "screen", live: true });
    const each: Participant = { id, name, role: index === 0 ? (role ?? "moderator") : "publisher", tracks };
    return index === 6 ? { ...each, reconnecting: true } : each;
  });
}

function chat(now: number): ChatMessage[] {
  const line = (id: string, from: number, text: string, ago: number, to?: string): ChatMessage => ({
    id,
    sender: `p${from}`,
    name: NAMES[from] ?? "",
    text,
    sent_at: now - ago,
    ...(to === undefined ? {} : { to }),
  });
  return [
    line("1", 1, "Good morning! The slides are at https://example.org/q3-review (draft).", 620),
    line("2", 1, "Numbers for week 37 arrive at noon.", 600),
    line("3", 2, "Thanks, Ben 👍", 420),
    line("4", 0, "I have one question about the last chart.\nCan we come back to it at the end?", 300),
    line("5", 1, "Of course.", 240),
    line("6", 2, "Do you have five minutes afterwards?", 60, "p0"),
  ];
}

class FakeCapture extends Capture {
  override get canShareScreen(): boolean {
    return true;
  }
}

export class FakeCall implements Call {
  readonly state: Store<CallState>;
  readonly capture: Capture;
  readonly videoSlots = 25;
  onNotice: ((notice: Notice) => void) | null = null;
  readonly #streams = new Map<string, MediaStream>();

  constructor(options: FakeOptions) {
    this.capture = fakeCapture(options.noCamera ?? false);
    const everyone = participants(options);
    const video = everyone.slice(1).flatMap((each, index) => this.#streamsOf(each, index + 1));
    const room = fromJoined({
      type: "joined",
      id: 1,
      session: "",
      participant: "p0",
      role: options.role ?? "moderator",
      room: "team-sync",
      locked: options.locked ?? false,
      participants: everyone,
      chat: options.chat ? chat(Date.now() / 1000) : [],
      seq: 0,
      video_slots: video,
      audio_mids: [],
      audio: [],
      speaking: ["p1-m"],
      dominant: "p1-m",
      ...(options.draining ? { ends_at: Date.now() / 1000 + 600 } : {}),
    });
    const name = options.phase ?? "joined";
    const phase: Phase = name === "reconnecting" ? { name } : { name: "joined" };
    this.state = new Store<CallState>({
      phase,
      entry: null,
      room,
      quality: options.poor ? "poor" : "good",
      switching: new Set(),
    });
  }

  #streamsOf(
    participant: Participant,
    seed: number,
  ): { mid: string; track: string; undecodable?: boolean }[] {
    return participant.tracks
      .filter(({ source, live }) => live && (source === "camera" || source === "screen"))
      .map(({ id, source }) => {
        this.#streams.set(id, source === "screen" ? screenStream() : personStream(seed));
        return { mid: id, track: id, ...(seed === 8 ? { undecodable: true } : {}) };
      });
  }

  stream(mid: string): MediaStream | null {
    return this.#streams.get(mid) ?? null;
  }
  setView(_tiles: readonly Tile[]): void {}
  async sendChat(): Promise<boolean> {
    return true;
  }
  muteTrack(): void {}
  removeParticipant(): void {}
  lockRoom(): void {}
  capVideo(): void {}
  endRoom(): void {}
  leave(): void {}
}

export function fakeCapture(isDenied: boolean): Capture {
  const capture = new FakeCapture(undefined);
  const on = (track: MediaStreamTrack | null): CaptureState["camera"] => ({
    on: !isDenied,
    pending: false,
    problem: isDenied ? "denied" : null,
    track,
  });
  const camera = isDenied ? null : (personStream(0).getVideoTracks()[0] ?? null);
  capture.state.patch({
    camera: on(camera),
    microphone: on(null),
    cameras: isDenied ? [] : [{ id: "a", label: "Integrated camera" }],
    microphones: isDenied ? [] : [{ id: "b", label: "Headset microphone" }],
    speakers: isDenied ? [] : [{ id: "c", label: "Headset" }],
  });
  return capture;
}
