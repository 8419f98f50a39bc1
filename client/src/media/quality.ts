/**
 * How well the network carries the call, from the browser's statistics.
 * Two readings a few seconds apart give one verdict. Pure apart from reading the report.
 */

export interface Reading {
  received: number;
  lost: number;
  roundTripMs: number | null;
}

export type Quality = "good" | "fair" | "poor";

/** Below 2 % concealment hides the loss of speech; from 8 % on words go missing. */
const FAIR = { lost: 0.02, roundTripMs: 300 };
const POOR = { lost: 0.08, roundTripMs: 800 };
/** Fewer packets than this between two readings say nothing. */
const ENOUGH_PACKETS = 20;

type StatsEntry = {
  type?: unknown;
  packetsReceived?: unknown;
  packetsLost?: unknown;
  nominated?: unknown;
  state?: unknown;
  currentRoundTripTime?: unknown;
};

export function readQuality(report: Iterable<StatsEntry>): Reading {
  const reading: Reading = { received: 0, lost: 0, roundTripMs: null };
  for (const entry of report) {
    if (entry.type === "inbound-rtp") {
      reading.received += numeric(entry.packetsReceived);
      reading.lost += numeric(entry.packetsLost);
    } else if (entry.type === "candidate-pair" && entry.state === "succeeded") {
      if (typeof entry.currentRoundTripTime === "number") {
        reading.roundTripMs = entry.currentRoundTripTime * 1000;
      }
    }
  }
  return reading;
}

export function judge(before: Reading, now: Reading): Quality {
  const received = now.received - before.received;
  const lost = Math.max(0, now.lost - before.lost);
  const total = received + lost;
  const share = total < ENOUGH_PACKETS ? 0 : lost / total;
  const roundTripMs = now.roundTripMs ?? 0;
  if (share >= POOR.lost || roundTripMs >= POOR.roundTripMs) return "poor";
  if (share >= FAIR.lost || roundTripMs >= FAIR.roundTripMs) return "fair";
  return "good";
}

function numeric(value: unknown): number {
  return typeof value === "number" ? value : 0;
}
