/** Notices and problems in words. Pure. */
import type { Messages } from "../i18n/index.ts";
import type { EndReason, JoinProblem, Notice } from "../room/call.ts";
import { unreachable } from "../store.ts";

const LONGEST_QUOTE = 80;

export function noticeText(notice: Notice, w: Messages): string {
  switch (notice.kind) {
    case "joined":
      return w.noticeJoined(notice.name);
    case "left":
      return leftText(notice, w);
    case "sharing":
      return w.noticeSharing(notice.name);
    case "chat": {
      const quote = shortened(notice.text);
      return notice.isPrivate ? w.noticePrivateChat(notice.name, quote) : w.noticeChat(notice.name, quote);
    }
    case "muted_by_moderator":
      return mutedText(notice, w);
    case "locked":
      return notice.isLocked ? w.noticeLocked : w.noticeUnlocked;
    case "video_capped":
      return cappedText(notice.kbps, w);
    case "failed":
      return problemOfJoin(notice.problem, w);
    default:
      return unreachable(notice);
  }
}

export function problemOfJoin(problem: JoinProblem, w: Messages): string {
  switch (problem) {
    case "unreachable":
      return w.errorUnreachable;
    case "unauthorized":
      return w.errorUnauthorized;
    case "too_early":
      return w.errorTooEarly;
    case "forbidden":
      return w.errorForbidden;
    case "room_locked":
      return w.errorLocked;
    case "room_full":
      return w.errorFull;
    case "server_full":
      return w.errorServerFull;
    case "bad_name":
      return w.errorBadName;
    case "draining":
      return w.errorDraining;
    case "rate_limited":
      return w.errorRate;
    case "too_large":
      return w.errorTooLarge;
    case "bad_offer":
    case "unsupported_media":
      return w.errorMedia;
    case "not_found":
      return w.errorNotFound;
    case "bad_message":
    case "not_joined":
    case "session_expired":
    case "internal":
      return w.errorOther;
    default:
      return unreachable(problem);
  }
}

export function endText(reason: EndReason, w: Messages): string {
  switch (reason) {
    case "left":
      return w.endedLeft;
    case "removed":
      return w.endedRemoved;
    case "room_ended":
      return w.endedRoom;
    case "server_stopped":
      return w.endedServer;
    case "replaced":
      return w.endedReplaced;
    default:
      return unreachable(reason);
  }
}

function leftText(notice: Extract<Notice, { kind: "left" }>, w: Messages): string {
  switch (notice.reason) {
    case "left":
      return w.noticeLeft(notice.name);
    case "lost":
      return w.noticeLost(notice.name);
    case "removed":
      return w.noticeRemoved(notice.name);
    default:
      return unreachable(notice.reason);
  }
}

function mutedText(notice: Extract<Notice, { kind: "muted_by_moderator" }>, w: Messages): string {
  switch (notice.source) {
    case "microphone":
      return w.noticeMicrophoneMuted;
    case "camera":
      return w.noticeCameraStopped;
    case "screen":
    case "screen_audio":
      return w.noticeScreenStopped;
    default:
      return unreachable(notice.source);
  }
}

function cappedText(kbps: number | null, w: Messages): string {
  if (kbps === null) return w.noticeUncapped;
  return kbps === 0 ? w.noticeVoicesOnly : w.noticeCapped;
}

function shortened(text: string): string {
  const line = text.replace(/\s+/gu, " ");
  return line.length > LONGEST_QUOTE ? `${line.slice(0, LONGEST_QUOTE)}…` : line;
}
