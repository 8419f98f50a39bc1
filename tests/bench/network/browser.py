"""Chromium as a peer of one side of the link: `python -m tests.bench.network.browser publish|watch …`.

As `peer` does, it says `Ready`, and at the end of its input what could be played: each frame when it was shown, its
layer by its height; what of the sound was concealed, and how the pictures fared, by Chromium's own statistics; and when
it told the server that a tile is larger or smaller. The window is as large as the best layer. How many cores the page believes
to have is given: by them it suits its camera to the machine.
"""

import argparse
import asyncio
import json
import shutil
import sys
import time

from tests.bench.network.peer import ROOM
from tests.interop.browsers.chromium import NO_DEVICES, Chromium, ChromiumPage

DEVICES = ("--use-fake-device-for-media-stream=fps=30", "--use-fake-ui-for-media-stream")
EVERY_S = 0.5
WATCH = """(() => {
  const shown = (globalThis.__shown = []);
  const watched = new WeakSet();
  function* videos(root) {
    yield* root.querySelectorAll("video");
    for (const element of root.querySelectorAll("*")) if (element.shadowRoot) yield* videos(element.shadowRoot);
  }
  function watch(video) {
    if (watched.has(video)) return;
    watched.add(video);
    const note = (now, frame) => {
      shown.push([performance.timeOrigin + now, frame.height, frame.presentedFrames]);
      video.requestVideoFrameCallback(note);
    };
    video.requestVideoFrameCallback(note);
  }
  setInterval(() => [...videos(document)].forEach(watch), 20);
})()"""
VIEWS = """(() => {
  const views = (globalThis.__views = []);
  const { send } = WebSocket.prototype;
  WebSocket.prototype.send = function (text) {
    const { type, tiles } = JSON.parse(text);
    if (type === "set_view" && tiles.length) views.push([performance.timeOrigin + performance.now(), tiles[0].height]);
    return send.call(this, text);
  };
})()"""
CORES = "Object.defineProperty(navigator, 'hardwareConcurrency', {{ value: {} }})"
LARGE = {"width": 1440, "height": 900}
SMALL = {"width": 400, "height": 300}
PICTURES = """(async () => {
  const sum = { pliCount: 0, freezeCount: 0, framesDecoded: 0, framesDropped: 0 };
  for (const connection of __probes.connections) {
    if (connection.signalingState === "closed") continue;
    for (const report of (await connection.getStats()).values()) {
      if (report.type !== "inbound-rtp" || report.kind !== "video") continue;
      for (const name of Object.keys(sum)) sum[name] += report[name] ?? 0;
    }
  }
  return sum;
})()"""
SOUND = """(async () => {
  const sum = { concealed: 0, all: 0 };
  for (const connection of __probes.connections) {
    if (connection.signalingState === "closed") continue;
    for (const report of (await connection.getStats()).values()) {
      if (report.type !== "inbound-rtp" || report.kind !== "audio") continue;
      sum.concealed += (report.concealedSamples ?? 0) - (report.silentConcealedSamples ?? 0);
      sum.all += report.totalSamplesReceived ?? 0;
    }
  }
  return sum;
})()"""


def layer(height: int) -> int:
    """Of simulcast at 720, 360 and 180 lines."""
    return 2 if height > 360 else 1 if height > 180 else 0


async def turn(page: ChromiumPage, every_s: float) -> None:
    """The window gets smaller and larger again."""
    while True:
        for size in (SMALL, LARGE):
            await asyncio.sleep(every_s)
            await page.page.set_viewport_size(size)


async def watched(page: ChromiumPage, ending: asyncio.Task[str]) -> dict:
    sound, pictures = [], []
    while not ending.done():
        sound.append([time.monotonic(), *(await page.evaluate(SOUND)).values()])
        pictures.append(await page.evaluate(PICTURES))
        await asyncio.wait({ending}, timeout=EVERY_S)
    to_monotonic_s = time.monotonic() - time.time()
    played = [
        [at / 1000 + to_monotonic_s, at / 1000 + to_monotonic_s, layer(height), number, False, True]
        for at, height, number in await page.evaluate("__shown")
    ]
    views = [[at / 1000 + to_monotonic_s, height] for at, height in await page.evaluate("__views")]
    return {"played": played, "repaired": 0, "sound": sound, "pictures": pictures, "views": views}


async def run(options: argparse.Namespace) -> None:
    executable = shutil.which("chromium") or shutil.which("google-chrome")
    if executable is None:
        sys.exit("Chromium is not installed")
    chromium = await Chromium.launch(executable, DEVICES if options.role == "publish" else NO_DEVICES)
    name = "Ana" if options.role == "publish" else options.name
    page = await chromium.page(name, viewport=LARGE)
    await page.page.add_init_script(CORES.format(options.cores))
    await page.join(f"{options.url}/r/{ROOM}", page.name)
    await page.evaluate(WATCH)
    await page.evaluate(VIEWS)
    if options.role == "publish":
        await page.until("sent")
    print("Ready", flush=True)
    ending = asyncio.create_task(asyncio.to_thread(sys.stdin.readline))
    turning = asyncio.create_task(turn(page, options.turns)) if options.turns else None
    print(json.dumps([await watched(page, ending)]), flush=True)
    if turning is not None:
        turning.cancel()
    await chromium.close()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("role", choices=("publish", "watch"))
    parser.add_argument("url")
    # What Chromium sends is its own affair.
    parser.add_argument("--camera")
    parser.add_argument("--name", default="Viewer")
    parser.add_argument("--no-video", action="store_true")
    parser.add_argument("--cores", type=int, default=8)
    parser.add_argument("--turns", type=float, help="so often the window gets smaller, or larger again")
    asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
