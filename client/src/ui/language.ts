/** The choice of language, on every page but the call itself, where it is among the settings. */
import { html, type TemplateResult } from "lit";
import { isLanguage, LANGUAGES, type Messages } from "../i18n/index.ts";
import { i18n } from "./element.ts";
import { icon } from "./icons.ts";
import { settings } from "./settings.ts";

export function languageOptions(): TemplateResult[] {
  const current = i18n.language.get();
  return Object.entries(LANGUAGES).map(
    ([code, words]) =>
      html`<option value=${code} lang=${code} ?selected=${code === current}>${words.languageName}</option>`,
  );
}

export function onLanguageChosen(event: Event): void {
  if (!(event.target instanceof HTMLSelectElement) || !isLanguage(event.target.value)) return;
  settings.set("language", event.target.value);
  i18n.language.set(event.target.value);
}

export function languageSelect(w: Messages): TemplateResult {
  return html`<label class="language">
    ${icon("globe")}<span class="hidden">${w.language}</span>
    <select @change=${onLanguageChosen}>${languageOptions()}</select>
  </label>`;
}
