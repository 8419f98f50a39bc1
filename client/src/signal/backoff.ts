/** How long to wait before trying again. Pure; knows no timer and no network. */

export interface BackoffOptions {
  firstMs: number;
  maxMs: number;
  /** Share of each delay that is random, so that a restarted server is not met by everyone at once. */
  jitter: number;
  random?: () => number;
}

/** The first attempt waits only the jittered `firstMs`; each further one doubles, up to `maxMs`. */
export function backoffDelay(attempt: number, options: BackoffOptions): number {
  const { firstMs, maxMs, jitter, random = Math.random } = options;
  const whole = Math.min(maxMs, firstMs * 2 ** Math.min(attempt, 30));
  return Math.round(whole * (1 - jitter) + whole * jitter * random());
}

/** Resolves after `ms`, or at once with a rejection when `signal` aborts. */
export function wait(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason);
      return;
    }
    const abort = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", abort);
      resolve();
    }, ms);
    signal?.addEventListener("abort", abort, { once: true });
  });
}
