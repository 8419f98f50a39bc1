/** Takes the gallery's pictures and runs axe on each state: `node dev/shots.mjs OUT_DIR [name…]`. */
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { createServer } from "vite";

const DESKTOP = { width: 1280, height: 800 };
const PHONE = { width: 360, height: 740 };
const room = (query) => `/dev/gallery.html?state=room&${query}`;
const type = (text) => (page) => page.getByLabel("Meeting name").fill(text);
const tell = (page) =>
  page.evaluate(() => {
    const toasts = document.querySelector("meet-toasts");
    for (const text of ["Link copied", "Ana Lucía Pérez joined", "A moderator muted your microphone"])
      toasts.say(text);
  });
const click = (name) => (page) => page.getByRole("button", { name, exact: true }).click();

const STATES = [
  { name: "landing", url: "/dev/gallery.html?state=landing" },
  { name: "landing-dark", url: "/dev/gallery.html?state=landing", dark: true },
  { name: "landing-phone", url: "/dev/gallery.html?state=landing", size: PHONE },
  { name: "prejoin", url: "/dev/gallery.html?state=prejoin" },
  { name: "prejoin-dark", url: "/dev/gallery.html?state=prejoin", dark: true },
  { name: "prejoin-denied", url: "/dev/gallery.html?state=prejoin&denied=1" },
  { name: "prejoin-phone", url: "/dev/gallery.html?state=prejoin", size: PHONE },
  { name: "prejoin-locked", url: "/dev/gallery.html?state=prejoin&entry=room_locked" },
  {
    name: "prejoin-bad-room",
    url: "/dev/gallery.html?state=prejoin&entry=bad_name&room=Team%20sync!",
    dark: true,
  },
  { name: "prejoin-draining-phone", url: "/dev/gallery.html?state=prejoin&entry=draining", size: PHONE },
  { name: "landing-renamed", url: "/dev/gallery.html?state=landing", act: type("Team sync!") },
  { name: "alone-told", url: room("people=1"), act: tell, dark: true },
  { name: "alone-told-phone", url: room("people=1&poor=1"), size: PHONE, act: tell },
  { name: "four-told", url: room("people=4"), act: tell, dark: true },
  { name: "draining", url: room("people=4&draining=1"), dark: true },
  { name: "draining-phone", url: room("people=4&draining=1&poor=1"), size: PHONE, act: tell },
  { name: "alone", url: room("people=1"), dark: true },
  { name: "alone-phone", url: room("people=1"), size: PHONE },
  { name: "two", url: room("people=2"), dark: true },
  { name: "two-phone", url: room("people=2"), size: PHONE, dark: true },
  { name: "four", url: room("people=4"), dark: true },
  { name: "four-light", url: room("people=4") },
  { name: "four-phone", url: room("people=4"), size: PHONE },
  { name: "nine", url: room("people=9"), dark: true },
  { name: "twenty-five", url: room("people=25"), dark: true },
  { name: "pages", url: room("people=28"), size: { width: 1000, height: 640 } },
  { name: "nine-phone", url: room("people=9"), size: PHONE, dark: true },
  { name: "share", url: room("people=6&share=1"), dark: true },
  { name: "share-phone", url: room("people=6&share=1"), size: PHONE, dark: true },
  { name: "chat", url: room("people=6&chat=1"), dark: true, act: click("Chat") },
  {
    name: "screenshot",
    url: room("people=4&chat=1"),
    dark: true,
    size: { width: 1440, height: 810 },
    act: click("Chat"),
  },
  { name: "chat-light", url: room("people=4&chat=1"), act: click("Chat") },
  { name: "chat-phone", url: room("people=4&chat=1"), size: PHONE, act: click("Chat") },
  { name: "people", url: room("people=8"), dark: true, act: click("Participants") },
  { name: "people-phone", url: room("people=8"), size: PHONE, act: click("Participants") },
  { name: "menu", url: room("people=4"), act: click("More options") },
  {
    name: "settings",
    url: room("people=4"),
    dark: true,
    act: async (page) => {
      await click("More options")(page);
      await page.getByRole("menuitem", { name: "Settings" }).click();
    },
  },
  {
    name: "shortcuts",
    url: room("people=4"),
    act: async (page) => {
      await click("More options")(page);
      await page.getByRole("menuitem", { name: "Keyboard shortcuts" }).click();
    },
  },
  {
    name: "speaker",
    url: room("people=7"),
    dark: true,
    act: async (page) => {
      await click("More options")(page);
      await page.getByRole("menuitemradio", { name: "Speaker" }).click();
    },
  },
  { name: "reconnecting", url: room("people=4&reconnecting=1"), dark: true },
  { name: "denied", url: room("people=4&denied=1"), act: click("Start camera") },
  { name: "watching", url: room("people=4&role=subscriber&poor=1&locked=1") },
  { name: "ended", url: "/dev/gallery.html?state=ended" },
  { name: "refused", url: "/dev/gallery.html?state=refused", dark: true },
];

const axeSource = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const [out = "../tests/artifacts/gallery", ...wanted] = process.argv.slice(2);
mkdirSync(out, { recursive: true });
const server = await createServer({ server: { port: 0, host: "127.0.0.1" }, logLevel: "error" });
await server.listen();
const base = server.resolvedUrls.local[0].replace(/\/$/, "");
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"],
});
let problems = 0;
try {
  for (const state of STATES) {
    if (wanted.length > 0 && !wanted.includes(state.name)) continue;
    problems += await shoot(state);
  }
} finally {
  await browser.close();
  await server.close();
}
process.exitCode = problems === 0 ? 0 : 1;

async function shoot({ name, url, size = DESKTOP, dark = false, act }) {
  const context = await browser.newContext({
    viewport: size,
    colorScheme: dark ? "dark" : "light",
    reducedMotion: "reduce",
    locale: "en-US",
    hasTouch: size === PHONE,
  });
  const page = await context.newPage();
  page.on("pageerror", (error) => console.log(`${name}: ${error}`));
  await page.goto(base + url);
  if (url.includes("state=room")) await page.locator("video.shown, meet-tile").first().waitFor();
  await act?.(page);
  await page.mouse.move(0, 0);
  await page.waitForTimeout(900);
  await page.screenshot({ path: join(out, `${name}.png`) });
  await page.evaluate(axeSource);
  const { violations } = await page.evaluate(() => window.axe.run());
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  if (overflow > 0) console.log(`${name}: ${overflow} px too wide`);
  for (const { id, nodes } of violations) {
    console.log(`${name}: ${id}`, nodes.map((node) => node.html.slice(0, 120)).slice(0, 3));
  }
  await context.close();
  return violations.length + (overflow > 0 ? 1 : 0);
}
