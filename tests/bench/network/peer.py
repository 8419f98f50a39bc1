"""The peers of one side of the link, in a process of their own: `python -m tests.bench.network.peer publish|watch|hold …`.

Says `Ready` when media may flow. For each line of its input it prints what could be played since the last, as one line
of JSON; when its input ends it does so too, and goes.
"""

import argparse
import asyncio
import json
import sys

from loadtest._native import Generator
from loadtest.driver import Camera, Driver, Microphone, Peer
from loadtest.session import Encoding
from tests.bench.network.cameras import CAMERAS, FRAMES_PER_SECOND

ROOM = "hall"


def camera(name: str) -> Camera:
    encodings = [
        Encoding(
            rid=layer.rid,
            packets=layer.packets,
            keyframe_packets=layer.packets * 3,
            payload=layer.payload,
            width=layer.width,
            height=layer.width * 9 // 16,
            temporal_layers=layer.temporal_layers,
        )
        for layer in CAMERAS[name]
    ]
    return Camera(encodings=encodings, frames_per_second=FRAMES_PER_SECOND)


async def enter(driver: Driver, options: argparse.Namespace) -> list[Peer]:
    if options.role == "publish":
        microphone = Microphone() if options.audio else None
        shown = camera(options.camera) if options.video else None
        return [await driver.publish(ROOM, "Ana", camera=shown, microphone=microphone)]
    if options.role == "hold":
        # Whoever only plays takes the best layer, and no place in anybody's window.
        return [await driver.play(ROOM)]
    return [await driver.join(ROOM, options.name, video=1, audio=1, tile=(1280, 720), timed=True)]


def told(generator: Generator, peers: list[Peer]) -> list[dict]:
    snapshot = {peer.number: peer for peer in generator.snapshot().peers}
    counts = [snapshot[peer.number] for peer in peers]
    return [
        {
            "played": generator.take_played(one.number),
            "state": one.state,
            "repaired": one.video.repaired,
            "nacks": one.video.nacks,
            "keyframes_asked": one.video.keyframes_asked,
            "socket_drops": one.socket_drops,
        }
        for one in counts
    ]


async def run(options: argparse.Namespace) -> None:
    generator = Generator()
    # As a browser offers: what a server does for redundant sound, it does for who can take it.
    async with Driver(options.url, generator, offers_are_full=options.role == "watch") as driver:
        peers = await enter(driver, options)
        for peer in peers:
            generator.take_played(peer.number)
        print("Ready", flush=True)
        while True:
            is_last = not await asyncio.to_thread(sys.stdin.readline)
            print(json.dumps(told(generator, peers)), flush=True)
            if is_last:
                break
    generator.close()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("role", choices=("publish", "watch", "hold"))
    parser.add_argument("url")
    parser.add_argument("--camera", default="three", choices=CAMERAS)
    parser.add_argument("--name", default="Viewer")
    parser.add_argument("--no-video", dest="video", action="store_false")
    parser.add_argument("--no-audio", dest="audio", action="store_false")
    asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
