/**
 * What a layer may take, by its size and by its codec.
 *
 * Layers are planned before anybody knows which codec is agreed on and which size the camera gives;
 * once both are known, what each layer takes at most follows from here.
 */

/** VP8 in a meeting, by lines: what the plan's layers are made for, and what lies beyond them. */
const VP8_BPS: readonly (readonly [lines: number, bps: number])[] = [
  [90, 60_000],
  [180, 150_000],
  [360, 500_000],
  [720, 1_700_000],
  [1080, 3_000_000],
];

/** Of what VP8 takes for the same picture: what encoders in real time are measured to save. */
const SHARE: Readonly<Record<string, number>> = {
  "video/h265": 0.75,
  "video/vp9": 0.75,
  "video/av1": 0.65,
};

/** At most so many bits a second for a picture of so many lines. */
export function bitrateOf(lines: number, mimeType: string | undefined): number {
  const share = SHARE[mimeType?.toLowerCase() ?? ""] ?? 1;
  return Math.round((between(lines) * share) / 10_000) * 10_000;
}

/** In a straight line from one known size to the next; beyond the last as that. */
function between(lines: number): number {
  let [lowerLines, lowerBps] = [0, 0];
  for (const [upperLines, upperBps] of VP8_BPS) {
    if (lines <= upperLines) {
      const part = (lines - lowerLines) / (upperLines - lowerLines);
      return lowerBps + part * (upperBps - lowerBps);
    }
    [lowerLines, lowerBps] = [upperLines, upperBps];
  }
  return lowerBps;
}

/** Sets what each layer may take; whether anything changed. */
export function fitEncodings(parameters: RTCRtpSendParameters, lines: number): boolean {
  const mimeType = parameters.codecs?.[0]?.mimeType;
  let hasChanged = false;
  for (const encoding of parameters.encodings) {
    const bitrate = bitrateOf(lines / (encoding.scaleResolutionDownBy ?? 1), mimeType);
    hasChanged ||= encoding.maxBitrate !== bitrate;
    encoding.maxBitrate = bitrate;
  }
  return hasChanged;
}
