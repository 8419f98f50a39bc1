/** How loud a microphone is now, for the meter on the page. Needs Web Audio; knows no element. */

/** Quieter than this shows as nothing, louder than 0 dBFS cannot be. */
const FLOOR_DB = -60;

export interface LevelMeter {
  /** 0 (silent) to 1 (full scale). */
  read(): number;
  close(): void;
}

export function openLevelMeter(track: MediaStreamTrack): LevelMeter {
  const context = new AudioContext();
  const analyser = context.createAnalyser();
  analyser.fftSize = 1024;
  const source = context.createMediaStreamSource(new MediaStream([track]));
  source.connect(analyser);
  const samples = new Float32Array(analyser.fftSize);
  return {
    read() {
      analyser.getFloatTimeDomainData(samples);
      return levelOf(samples);
    },
    close() {
      source.disconnect();
      void context.close();
    },
  };
}

/** Loudness of the samples on a scale that follows the ear: decibels above the floor. */
export function levelOf(samples: Float32Array): number {
  let sum = 0;
  for (const sample of samples) sum += sample * sample;
  const rms = Math.sqrt(sum / Math.max(1, samples.length));
  if (rms === 0) return 0;
  const db = 20 * Math.log10(rms);
  return Math.min(1, Math.max(0, 1 - db / FLOOR_DB));
}
