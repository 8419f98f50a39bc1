/** Windows over the page: the browser's own dialog, which keeps the focus inside and gives it back. */
import { html, nothing, type TemplateResult } from "lit";
import type { Messages } from "../i18n/index.ts";
import { PageElement } from "./element.ts";
import { icon } from "./icons.ts";

export interface DialogOptions {
  title: string;
  body: TemplateResult;
  w: Messages;
  onClose: () => void;
  actions?: TemplateResult;
}

/** Opens as soon as it is on the page; whoever rendered it takes it away on `onClose`. */
export function dialog({ title, body, w, onClose, actions }: DialogOptions): TemplateResult {
  return html`<meet-dialog @close=${onClose} .heading=${title} .body=${body} .actions=${actions ?? nothing} .closeLabel=${w.close}></meet-dialog>`;
}

export class DialogElement extends PageElement {
  static override properties = {
    heading: {},
    body: { attribute: false },
    actions: { attribute: false },
    closeLabel: {},
  };
  declare heading: string;
  declare body: TemplateResult;
  declare actions: TemplateResult | typeof nothing;
  declare closeLabel: string;

  protected override firstUpdated(): void {
    this.querySelector("dialog")?.showModal();
  }

  protected override render(): TemplateResult {
    return html`<dialog aria-labelledby="dialog-title" @close=${this.#closed} @click=${this.#clicked}>
      <div class="dialog-head">
        <h2 id="dialog-title">${this.heading}</h2>
        <button class="round" aria-label=${this.closeLabel} @click=${this.#close}>${icon("close")}</button>
      </div>
      <div class="dialog-body">${this.body}</div>
      ${this.actions === nothing ? nothing : html`<div class="dialog-actions">${this.actions}</div>`}
    </dialog>`;
  }

  readonly #close = (): void => {
    this.querySelector("dialog")?.close();
  };

  readonly #closed = (): void => {
    this.dispatchEvent(new CustomEvent("close"));
  };

  /** A click beside the window closes it. */
  readonly #clicked = (event: MouseEvent): void => {
    if (event.target === event.currentTarget) this.#close();
  };
}

customElements.define("meet-dialog", DialogElement);
