/** Short words about what just happened, read out by screen readers too. */
import { html, type TemplateResult } from "lit";
import { repeat } from "lit/directives/repeat.js";
import { PageElement } from "./element.ts";

interface Toast {
  key: number;
  text: string;
}

const SHOWN_MS = 5_000;
const AT_ONCE = 3;

export class Toasts extends PageElement {
  static override properties = { toasts: { state: true } };
  declare toasts: readonly Toast[];
  #next = 0;
  readonly #timers = new Set<ReturnType<typeof setTimeout>>();

  constructor() {
    super();
    this.toasts = [];
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    for (const timer of this.#timers) clearTimeout(timer);
  }

  say(text: string): void {
    const key = this.#next++;
    this.toasts = [...this.toasts, { key, text }].slice(-AT_ONCE);
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      this.toasts = this.toasts.filter((toast) => toast.key !== key);
    }, SHOWN_MS);
    this.#timers.add(timer);
  }

  protected override render(): TemplateResult {
    return html`<div class="toasts" role="status" aria-live="polite">
      ${repeat(
        this.toasts,
        ({ key }) => key,
        ({ text }) => html`<div class="toast">${text}</div>`,
      )}
    </div>`;
  }
}

customElements.define("meet-toasts", Toasts);
