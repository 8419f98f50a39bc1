/** Which events are worth a word to the person. Pure. */
import type { ServerEvent } from "../protocol/index.ts";
import type { Notice } from "./call.ts";
import { participantOf, type RoomState } from "./state.ts";

/** `before` is the room as it was when the event came. */
export function noticeOf(before: RoomState, event: ServerEvent): Notice | null {
  switch (event.type) {
    case "participant_joined":
      return { kind: "joined", name: event.participant.name };
    case "participant_left": {
      const name = participantOf(before, event.participant)?.name;
      return name === undefined ? null : { kind: "left", name, reason: event.reason };
    }
    case "track_published":
    case "track_updated":
      return trackNotice(before, event);
    case "chat_received": {
      const { sender, name, text, to } = event.message;
      if (sender === before.self) return null;
      return { kind: "chat", name, text, isPrivate: to !== undefined };
    }
    case "room_updated":
      return event.locked === before.isLocked ? null : { kind: "locked", isLocked: event.locked };
    case "video_capped":
      return { kind: "video_capped", kbps: event.kbps ?? null };
    default:
      return null;
  }
}

function trackNotice(
  before: RoomState,
  event: Extract<ServerEvent, { type: "track_published" | "track_updated" }>,
): Notice | null {
  const { participant: id, track } = event;
  if (id === before.self) {
    const isForced = event.type === "track_updated" && event.by_moderator === true && !track.live;
    return isForced ? { kind: "muted_by_moderator", source: track.source } : null;
  }
  const participant = participantOf(before, id);
  const wasLive = participant?.tracks.find((each) => each.id === track.id)?.live ?? false;
  if (track.source !== "screen" || !track.live || wasLive || !participant) return null;
  return { kind: "sharing", name: participant.name };
}
