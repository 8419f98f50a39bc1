/** The row of buttons under the pictures. */
import { html, nothing, type TemplateResult } from "lit";
import type { Capture } from "../media/capture.ts";
import { PageElement } from "./element.ts";
import { type IconName, icon } from "./icons.ts";
import "./menu.ts";
import type { MenuItem } from "./menu.ts";
import { cameraToggle, microphoneToggle } from "./toggle.ts";

export type Panel = "chat" | "people";

export class ControlBar extends PageElement {
  static override properties = {
    capture: { attribute: false },
    room: {},
    isLocked: { type: Boolean },
    canPublish: { type: Boolean },
    panel: {},
    unread: { type: Number },
    count: { type: Number },
    items: { attribute: false },
  };
  declare capture: Capture;
  declare room: string;
  declare isLocked: boolean;
  declare canPublish: boolean;
  declare panel: Panel | null;
  declare unread: number;
  declare count: number;
  declare items: readonly MenuItem[];

  override connectedCallback(): void {
    super.connectedCallback();
    this.watch(this.capture.state);
  }

  protected override render(): TemplateResult {
    const w = this.words;
    return html`<div class="bar" role="toolbar" aria-label=${w.callControls}>
      <div class="bar-room">
        <span class="bar-room-name">${this.room}</span>
        ${this.isLocked ? html`<span class="bar-locked" role="img" aria-label=${w.roomLocked}>${icon("lock")}</span>` : nothing}
      </div>
      <div class="bar-main">
        ${this.canPublish ? this.#publishing() : nothing}
        <button class="control leave" aria-label=${w.leave} data-tip=${w.leave} @click=${() => this.#say("leave")}>
          ${icon("leave")}
        </button>
      </div>
      <div class="bar-side">
        ${this.#panelButton("people", "people", w.participants, this.count)}
        ${this.#panelButton("chat", "chat", w.chat, this.unread)}
        <meet-menu .items=${this.items} .label=${w.more}></meet-menu>
      </div>
    </div>`;
  }

  #publishing(): TemplateResult {
    const w = this.words;
    return html`
      ${microphoneToggle(this.capture, w, { shortcut: "M", onToggled: (kind) => this.#say("toggled", kind) })}
      ${cameraToggle(this.capture, w, { shortcut: "V", onToggled: (kind) => this.#say("toggled", kind) })}
      ${this.capture.canShareScreen ? this.#share() : nothing}
    `;
  }

  #share(): TemplateResult {
    const w = this.words;
    const { on } = this.capture.state.get().screen;
    const name = on ? w.stopSharing : w.shareScreen;
    return html`<button
      class="control ${on ? "on" : ""}"
      aria-label=${name}
      data-tip=${name}
      aria-keyshortcuts="S"
      @click=${() => this.#say("share")}
    >
      ${icon(on ? "screenOff" : "screen")}
    </button>`;
  }

  #panelButton(panel: Panel, name: IconName, label: string, badge: number): TemplateResult {
    const w = this.words;
    const isOpen = this.panel === panel;
    const isUnread = panel === "chat" && badge > 0;
    return html`<button
      class="control plain ${isOpen ? "on" : ""}"
      data-panel=${panel}
      aria-label=${label}
      aria-description=${isUnread ? w.unread(badge) : nothing}
      data-tip=${label}
      aria-expanded=${isOpen ? "true" : "false"}
      aria-keyshortcuts=${panel === "chat" ? "C" : "P"}
      @click=${() => this.#say("panel", panel)}
    >
      ${icon(name)}
      ${badge > 0 ? html`<span class="badge ${isUnread ? "unread" : ""}" data-count=${badge > 99 ? "99+" : badge}></span>` : nothing}
    </button>`;
  }

  #say(name: string, detail?: string): void {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}

customElements.define("meet-bar", ControlBar);
