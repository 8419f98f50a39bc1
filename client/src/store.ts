/** A value that can be watched. Knows nothing about what it holds. */

export type Unsubscribe = () => void;

export interface Readable<T> {
  get(): T;
  subscribe(watcher: (value: T) => void): Unsubscribe;
}

export class Store<T> implements Readable<T> {
  #value: T;
  readonly #watchers = new Set<(value: T) => void>();

  constructor(value: T) {
    this.#value = value;
  }

  get(): T {
    return this.#value;
  }

  set(value: T): void {
    if (Object.is(value, this.#value)) return;
    this.#value = value;
    for (const watcher of [...this.#watchers]) watcher(value);
  }

  patch(part: Partial<T>): void {
    this.set({ ...this.#value, ...part });
  }

  subscribe(watcher: (value: T) => void): Unsubscribe {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }
}

/** Marks the end of a `switch` that must name every case. */
export function unreachable(value: never): never {
  throw new Error(`unexpected value: ${JSON.stringify(value)}`);
}
