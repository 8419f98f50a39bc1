/** What is said over the pictures: connection, sharing, sound held back, nobody else here. Templates only. */
import { html, nothing, type TemplateResult } from "lit";
import type { Messages } from "../i18n/index.ts";
import type { CallState } from "../room/call.ts";
import { clockTime } from "./clock-time.ts";
import { icon } from "./icons.ts";
import { hasToken, invitation } from "./page-links.ts";

export function banners(
  { phase, room, quality }: CallState,
  isSharing: boolean,
  w: Messages,
): TemplateResult {
  const endsAt = room?.endsAt ?? null;
  const isDown = phase.name === "reconnecting";
  return html`<div class="banners" role="status">
    ${endsAt === null ? nothing : html`<p class="banner warn">${icon("warning")}<span>${w.draining(clockTime(endsAt))}</span></p>`}
    ${isDown ? html`<p class="banner warn"><span class="spinner"></span>${w.reconnecting}</p>` : nothing}
    ${!isDown && quality === "poor" ? html`<p class="banner">${icon("warning")}${w.poorConnection}</p>` : nothing}
    ${isSharing ? html`<p class="banner share">${icon("screen")}${w.youAreSharing}</p>` : nothing}
  </div>`;
}

export function soundBlocked(w: Messages, onClick: () => void): TemplateResult {
  return html`<div class="unblock">
    <p>${w.soundBlocked}</p>
    <button class="button primary" @click=${onClick}>${icon("sound")}${w.clickToHear}</button>
  </div>`;
}

export function aloneCard(room: string, w: Messages, onCopy: () => void): TemplateResult {
  return html`<section class="alone">
    <h2>${w.aloneTitle}</h2>
    <p>${hasToken() ? w.aloneTextToken : w.aloneText}</p>
    <div class="alone-link">
      <input class="input" readonly aria-label=${w.meetingLink} .value=${invitation(room)} @focus=${selectAll} />
      <button class="button primary" @click=${onCopy}>${icon("link")}${w.copyLink}</button>
    </div>
  </section>`;
}

function selectAll(event: FocusEvent): void {
  if (event.target instanceof HTMLInputElement) event.target.select();
}
