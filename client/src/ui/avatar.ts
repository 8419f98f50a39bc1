/** A face for those without a camera: initials on a colour that is always the same for one person. */
import { html, type TemplateResult } from "lit";

const COLOURS = 12;

export function initials(name: string): string {
  const words = name.trim().split(/\s+/u).filter(Boolean);
  const first = firstLetter(words[0]);
  const last = words.length > 1 ? firstLetter(words.at(-1)) : "";
  return (first + last).toLocaleUpperCase() || "?";
}

/** Spread by FNV-1a, so that neighbouring ids differ. */
export function colourOf(id: string): number {
  let hash = 0x811c9dc5;
  for (const character of id) {
    hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 0x01000193);
  }
  return (hash >>> 8) % COLOURS;
}

export function avatar(id: string, name: string): TemplateResult {
  return html`<span class="avatar avatar-${colourOf(id)}" aria-hidden="true">${initials(name)}</span>`;
}

function firstLetter(word: string | undefined): string {
  if (!word) return "";
  const [letter] = new Intl.Segmenter().segment(word);
  return letter?.segment ?? "";
}
