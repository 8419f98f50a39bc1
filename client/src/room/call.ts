/**
 * What a page can see of a call and do in it: the border between the network and the screen.
 * `RoomSession` implements it; the design gallery fakes it.
 */
import type { Capture } from "../media/capture.ts";
import type { Quality } from "../media/quality.ts";
import type { ErrorCode, Tile, TrackSource } from "../protocol/index.ts";
import type { Readable } from "../store.ts";
import type { RoomState } from "./state.ts";

export type EndReason = "left" | "removed" | "room_ended" | "server_stopped" | "replaced";
/** `unreachable`: no server answered; the others are what the server said. */
export type JoinProblem = ErrorCode | "unreachable";

export type Phase =
  | { name: "joining" }
  | { name: "joined" }
  /** Part of the call is down and being mended; what is known of the room stays on screen. */
  | { name: "reconnecting" }
  | { name: "refused"; problem: JoinProblem; message: string }
  | { name: "ended"; reason: EndReason };

export interface CallState {
  readonly phase: Phase;
  /** Before the join: why the server would not let the person in now. */
  readonly entry: JoinProblem | null;
  readonly room: RoomState | null;
  readonly quality: Quality;
  /** Receive lines that may still bring what they showed before. */
  readonly switching: ReadonlySet<string>;
}

const NOBODY: ReadonlySet<string> = new Set();

/** Microphone tracks that are heard to speak. What was true before a cut is not known to be true now. */
export function speakingNow({ phase, room }: CallState): ReadonlySet<string> {
  return room && phase.name === "joined" ? room.speaking : NOBODY;
}

/** Something that happened and is worth a word, not a state. */
export type Notice =
  | { kind: "joined"; name: string }
  | { kind: "left"; name: string; reason: "left" | "lost" | "removed" }
  | { kind: "sharing"; name: string }
  | { kind: "chat"; name: string; text: string; isPrivate: boolean }
  | { kind: "muted_by_moderator"; source: TrackSource }
  | { kind: "locked"; isLocked: boolean }
  | { kind: "video_capped"; kbps: number | null }
  | { kind: "failed"; problem: JoinProblem };

export interface Call {
  readonly state: Readable<CallState>;
  readonly capture: Capture;
  onNotice: ((notice: Notice) => void) | null;
  /** How many remote videos can be shown at once. */
  readonly videoSlots: number;
  /** What arrives on a receive line. */
  stream(mid: string): MediaStream | null;
  setView(tiles: readonly Tile[]): void;
  sendChat(text: string, to?: string): Promise<boolean>;
  muteTrack(track: string): void;
  removeParticipant(participant: string): void;
  lockRoom(isLocked: boolean): void;
  /** What each is sent of pictures at most, in kbit/s; null: no cap. */
  capVideo(kbps: number | null): void;
  endRoom(): void;
  leave(): void;
}
