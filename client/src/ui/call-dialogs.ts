/** The windows of the call: settings, shortcuts, and the questions before what cannot be undone. */
import { html, nothing, type TemplateResult } from "lit";
import type { Messages } from "../i18n/index.ts";
import type { Participant } from "../protocol/index.ts";
import type { Call } from "../room/call.ts";
import { unreachable } from "../store.ts";
import { deviceSelects } from "./devices.ts";
import { dialog } from "./dialog.ts";
import { icon } from "./icons.ts";
import { languageOptions, onLanguageChosen } from "./language.ts";
import "./meter.ts";
import { settings } from "./settings.ts";
import { shortcutList } from "./shortcuts.ts";

export type OpenDialog =
  | { kind: "settings" }
  | { kind: "shortcuts" }
  | { kind: "remove"; participant: Participant }
  | { kind: "end" };

export function callDialog(
  open: OpenDialog | null,
  call: Call,
  w: Messages,
  onClose: () => void,
): TemplateResult | typeof nothing {
  if (open === null) return nothing;
  switch (open.kind) {
    case "settings":
      return dialog({ title: w.settings, body: settingsBody(call, w), w, onClose });
    case "shortcuts":
      return dialog({ title: w.shortcuts, body: shortcutsBody(w), w, onClose });
    case "remove": {
      const { id, name } = open.participant;
      const run = () => call.removeParticipant(id);
      return question({ title: w.removeQuestion(name), yes: w.removeYes, run, w, onClose });
    }
    case "end":
      return question({
        title: w.endForAllQuestion,
        yes: w.endForAll,
        run: () => call.endRoom(),
        w,
        onClose,
      });
    default:
      return unreachable(open);
  }
}

function settingsBody(call: Call, w: Messages): TemplateResult {
  return html`<div class="devices stacked">
      ${deviceSelects(call.capture, w)}
    </div>
    <label class="device">
      ${icon("globe")}<span class="hidden">${w.language}</span>
      <select class="select" @change=${onLanguageChosen}>${languageOptions()}</select>
    </label>`;
}

function shortcutsBody(w: Messages): TemplateResult {
  const turn = (event: Event) => {
    if (event.target instanceof HTMLInputElement) settings.turn("shortcuts_off", !event.target.checked);
  };
  return html`<dl class="shortcuts">
      ${shortcutList(w).map(({ keys, text }) => html`<div><dt><kbd>${keys}</kbd></dt><dd>${text}</dd></div>`)}
    </dl>
    <label class="check">
      <input type="checkbox" ?checked=${!settings.isOn("shortcuts_off")} @change=${turn} />
      <span>${w.useShortcuts}</span>
    </label>`;
}

interface Question {
  title: string;
  yes: string;
  run: () => void;
  w: Messages;
  onClose: () => void;
}

function question({ title, yes, run, w, onClose }: Question): TemplateResult {
  const confirm = () => {
    onClose();
    run();
  };
  const actions = html`<button class="button" @click=${onClose}>${w.cancel}</button>
    <button class="button danger" @click=${confirm}>${yes}</button>`;
  return dialog({ title, body: html``, actions, w, onClose });
}
