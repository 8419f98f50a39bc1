/** A socket under the test's control: what was sent is recorded, what arrives is said. */
import type { ClientMessage, Joined, ServerMessage } from "../../src/protocol/index.ts";
import type { Socket } from "../../src/signal/socket.ts";

export class FakeSocket implements Socket {
  readyState = 0;
  readonly sent: ClientMessage[] = [];
  onopen: ((event: Event) => void) | null = null;
  onmessage: ((event: MessageEvent) => void) | null = null;
  onclose: ((event: CloseEvent) => void) | null = null;

  open(): void {
    this.readyState = 1;
    this.onopen?.(new Event("open"));
  }
  send(data: string): void {
    this.sent.push(JSON.parse(data) as ClientMessage);
  }
  /** What the network does. */
  cut(code = 1006): void {
    this.readyState = 3;
    this.onclose?.(Object.assign(new Event("close"), { code }) as CloseEvent);
  }
  close(): void {
    this.readyState = 3;
  }
  say(message: ServerMessage): void {
    this.onmessage?.(new MessageEvent("message", { data: JSON.stringify(message) }));
  }
  last(): ClientMessage {
    const message = this.sent.at(-1);
    if (!message) throw new Error("nothing was sent");
    return message;
  }
  /** The id of the last request of a type. */
  idOf(type: ClientMessage["type"]): number {
    const message = this.sent.findLast((each) => each.type === type);
    if (!message || !("id" in message)) throw new Error(`no ${type} was sent`);
    return message.id;
  }
}

export function joined(part: Partial<Joined> = {}): Joined {
  return {
    type: "joined",
    id: 1,
    session: "secret",
    participant: "me",
    role: "publisher",
    room: "r",
    locked: false,
    participants: [],
    chat: [],
    seq: 0,
    video_slots: [],
    audio_mids: [],
    audio: [],
    speaking: [],
    sdp: "answer",
    ...part,
  };
}
