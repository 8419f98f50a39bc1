"""Chromium as a peer of one side of the link: `python -m tests.bench.network.browser publish|watch …`.

As `peer` does, it says `Ready`, and at the end of its input what could be played: each frame when it was shown, its
layer by its height; and what of the sound was concealed, by Chromium's own statistics.
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


async def watched(page: ChromiumPage, ending: asyncio.Task[str]) -> dict:
    sound = []
    while not ending.done():
        sound.append([time.monotonic(), *(await page.evaluate(SOUND)).values()])
        await asyncio.wait({ending}, timeout=EVERY_S)
    to_monotonic_s = time.monotonic() - time.time()
    played = [
        [at / 1000 + to_monotonic_s, at / 1000 + to_monotonic_s, layer(height), number, False, True]
        for at, height, number in await page.evaluate("__shown")
    ]
    return {"played": played, "repaired": 0, "sound": sound}


async def run(options: argparse.Namespace) -> None:
    executable = shutil.which("chromium") or shutil.which("google-chrome")
    if executable is None:
        sys.exit("Chromium is not installed")
    chromium = await Chromium.launch(executable, DEVICES if options.role == "publish" else NO_DEVICES)
    page = await chromium.page("Ana" if options.role == "publish" else options.name)
    await page.join(f"{options.url}/r/{ROOM}", page.name)
    await page.evaluate(WATCH)
    if options.role == "publish":
        await page.until("sent")
    print("Ready", flush=True)
    ending = asyncio.create_task(asyncio.to_thread(sys.stdin.readline))
    print(json.dumps([await watched(page, ending)]), flush=True)
    await chromium.close()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("role", choices=("publish", "watch"))
    parser.add_argument("url")
    # What Chromium sends is its own affair.
    parser.add_argument("--camera")
    parser.add_argument("--name", default="Viewer")
    parser.add_argument("--no-video", action="store_true")
    asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
