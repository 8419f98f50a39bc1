/**
 * The signalling messages. `messages.ts` is generated from `sfu/signalling/messages.py`;
 * this file only adds the views that the signalling client needs.
 */
import type { ClientMessage, ClientRequest, Join, Prepare } from "./messages.ts";

export type * from "./messages.ts";

type WithoutId<M> = M extends { id: number } ? Omit<M, "id"> : never;
/** A request before the signalling client gave it an id. */
export type Request = WithoutId<Exclude<ClientRequest, { type: "prepare" | "join" | "resume" }>>;
export type PrepareRequest = WithoutId<Prepare>;
export type JoinRequest = WithoutId<Join>;
/** Messages that nobody answers. */
export type Notification = Exclude<ClientMessage, { id: number }>;
