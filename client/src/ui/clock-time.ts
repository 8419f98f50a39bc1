/** A time of day as the person's language writes it. */
import { i18n } from "./element.ts";

/** `unixS` in seconds, as the server counts. */
export function clockTime(unixS: number): string {
  const date = new Date(unixS * 1000);
  return date.toLocaleTimeString(i18n.language.get(), { hour: "2-digit", minute: "2-digit" });
}
