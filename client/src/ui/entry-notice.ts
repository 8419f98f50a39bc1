/** What stands in the way of joining, told before anybody presses Join. Templates only. */
import { html, nothing, type TemplateResult } from "lit";
import type { Messages } from "../i18n/index.ts";
import type { JoinProblem } from "../room/call.ts";
import { barOf } from "../room/refusal.ts";
import { dayAndTime } from "./clock-time.ts";
import { icon } from "./icons.ts";
import { problemOfJoin } from "./notice-text.ts";
import { roomNameFrom } from "./room-names.ts";

/** Always there, so that screen readers say what comes into it. */
export function entryNotice(
  problem: JoinProblem | null,
  room: string,
  opensAt: number | null,
  w: Messages,
): TemplateResult {
  return html`<div id="entry-problem" role="alert">
    ${problem === null ? nothing : html`<div class="notice">${icon("warning")}${words(problem, room, opensAt, w)}</div>`}
  </div>`;
}

function words(problem: JoinProblem, room: string, opensAt: number | null, w: Messages): TemplateResult {
  if (problem === "bad_name") return badRoom(room, w);
  const waits = barOf(problem) === "for now" ? html`<strong>${w.entryWaits}</strong>` : nothing;
  return html`<p>${why(problem, opensAt, w)} ${waits}</p>`;
}

function why(problem: JoinProblem, opensAt: number | null, w: Messages): string {
  if (problem === "too_early" && opensAt !== null) return w.entryOpens(dayAndTime(opensAt));
  return problem === "draining" ? w.entryDraining : problemOfJoin(problem, w);
}

function badRoom(room: string, w: Messages): TemplateResult {
  const name = roomNameFrom(room);
  const way =
    name === "" ? html`<a href="/">${w.home}</a>` : html`<a href="/r/${name}">${w.entryInstead(name)}</a>`;
  return html`<p>${w.entryBadRoom} <strong>${way}</strong></p>`;
}
