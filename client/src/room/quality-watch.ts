/** Reads the network's quality every few seconds. Knows time and statistics, not whose they are. */
import { judge, type Quality, type Reading, readQuality } from "../media/quality.ts";

const EVERY_MS = 4_000;

export function watchQuality(
  stats: () => Promise<RTCStatsReport | null>,
  onQuality: (quality: Quality) => void,
  signal: AbortSignal,
): void {
  let before: Reading | null = null;
  const read = async () => {
    const report = await stats().catch(() => null);
    if (!report || signal.aborted) return;
    const now = readQuality(report.values());
    if (before) onQuality(judge(before, now));
    before = now;
  };
  const timer = setInterval(() => void read(), EVERY_MS);
  signal.addEventListener("abort", () => clearInterval(timer), { once: true });
}
