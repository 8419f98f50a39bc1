/** Finds the links in what people write. Text in, pieces of text out: nothing here makes HTML. */

export interface TextPart {
  text: string;
  /** Where the piece leads, if it is a link; http and https only. */
  href: string | null;
}

const CANDIDATE = /\bhttps?:\/\/[^\s<>"]+/giu;
/** What ends a sentence rather than an address. */
const TRAILING = ".,;:!?'’”»";

export function linkify(text: string): TextPart[] {
  const parts: TextPart[] = [];
  let end = 0;
  for (const match of text.matchAll(CANDIDATE)) {
    const link = trimmed(match[0]);
    const href = hrefOf(link);
    if (href === null) continue;
    if (match.index > end) parts.push({ text: text.slice(end, match.index), href: null });
    parts.push({ text: link, href });
    end = match.index + link.length;
  }
  if (end < text.length) parts.push({ text: text.slice(end), href: null });
  return parts;
}

/** Without the full stop, and without a bracket that was opened before the address. One pass: anyone may write to us. */
function trimmed(link: string): string {
  let surplus = count(link, ")") - count(link, "(");
  let end = link.length;
  for (; end > 0; end--) {
    const last = link.charAt(end - 1);
    if (last === ")" && surplus > 0) surplus--;
    else if (!TRAILING.includes(last)) break;
  }
  return link.slice(0, end);
}

function count(text: string, character: string): number {
  return text.split(character).length - 1;
}

function hrefOf(text: string): string | null {
  try {
    const url = new URL(text);
    return url.protocol === "https:" || url.protocol === "http:" ? url.href : null;
  } catch {
    return null;
  }
}
