/**
 * The room as this participant sees it, and how each event changes it.
 *
 * Pure: state and event in, new state out. What did not change keeps its identity, so that the
 * page redraws only what did.
 */
import type {
  ChatMessage,
  Joined,
  Participant,
  Role,
  ServerEvent,
  SlotAssignment,
  Track,
  TrackSource,
} from "../protocol/index.ts";
import { unreachable } from "../store.ts";

export interface RoomState {
  readonly room: string;
  readonly self: string;
  readonly role: Role;
  readonly isLocked: boolean;
  /** What each is sent of pictures at most, in kbit/s; null: no cap. */
  readonly videoCapKbps: number | null;
  /** In order of joining. */
  readonly participants: readonly Participant[];
  readonly chat: readonly ChatMessage[];
  /** Which receive line shows which track, by mid. */
  readonly slots: ReadonlyMap<string, SlotAssignment>;
  readonly audioMids: readonly string[];
  readonly speaking: ReadonlySet<string>;
  readonly dominant: string | null;
  /** Unix time, in seconds, at which the server ends the call: it is shutting down. */
  readonly endsAt: number | null;
}

/** Enough to scroll back through a long meeting, bounded for one that never ends. */
const CHAT_KEPT = 2_000;

export function fromJoined(joined: Joined): RoomState {
  const self = joined.participants.find((participant) => participant.id === joined.participant);
  return {
    room: joined.room,
    self: joined.participant,
    role: self?.role ?? joined.role,
    isLocked: joined.locked,
    videoCapKbps: joined.video_cap_kbps ?? null,
    participants: joined.participants,
    chat: joined.chat,
    slots: new Map(joined.video_slots.map((slot) => [slot.mid, slot])),
    audioMids: joined.audio_mids,
    speaking: new Set(joined.speaking),
    dominant: joined.dominant ?? null,
    endsAt: joined.ends_at ?? null,
  };
}

/** A renegotiation may have renumbered or added receive lines. */
export function withSlots(
  state: RoomState,
  videoSlots: readonly SlotAssignment[],
  audioMids: readonly string[],
): RoomState {
  return { ...state, slots: new Map(videoSlots.map((slot) => [slot.mid, slot])), audioMids };
}

export function reduce(state: RoomState, event: ServerEvent): RoomState {
  switch (event.type) {
    case "participant_joined":
      return withParticipant(state, event.participant);
    case "participant_updated":
      return participantUpdated(state, event);
    case "participant_left":
      return participantLeft(state, event.participant);
    case "track_published":
    case "track_updated":
      return withTrack(state, event.participant, event.track);
    case "track_unpublished":
      return withoutTrack(state, event.participant, event.track);
    case "slots":
      return slotsChanged(state, event.slots);
    case "speakers":
      return speakersChanged(state, event.speaking, event.dominant ?? null);
    case "chat_received":
      return chatReceived(state, event.message);
    case "room_updated":
      return { ...state, isLocked: event.locked };
    case "video_capped":
      return { ...state, videoCapKbps: event.kbps ?? null };
    case "draining":
      return { ...state, endsAt: event.ends_at };
    case "layers_wanted":
    case "media_restart_needed":
    case "ended":
      return state;
    default:
      return unreachable(event);
  }
}

export function participantOf(state: RoomState, id: string): Participant | undefined {
  return state.participants.find((participant) => participant.id === id);
}

export function trackOf(participant: Participant | undefined, source: TrackSource): Track | undefined {
  return participant?.tracks.find((track) => track.source === source);
}

/** The slot that shows a track now. */
export function slotOf(state: RoomState, track: string): SlotAssignment | undefined {
  for (const slot of state.slots.values()) if (slot.track === track) return slot;
  return undefined;
}

/** Whose track it is. */
export function ownerOf(state: RoomState, track: string): Participant | undefined {
  return state.participants.find((participant) => participant.tracks.some(({ id }) => id === track));
}

/** Receive lines that show a track and are to show another one now. */
export function reassigned(state: RoomState, changed: readonly SlotAssignment[]): string[] {
  const isOther = ({ mid, track }: SlotAssignment) => {
    const before = state.slots.get(mid)?.track;
    return before !== undefined && track !== undefined && before !== track;
  };
  return changed.filter(isOther).map(({ mid }) => mid);
}

function withParticipant(state: RoomState, participant: Participant): RoomState {
  const known = state.participants.some(({ id }) => id === participant.id);
  const participants = known
    ? state.participants.map((each) => (each.id === participant.id ? participant : each))
    : [...state.participants, participant];
  return { ...state, participants };
}

function participantUpdated(
  state: RoomState,
  event: Extract<ServerEvent, { type: "participant_updated" }>,
): RoomState {
  const { participant: id, role, name, reconnecting } = event;
  const changed = mapParticipant(state, id, (participant) => ({ ...participant, role, name, reconnecting }));
  return id === state.self ? { ...changed, role } : changed;
}

function participantLeft(state: RoomState, id: string): RoomState {
  const gone = new Set(participantOf(state, id)?.tracks.map((track) => track.id));
  return {
    ...state,
    participants: state.participants.filter((participant) => participant.id !== id),
    speaking: new Set([...state.speaking].filter((track) => !gone.has(track))),
    dominant: state.dominant !== null && gone.has(state.dominant) ? null : state.dominant,
  };
}

function withTrack(state: RoomState, id: string, track: Track): RoomState {
  return mapParticipant(state, id, (participant) => {
    const known = participant.tracks.some((each) => each.id === track.id);
    const tracks = known
      ? participant.tracks.map((each) => (each.id === track.id ? track : each))
      : [...participant.tracks, track];
    return { ...participant, tracks };
  });
}

function withoutTrack(state: RoomState, id: string, track: string): RoomState {
  return mapParticipant(state, id, (participant) => ({
    ...participant,
    tracks: participant.tracks.filter((each) => each.id !== track),
  }));
}

function slotsChanged(state: RoomState, changed: readonly SlotAssignment[]): RoomState {
  const slots = new Map(state.slots);
  for (const slot of changed) slots.set(slot.mid, slot);
  return { ...state, slots };
}

function speakersChanged(state: RoomState, speaking: readonly string[], dominant: string | null): RoomState {
  const same =
    speaking.length === state.speaking.size && speaking.every((track) => state.speaking.has(track));
  if (same && dominant === state.dominant) return state;
  return { ...state, speaking: same ? state.speaking : new Set(speaking), dominant };
}

function chatReceived(state: RoomState, message: ChatMessage): RoomState {
  if (state.chat.some(({ id }) => id === message.id)) return state;
  return { ...state, chat: [...state.chat, message].slice(-CHAT_KEPT) };
}

function mapParticipant(state: RoomState, id: string, change: (p: Participant) => Participant): RoomState {
  return {
    ...state,
    participants: state.participants.map((each) => (each.id === id ? change(each) : each)),
  };
}
