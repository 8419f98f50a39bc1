/** How large the own picture is taken and in which layers it is sent: as large as this machine can bear. */

export interface CameraPlan {
  readonly width: number;
  readonly height: number;
  readonly frameRate: number;
  /**
   * High to low: Chromium drops the last entries of a small picture, so the best layer must be first.
   * The bitrates are what VP8 needs at 720p, 360p and 180p.
   */
  readonly encodings: readonly RTCRtpEncodingParameters[];
}

export const FULL: CameraPlan = {
  width: 1280,
  height: 720,
  frameRate: 30,
  encodings: [
    // Waits until somebody needs it.
    { rid: "f", active: false, scaleResolutionDownBy: 1, maxBitrate: 1_700_000 },
    { rid: "h", scaleResolutionDownBy: 2, maxBitrate: 500_000 },
    { rid: "q", scaleResolutionDownBy: 4, maxBitrate: 150_000 },
  ],
};

/** Two cores decode a meeting and draw it; a camera of 720p beside that makes everything late. */
const FEW_CORES = 2;
export const MODEST: CameraPlan = {
  width: 640,
  height: 360,
  frameRate: 24,
  encodings: [
    { rid: "f", scaleResolutionDownBy: 1, maxBitrate: 500_000 },
    { rid: "h", scaleResolutionDownBy: 2, maxBitrate: 150_000 },
  ],
};

/** A browser that does not tell its cores counts as strong. */
export function cameraPlan(cores: number = navigator.hardwareConcurrency): CameraPlan {
  return cores <= FEW_CORES ? MODEST : FULL;
}
