/** Who is here, and for moderators what can be done about it. */
import { html, nothing, type TemplateResult } from "lit";
import { repeat } from "lit/directives/repeat.js";
import type { Participant, Track, TrackSource } from "../protocol/index.ts";
import { avatar } from "./avatar.ts";
import { PageElement } from "./element.ts";
import { type IconName, icon } from "./icons.ts";

export type PeopleAction =
  | { kind: "mute"; track: string }
  | { kind: "remove"; participant: Participant }
  | { kind: "message"; participant: string }
  | { kind: "copy" };

export class PeoplePanel extends PageElement {
  static override properties = {
    participants: { attribute: false },
    speaking: { attribute: false },
    self: {},
    isModerator: { type: Boolean },
    act: { attribute: false },
  };
  declare participants: readonly Participant[];
  declare speaking: ReadonlySet<string>;
  declare self: string;
  declare isModerator: boolean;
  declare act: (action: PeopleAction) => void;

  protected override render(): TemplateResult {
    const w = this.words;
    return html`
      <div class="people">
        <button class="button wide" @click=${() => this.act({ kind: "copy" })}>${icon("link")}${w.copyLink}</button>
        <p class="people-count">${w.participantsCount(this.participants.length)}</p>
        <ul>
          ${repeat(
            this.participants,
            ({ id }) => id,
            (participant) => this.#row(participant),
          )}
        </ul>
      </div>
    `;
  }

  #row(participant: Participant): TemplateResult {
    const w = this.words;
    const isSelf = participant.id === this.self;
    const detail = participant.reconnecting
      ? w.tileReconnecting
      : participant.role === "moderator"
        ? w.moderator
        : participant.role === "subscriber"
          ? w.viewer
          : "";
    const microphone = live(participant, "microphone");
    const isSpeaking = microphone !== undefined && this.speaking.has(microphone.id);
    return html`<li class="person ${isSpeaking ? "is-speaking" : ""}" data-person=${participant.id}>
      ${avatar(participant.id, participant.name)}
      <span class="person-text">
        <span class="person-name">${isSelf ? w.nameYou(participant.name) : participant.name}</span>
        ${isSpeaking ? html`<span class="hidden">${w.speaking}</span>` : nothing}
        ${detail ? html`<span class="person-detail">${detail}</span>` : nothing}
      </span>
      ${this.#marks(participant)} ${this.#actions(participant)}
    </li>`;
  }

  /** For a moderator the marks of what is live are the buttons that stop it. */
  #marks(participant: Participant): TemplateResult {
    const w = this.words;
    const isSelf = participant.id === this.self;
    const microphone = live(participant, "microphone");
    const video = live(participant, "screen") ?? live(participant, "camera");
    const stop = (track: Track, label: string, name: IconName) =>
      this.#action(name, label, { kind: "mute", track: track.id });
    const canStop = this.isModerator && !isSelf;
    return html`
      ${
        canStop && microphone
          ? stop(microphone, w.muteSomeone(participant.name), "microphone")
          : this.#microphoneMark(microphone)
      }
      ${
        canStop && video
          ? stop(video, w.stopVideoOf(participant.name), video.source === "screen" ? "screen" : "camera")
          : html`<span class="person-mark">${icon(video ? "camera" : "cameraOff")}</span>`
      }
    `;
  }

  #microphoneMark(microphone: Track | undefined): TemplateResult {
    const w = this.words;
    if (!microphone) {
      return html`<span class="person-mark" role="img" aria-label=${w.microphoneOff}>${icon("microphoneOff")}</span>`;
    }
    return html`<span class="person-mark">${icon("microphone")}</span>`;
  }

  #actions(participant: Participant): TemplateResult {
    const w = this.words;
    const { id, name } = participant;
    if (id === this.self)
      return html`<span class="person-mark"></span>${this.isModerator ? html`<span class="person-mark"></span>` : nothing}`;
    return html`
      ${this.#action("chat", w.messageSomeone(name), { kind: "message", participant: id })}
      ${this.isModerator ? this.#action("remove", w.remove(name), { kind: "remove", participant }) : nothing}
    `;
  }

  #action(name: IconName, label: string, action: PeopleAction): TemplateResult {
    return html`<button class="round small" aria-label=${label} data-tip=${label} @click=${() => this.act(action)}>${icon(name)}</button>`;
  }
}

function live(participant: Participant, source: TrackSource): Track | undefined {
  return participant.tracks.find((track) => track.source === source && track.live);
}

customElements.define("meet-people", PeoplePanel);
