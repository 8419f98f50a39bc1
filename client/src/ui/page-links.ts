/** Addresses and the clipboard. */

/** What one gives to others: the room, without one's own name or token. */
export function invitation(room: string): string {
  return `${location.origin}/r/${encodeURIComponent(room)}`;
}

/** Whether this page was opened by a personal link, which the invitation is not. */
export function hasToken(): boolean {
  return new URLSearchParams(location.search).has("token");
}

/** Whether the text is on the clipboard now; the second way is for pages without HTTPS. */
export async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copyBySelection(text);
  }
}

function copyBySelection(text: string): boolean {
  const box = document.createElement("textarea");
  box.value = text;
  box.setAttribute("readonly", "");
  box.className = "hidden";
  document.body.append(box);
  const before = document.activeElement;
  box.select();
  const isDone = document.execCommand("copy");
  box.remove();
  if (before instanceof HTMLElement) before.focus();
  return isDone;
}
