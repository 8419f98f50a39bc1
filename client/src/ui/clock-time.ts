/** A time of day as the person's language writes it. */
import { i18n } from "./element.ts";

const HOUR_AND_MINUTE = { hour: "2-digit", minute: "2-digit" } as const;

/** `unixS` in seconds, as the server counts. */
export function clockTime(unixS: number): string {
  return new Date(unixS * 1000).toLocaleTimeString(i18n.language.get(), HOUR_AND_MINUTE);
}

/** With the day, where it is not today. */
export function dayAndTime(unixS: number, now = new Date()): string {
  const date = new Date(unixS * 1000);
  if (date.toDateString() === now.toDateString()) return clockTime(unixS);
  const day = { day: "numeric", month: "long" } as const;
  return date.toLocaleString(i18n.language.get(), { ...day, ...HOUR_AND_MINUTE });
}
