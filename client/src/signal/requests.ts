/** Requests that wait for their reply. Gives ids, settles promises; knows no socket. */
import type {
  ClientRequest,
  ErrorReply,
  JoinRequest,
  PrepareRequest,
  Request,
  ServerReply,
} from "../protocol/index.ts";
import { RequestRefused } from "./errors.ts";

interface Pending {
  message: ClientRequest;
  resolve(reply: ServerReply): void;
  reject(reason: unknown): void;
}

export interface Sent {
  message: ClientRequest;
  reply: Promise<ServerReply>;
}

export class PendingRequests {
  readonly #pending = new Map<number, Pending>();
  #nextId = 1;

  /** Gives the request its id; the caller sends it. Aborting forgets it. */
  open(request: Request | PrepareRequest | JoinRequest, signal?: AbortSignal): Sent {
    const message = { ...request, id: this.nextId() } as ClientRequest;
    return { message, reply: this.#wait(message, signal) };
  }

  nextId(): number {
    return this.#nextId++;
  }

  /** A request that already has its id. */
  track(message: ClientRequest, signal?: AbortSignal): Promise<ServerReply> {
    return this.#wait(message, signal);
  }

  settle(reply: ServerReply & { id: number }): void {
    const pending = this.#pending.get(reply.id);
    if (!pending) return;
    this.#pending.delete(reply.id);
    if (reply.type === "error") pending.reject(refusal(reply));
    else pending.resolve(reply);
  }

  /** Those without a reply, in the order in which they were made. */
  unanswered(): ClientRequest[] {
    return [...this.#pending.values()].map(({ message }) => message);
  }

  rejectAll(reason: unknown): void {
    const waiting = [...this.#pending.values()];
    this.#pending.clear();
    for (const pending of waiting) pending.reject(reason);
  }

  #wait(message: ClientRequest, signal?: AbortSignal): Promise<ServerReply> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(signal.reason);
        return;
      }
      const abort = () => {
        this.#pending.delete(message.id);
        reject(signal?.reason);
      };
      signal?.addEventListener("abort", abort, { once: true });
      const settled = () => signal?.removeEventListener("abort", abort);
      this.#pending.set(message.id, {
        message,
        resolve: (reply) => {
          settled();
          resolve(reply);
        },
        reject: (reason) => {
          settled();
          reject(reason);
        },
      });
    });
  }
}

function refusal(reply: ErrorReply): RequestRefused {
  return new RequestRefused(reply.code, reply.message);
}
