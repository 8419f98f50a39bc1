/** The part of a WebSocket that signalling uses, and how one is opened. */
import { SignalLost } from "./errors.ts";

export interface Socket {
  readonly readyState: number;
  send(data: string): void;
  close(code?: number, reason?: string): void;
  onopen: ((event: Event) => void) | null;
  onmessage: ((event: MessageEvent) => void) | null;
  onclose: ((event: CloseEvent) => void) | null;
}

export type OpenSocket = (url: string) => Socket;

export const OPEN = 1;

/** Resolves when the socket is open; a socket that does not open in time is closed. */
export function dial(open: OpenSocket, url: string, timeoutMs: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = open(url);
    const timer = setTimeout(() => {
      socket.close();
      reject(new SignalLost("no answer"));
    }, timeoutMs);
    socket.onopen = () => {
      clearTimeout(timer);
      resolve(socket);
    };
    socket.onclose = () => {
      clearTimeout(timer);
      reject(new SignalLost("refused"));
    };
  });
}
