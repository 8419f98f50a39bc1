/** The page's words in the person's language. English names are part of the outside contract. */
import { Store } from "../store.ts";
import { ca } from "./ca.ts";
import { en, type Messages } from "./en.ts";
import { es } from "./es.ts";

export type { Messages };
export type Language = "en" | "es" | "ca";

export const LANGUAGES: Readonly<Record<Language, Messages>> = { en, es, ca };

export function isLanguage(text: string | null): text is Language {
  return text !== null && text in LANGUAGES;
}

/** The first of the person's languages that we speak. */
export function preferredLanguage(wanted: readonly string[]): Language {
  for (const tag of wanted) {
    const primary = tag.toLowerCase().split("-")[0] ?? "";
    if (isLanguage(primary)) return primary;
  }
  return "en";
}

export class I18n {
  readonly language: Store<Language>;

  constructor(language: Language) {
    this.language = new Store(language);
  }

  get messages(): Messages {
    return LANGUAGES[this.language.get()];
  }
}
