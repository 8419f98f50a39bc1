/**
 * Shows one state of the page, chosen by the address: `/dev/gallery.html?state=room&people=9`.
 * For looking at, and for screenshots; not shipped.
 */
import { html, render } from "lit";
import "../src/styles/index.css";
import { i18n } from "../src/ui/element.ts";
import "../src/ui/call.ts";
import { endedPage, refusedPage } from "../src/ui/ended.ts";
import "../src/ui/landing.ts";
import "../src/ui/prejoin.ts";
import { FakeCall, type FakeOptions, fakeCapture } from "./fake-call.ts";

const query = new URLSearchParams(location.search);

function options(): FakeOptions {
  const has = (name: string) => query.get(name) === "1";
  const role = query.get("role");
  return {
    people: Number(query.get("people") ?? 4),
    share: has("share"),
    chat: has("chat"),
    noCamera: has("denied"),
    poor: has("poor"),
    locked: has("locked"),
    draining: has("draining"),
    ...(has("reconnecting") ? { phase: "reconnecting" as const } : {}),
    ...(role === "subscriber" || role === "publisher" ? { role } : {}),
  };
}

function page() {
  const w = i18n.messages;
  switch (query.get("state")) {
    case "landing":
      return html`<meet-landing></meet-landing>`;
    case "prejoin":
      return html`<meet-prejoin .room=${query.get("room") ?? "team-sync"} .entry=${query.get("entry")} .name=${query.get("name") ?? "Marta"} .capture=${fakeCapture(query.get("denied") === "1")}></meet-prejoin>`;
    case "ended":
      return endedPage(query.get("reason") === "removed" ? "removed" : "left", w, () => {});
    case "refused":
      return refusedPage("room_locked", w, () => {});
    default:
      return html`<meet-call .call=${new FakeCall(options())}></meet-call>`;
  }
}

document.documentElement.lang = i18n.language.get();
render(page(), document.body);
