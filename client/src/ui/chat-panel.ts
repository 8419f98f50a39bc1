/** The conversation in writing. What people write becomes text nodes and links, never HTML. */
import { html, nothing, type PropertyValues, type TemplateResult } from "lit";
import { repeat } from "lit/directives/repeat.js";
import type { ChatMessage, Participant } from "../protocol/index.ts";
import { avatar } from "./avatar.ts";
import { clockTime } from "./clock-time.ts";
import { PageElement } from "./element.ts";
import { icon } from "./icons.ts";
import { linkify } from "./linkify.ts";

/** The server's limit; counted in bytes of UTF-8. */
const LONGEST_BYTES = 16 * 1024;
/** Messages of one person within this time stand under one name. */
const TOGETHER_S = 180;

export type SendChat = (text: string, to?: string) => Promise<boolean>;

export class ChatPanel extends PageElement {
  static override properties = {
    messages: { attribute: false },
    participants: { attribute: false },
    self: {},
    to: {},
    send: { attribute: false },
    problem: { state: true },
  };
  declare messages: readonly ChatMessage[];
  declare participants: readonly Participant[];
  declare self: string;
  /** Recipient's id; empty for everyone. */
  declare to: string;
  declare send: SendChat;
  declare problem: string;
  #wasAtEnd = true;

  constructor() {
    super();
    this.messages = [];
    this.participants = [];
    this.to = "";
    this.problem = "";
  }

  focusInput(): void {
    this.querySelector("textarea")?.focus();
  }

  protected override firstUpdated(): void {
    this.focusInput();
  }

  protected override willUpdate(changed: PropertyValues<this>): void {
    const list = this.querySelector(".messages");
    this.#wasAtEnd = !list || list.scrollHeight - list.scrollTop - list.clientHeight < 60;
    if (changed.has("participants") && this.to && !this.participants.some(({ id }) => id === this.to))
      this.to = "";
  }

  protected override updated(changed: PropertyValues<this>): void {
    const list = this.querySelector(".messages");
    const isOwn = this.messages.at(-1)?.sender === this.self;
    if (list && changed.has("messages") && (this.#wasAtEnd || isOwn)) list.scrollTop = list.scrollHeight;
  }

  protected override render(): TemplateResult {
    const w = this.words;
    return html`
      <div class="messages" tabindex="0" role="log" aria-label=${w.messages}>
        ${
          this.messages.length === 0
            ? html`<div class="empty">${icon("chat")}<p><strong>${w.noMessages}</strong></p><p>${w.noMessagesText}</p></div>`
            : repeat(
                this.messages,
                ({ id }) => id,
                (message, index) => this.#message(message, this.messages[index - 1]),
              )
        }
      </div>
      ${this.#composer()}
    `;
  }

  #message(message: ChatMessage, before: ChatMessage | undefined): TemplateResult {
    const isFollowing =
      before?.sender === message.sender &&
      before.to === message.to &&
      message.sent_at - before.sent_at < TOGETHER_S;
    const isPrivate = message.to !== undefined;
    return html`<article class="message ${isFollowing ? "following" : ""} ${isPrivate ? "private" : ""}">
      ${
        isFollowing
          ? nothing
          : html`${avatar(message.sender, message.name)}
              <header><span class="message-name">${this.#heading(message)}</span> ${this.#time(message)}</header>`
      }
      <p class="message-text">${linkify(message.text).map(({ text, href }) =>
        href === null
          ? text
          : html`<a href=${href} target="_blank" rel="noopener noreferrer nofollow">${text}</a>`,
      )}</p>
    </article>`;
  }

  #heading(message: ChatMessage): string {
    const w = this.words;
    const isOwn = message.sender === this.self;
    if (message.to === undefined) return isOwn ? w.you : message.name;
    if (!isOwn) return w.privateFrom(message.name);
    return w.privateTo(this.participants.find(({ id }) => id === message.to)?.name ?? "…");
  }

  #time({ sent_at }: ChatMessage): TemplateResult {
    return html`<time datetime=${new Date(sent_at * 1000).toISOString()}>${clockTime(sent_at)}</time>`;
  }

  #composer(): TemplateResult {
    const w = this.words;
    const others = this.participants.filter(({ id }) => id !== this.self);
    return html`<form class="composer" @submit=${this.#submit}>
      <label class="composer-to">
        <span>${w.to}</span>
        <select @change=${this.#recipientChosen}>
          <option value="" ?selected=${this.to === ""}>${w.everyone}</option>
          ${others.map(({ id, name }) => html`<option value=${id} ?selected=${id === this.to}>${name}</option>`)}
        </select>
      </label>
      <div class="composer-row ${this.to ? "private" : ""}">
        <textarea
          rows="1"
          aria-label=${w.message}
          placeholder=${w.messagePlaceholder}
          aria-describedby="chat-problem"
          @keydown=${this.#keyDown}
          @input=${this.#grow}
        ></textarea>
        <button class="round primary" aria-label=${w.send}>${icon("send")}</button>
      </div>
      <p class="problem" id="chat-problem" role="alert">${this.problem}</p>
    </form>`;
  }

  readonly #recipientChosen = (event: Event): void => {
    if (event.target instanceof HTMLSelectElement) this.to = event.target.value;
    this.focusInput();
  };

  readonly #keyDown = (event: KeyboardEvent): void => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    void this.#sendText();
  };

  readonly #submit = (event: SubmitEvent): void => {
    event.preventDefault();
    void this.#sendText();
  };

  readonly #grow = (event: InputEvent): void => {
    this.problem = "";
    if (event.target instanceof HTMLTextAreaElement) fitHeight(event.target);
  };

  async #sendText(): Promise<void> {
    const box = this.querySelector("textarea");
    const text = box?.value.trim() ?? "";
    if (!box || text === "") return;
    if (new TextEncoder().encode(text).length > LONGEST_BYTES) {
      this.problem = this.words.messageTooLong;
      return;
    }
    box.value = "";
    fitHeight(box);
    if (await this.send(text, this.to || undefined)) return;
    this.problem = this.words.notSent;
    if (box.value === "") box.value = text;
  }
}

function fitHeight(box: HTMLTextAreaElement): void {
  box.style.height = "auto";
  box.style.height = `${Math.min(box.scrollHeight, 140)}px`;
}

customElements.define("meet-chat", ChatPanel);
