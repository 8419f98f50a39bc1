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
