/** Rooms for tests, from as few words as possible. */
import type { Participant, Track, TrackSource } from "../../src/protocol/index.ts";
import { fromJoined, type RoomState } from "../../src/room/state.ts";
import { joined } from "../signal/fake-socket.ts";

export function track(owner: string, source: TrackSource, live = true): Track {
  return { id: `${owner}-${source}`, source, live };
}

export function person(id: string, ...tracks: Track[]): Participant {
  const own = tracks.length > 0 ? tracks : [track(id, "microphone"), track(id, "camera")];
  return { id, name: id.toUpperCase(), role: "publisher", tracks: own };
}

/** Oneself and `count` others, called a, b, c… */
export function roomOf(count: number, ...more: Participant[]): RoomState {
  const others = Array.from({ length: count }, (_, index) => person(nameAt(index)));
  return fromJoined(joined({ participants: [person("me"), ...others, ...more] }));
}

export function nameAt(index: number): string {
  return String.fromCharCode(97 + (index % 26)) + (index >= 26 ? String(Math.floor(index / 26)) : "");
}
