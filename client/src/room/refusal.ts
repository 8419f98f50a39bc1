/** Why something did not work, and whether time may help. Pure. */
import { RequestRefused } from "../signal/errors.ts";
import type { JoinProblem } from "./call.ts";

export interface Refusal {
  problem: JoinProblem;
  message: string;
}

export function refusalOf(error: unknown): Refusal {
  if (error instanceof RequestRefused) return { problem: error.code, message: error.message };
  return { problem: "unreachable", message: "" };
}

/** How far a refusal bars the way in. `none`: it is of the offer or the moment, and a join may do without. */
export type Bar = "for good" | "for now" | "perhaps" | "none";

export function barOf(problem: JoinProblem): Bar {
  switch (problem) {
    case "bad_name":
    case "unauthorized":
    case "forbidden":
      return "for good";
    case "room_locked":
    case "room_full":
    case "draining":
    case "too_early":
      return "for now";
    // A server that holds no more lobbies may still let people in.
    case "server_full":
    case "unreachable":
      return "perhaps";
    default:
      return "none";
  }
}

export function isPassing(problem: JoinProblem): boolean {
  switch (problem) {
    case "unreachable":
    case "draining":
    case "rate_limited":
    case "internal":
    case "session_expired":
      return true;
    default:
      return false;
  }
}
