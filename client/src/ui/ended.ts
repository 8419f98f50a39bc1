/** After the call, or when one could not be joined. */
import { html, nothing, type TemplateResult } from "lit";
import type { Messages } from "../i18n/index.ts";
import type { EndReason, JoinProblem } from "../room/call.ts";
import { languageSelect } from "./language.ts";
import { endText, problemOfJoin } from "./notice-text.ts";
import { wordmark } from "./wordmark.ts";

export function endedPage(reason: EndReason, w: Messages, onRejoin: () => void): TemplateResult {
  const detail = reason === "server_stopped" ? w.endedServerText : null;
  const canReturn = reason !== "removed";
  return messagePage({
    title: endText(reason, w),
    detail,
    action: canReturn ? w.rejoin : null,
    onAction: onRejoin,
    w,
  });
}

export function refusedPage(problem: JoinProblem, w: Messages, onRetry: () => void): TemplateResult {
  return messagePage({
    title: w.cannotJoin,
    detail: problemOfJoin(problem, w),
    action: w.tryAgain,
    onAction: onRetry,
    w,
  });
}

interface MessagePage {
  title: string;
  detail: string | null;
  action: string | null;
  onAction: () => void;
  w: Messages;
}

function messagePage({ title, detail, action, onAction, w }: MessagePage): TemplateResult {
  return html`<div class="page ended">
    <header class="page-head">${wordmark(w)} ${languageSelect(w)}</header>
    <main class="ended-main">
      <h1 tabindex="-1">${title}</h1>
      ${detail === null ? nothing : html`<p class="lead">${detail}</p>`}
      <div class="ended-actions">
        ${action === null ? nothing : html`<button class="button primary large" @click=${onAction}>${action}</button>`}
        <a class="button large" href="/">${w.home}</a>
      </div>
    </main>
  </div>`;
}
