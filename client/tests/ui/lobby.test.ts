// @vitest-environment happy-dom
import { render } from "lit";
import { afterEach, describe, expect, it } from "vitest";
import { LANGUAGES } from "../../src/i18n/index.ts";
import type { CallState, JoinProblem } from "../../src/room/call.ts";
import { aloneCard, banners } from "../../src/ui/call-banners.ts";
import { clockTime, dayAndTime } from "../../src/ui/clock-time.ts";
import { Landing } from "../../src/ui/landing.ts";
import { Prejoin } from "../../src/ui/prejoin.ts";
import { fakeCapture } from "../room/fake-media.ts";
import { roomOf } from "../room/fixtures.ts";

const { en } = LANGUAGES;

afterEach(() => document.body.replaceChildren());

async function lobby(entry: JoinProblem | null, room = "team-sync"): Promise<Prejoin> {
  const page = new Prejoin();
  Object.assign(page, { room, name: "Ana", capture: fakeCapture(), entry });
  document.body.append(page);
  await page.updateComplete;
  return page;
}

const told = (page: Element) => page.querySelector("#entry-problem")?.textContent?.trim() ?? "";
const isBarred = (page: Element) => page.querySelector<HTMLButtonElement>("form .primary")?.disabled;

describe("the lobby", () => {
  it("says nothing and lets join while nothing is known against it", async () => {
    const page = await lobby(null);
    expect([told(page), isBarred(page)]).toEqual(["", false]);
  });

  it.each([
    ["room_locked", en.errorLocked],
    ["room_full", en.errorFull],
    ["draining", en.entryDraining],
    ["too_early", en.errorTooEarly],
  ] as const)("tells of %s and that it waits", async (problem, text) => {
    const page = await lobby(problem);
    expect(told(page)).toContain(text);
    expect(told(page)).toContain(en.entryWaits);
    expect(isBarred(page)).toBe(true);
    page.entry = null;
    await page.updateComplete;
    expect([told(page), isBarred(page)]).toEqual(["", false]);
  });

  it("tells from when on a link opens the room", async () => {
    const page = await lobby("too_early");
    page.opensAt = Math.floor(Date.now() / 1000);
    await page.updateComplete;
    expect(told(page)).toContain(en.entryOpens(clockTime(page.opensAt)));
    page.opensAt += 40 * 24 * 3600;
    await page.updateComplete;
    expect(told(page)).toContain(en.entryOpens(dayAndTime(page.opensAt)));
    expect(dayAndTime(page.opensAt)).not.toBe(clockTime(page.opensAt));
  });

  it("tells of a link that is not valid, whose Join cannot work", async () => {
    const page = await lobby("unauthorized");
    expect(told(page)).toBe(en.errorUnauthorized);
    expect(page.querySelector("h1")?.textContent).toBe(en.cannotJoin);
    expect(isBarred(page)).toBe(true);
  });

  it.each([
    ["Team sync!", "/r/team-sync"],
    ["!!!", "/"],
  ])("leads from the bad name %s to %s", async (room, way) => {
    const page = await lobby("bad_name", room);
    expect(told(page)).toContain(en.entryBadRoom);
    expect(page.querySelector("#entry-problem a")?.getAttribute("href")).toBe(way);
    expect(isBarred(page)).toBe(true);
  });

  it.each(["unreachable", "server_full"] as const)(
    "tells of %s and lets try all the same",
    async (problem) => {
      const page = await lobby(problem);
      expect(told(page)).not.toBe("");
      expect(isBarred(page)).toBe(false);
    },
  );

  it("shows the level of the microphone under its list, above the speaker's", async () => {
    const page = await lobby(null);
    const track = {} as MediaStreamTrack;
    page.capture.state.patch({ microphone: { on: false, pending: false, problem: null, track } });
    await page.updateComplete;
    const [microphone, level] = ["[data-device=microphone]", "meet-level"].map((each) =>
      page.querySelector(each),
    );
    expect(level?.previousElementSibling?.contains(microphone ?? null)).toBe(true);
  });
});

describe("the first page", () => {
  it.each([
    ["Team sync", en.meetingBecomes("team-sync")],
    ["Reunió", en.meetingBecomes("reunio")],
    ["team-sync", ""],
    [" team-sync ", ""],
    ["!!!", ""],
  ])("shows what the name %j becomes", async (typed, text) => {
    const page = new Landing();
    document.body.append(page);
    await page.updateComplete;
    const box = page.querySelector("input");
    if (!box) throw new Error("no box");
    box.value = typed;
    box.dispatchEvent(new Event("input", { bubbles: true }));
    await page.updateComplete;
    expect(page.querySelector("#room-becomes")?.textContent).toBe(text);
  });
});

describe("banners", () => {
  it("say until when a call may go on whose server shuts down", () => {
    const endsAt = 1_800_000_600;
    const state: CallState = {
      phase: { name: "joined" },
      entry: null,
      room: { ...roomOf(1), endsAt },
      quality: "good",
      switching: new Set(),
    };
    render(banners(state, false, en), document.body.appendChild(document.createElement("div")));
    expect(document.body.textContent).toContain(en.draining(clockTime(endsAt)));
  });
});

describe("the card of who is alone", () => {
  afterEach(() => window.history.replaceState(null, "", "/"));

  it.each([
    ["/r/team", en.aloneText],
    ["/r/team?token=x.y.z", en.aloneTextToken],
  ])("says at %s what the link is good for, and never gives the token away", (address, text) => {
    window.history.replaceState(null, "", address);
    render(
      aloneCard("team", en, () => {}),
      document.body.appendChild(document.createElement("div")),
    );
    expect(document.body.textContent).toContain(text);
    expect(document.querySelector("input")?.value).toBe(`${location.origin}/r/team`);
  });
});
