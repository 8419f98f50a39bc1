/**
 * Base of all parts of the page.
 *
 * They render into the page itself, not into shadow roots: one style sheet, labels and ids that work
 * across parts, and scripts find every tile by a plain selector.
 */
import { LitElement } from "lit";
import { I18n, isLanguage, type Messages, preferredLanguage } from "../i18n/index.ts";
import type { Readable, Unsubscribe } from "../store.ts";
import { settings } from "./settings.ts";

const remembered = settings.get("language");
export const i18n = new I18n(
  isLanguage(remembered) ? remembered : preferredLanguage(navigator.languages ?? [navigator.language]),
);

export abstract class PageElement extends LitElement {
  readonly #unsubscribes: Unsubscribe[] = [];

  protected get words(): Messages {
    return i18n.messages;
  }

  protected override createRenderRoot(): HTMLElement {
    return this;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.watch(i18n.language);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    for (const unsubscribe of this.#unsubscribes.splice(0)) unsubscribe();
  }

  /** Redraws whenever the value changes, until the element leaves the page. */
  protected watch<T>(readable: Readable<T>, onChange?: (value: T) => void): void {
    this.#unsubscribes.push(
      readable.subscribe((value) => {
        onChange?.(value);
        this.requestUpdate();
      }),
    );
  }

  protected onDisconnect(undo: Unsubscribe): void {
    this.#unsubscribes.push(undo);
  }
}
