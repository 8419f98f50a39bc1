/** The product's name and mark. */
import { html, type TemplateResult } from "lit";
import type { Messages } from "../i18n/index.ts";

export function wordmark(w: Messages): TemplateResult {
  return html`<a class="wordmark" href="/">
    <svg viewBox="0 0 32 32" aria-hidden="true" focusable="false">
      <rect class="mark-back" x="1" y="1" width="30" height="30" rx="9" />
      <circle class="mark-front" cx="12" cy="13" r="4.500" /><circle class="mark-front dim" cx="21.500" cy="14.500" r="3.200" />
      <path class="mark-front" d="M4.500 25c.6-4.600 3.600-6.800 7.500-6.800s6.900 2.200 7.500 6.800Z" />
      <path class="mark-front dim" d="M21 25h6.500c-.4-3.600-2.700-5.700-6-5.700-.7 0-1.400.1-2 .3 1 1.400 1.400 3.100 1.500 5.400Z" />
    </svg>
    <span>${w.product}</span></a>`;
}
