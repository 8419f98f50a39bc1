/** The menu behind "More options": arrows move, Escape closes, the focus returns to its button. */
import { html, nothing, type TemplateResult } from "lit";
import { PageElement } from "./element.ts";
import { type IconName, icon } from "./icons.ts";

export interface MenuItem {
  icon: IconName;
  label: string;
  run: () => void;
  /** One of a set, and whether it is the chosen one. */
  checked?: boolean;
  /** A line above it. */
  starts?: boolean;
  isDanger?: boolean;
}

export class Menu extends PageElement {
  static override properties = { items: { attribute: false }, label: {}, isOpen: { state: true } };
  declare items: readonly MenuItem[];
  declare label: string;
  declare isOpen: boolean;

  constructor() {
    super();
    this.items = [];
    this.isOpen = false;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    const closeOutside = (event: PointerEvent) => {
      if (this.isOpen && event.target instanceof Node && !this.contains(event.target)) this.isOpen = false;
    };
    document.addEventListener("pointerdown", closeOutside);
    this.onDisconnect(() => document.removeEventListener("pointerdown", closeOutside));
  }

  protected override render(): TemplateResult {
    return html`
      <button
        class="control plain"
        aria-label=${this.label}
        data-tip=${this.isOpen ? nothing : this.label}
        aria-haspopup="menu"
        aria-expanded=${this.isOpen ? "true" : "false"}
        @click=${this.#toggle}
        @keydown=${this.#buttonKey}
      >
        ${icon("more")}
      </button>
      ${this.isOpen ? html`<div class="menu" role="menu" aria-label=${this.label} @keydown=${this.#menuKey}>${this.items.map((item) => this.#item(item))}</div>` : nothing}
    `;
  }

  #item(item: MenuItem): TemplateResult {
    const isChoice = item.checked !== undefined;
    return html`${item.starts ? html`<div class="menu-line" role="separator"></div>` : nothing}
      <button
        class="menu-item ${item.isDanger ? "danger" : ""}"
        role=${isChoice ? "menuitemradio" : "menuitem"}
        aria-checked=${isChoice ? String(item.checked) : nothing}
        tabindex="-1"
        @click=${() => this.#run(item)}
      >
        ${icon(item.icon)}<span>${item.label}</span>
      </button>`;
  }

  #run(item: MenuItem): void {
    this.#close();
    item.run();
  }

  readonly #toggle = (): void => {
    if (this.isOpen) this.#close();
    else void this.#open();
  };

  async #open(): Promise<void> {
    this.isOpen = true;
    await this.updateComplete;
    this.#entries()[0]?.focus();
  }

  #close(): void {
    this.isOpen = false;
    this.querySelector<HTMLButtonElement>(".control")?.focus();
  }

  #entries(): HTMLButtonElement[] {
    return [...this.querySelectorAll<HTMLButtonElement>(".menu-item")];
  }

  readonly #buttonKey = (event: KeyboardEvent): void => {
    if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
    event.preventDefault();
    void this.#open();
  };

  readonly #menuKey = (event: KeyboardEvent): void => {
    const entries = this.#entries();
    const at = entries.findIndex((entry) => entry.matches(":focus"));
    const moves: Record<string, number> = {
      ArrowDown: (at + 1) % entries.length,
      ArrowUp: (at - 1 + entries.length) % entries.length,
      Home: 0,
      End: entries.length - 1,
    };
    const to = moves[event.key];
    if (event.key === "Escape" || event.key === "Tab") this.#close();
    if (to !== undefined) entries[to]?.focus();
    // Letters are for the menu, not for the call's shortcuts.
    event.stopPropagation();
    if (to !== undefined || event.key === "Escape") event.preventDefault();
  };
}

customElements.define("meet-menu", Menu);
