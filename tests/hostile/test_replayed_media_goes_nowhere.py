"""Media that was sent before, or protected with other keys, is dropped by name and reaches nobody."""

import asyncio

from tests.hostile.looking import dropped, eventually, room
from tests.peers import Peer, Picture, Tone
from tests.relay import Relay
from tests.server import RunningServer

COPIES = 200


class Recorder:
    """Keeps the first SRTP packets that pass."""

    def __init__(self) -> None:
        self.packets: list[bytes] = []
        self.is_full = asyncio.Event()

    def __call__(self, datagram: bytes) -> None:
        is_rtp = 128 <= datagram[0] <= 191 and not 64 <= datagram[1] & 0x7F <= 95  # RFC 7983, RFC 5761
        if is_rtp and len(self.packets) < COPIES:
            self.packets.append(datagram)
            if len(self.packets) == COPIES:
                self.is_full.set()


def mis_keyed(packet: bytes) -> bytes:
    """As another key would make it: the same header, another tag; and newer than anything seen."""
    sequence_number = (int.from_bytes(packet[2:4], "big") + 5000) % 65536
    return packet[:2] + sequence_number.to_bytes(2, "big") + packet[4:-1] + bytes([packet[-1] ^ 1])


async def forwarded(server: RunningServer) -> int:
    """Packets to all slots of the room by now."""
    await asyncio.sleep(1.1)  # reports are a second old at most
    everyone = (await room(server, "replay"))["participants"]
    return sum(slot["packets"] for person in everyone for slot in person["slots"])


async def test_neither_replays_nor_foreign_keys_are_forwarded(server: RunningServer) -> None:
    relay, recorder = await Relay.start(("127.0.0.1", server.media_port)), Recorder()
    relay.on_sent = recorder
    async with (
        Peer.joined(server, "replay", "Ana", video_slots=1, audio_slots=1) as ana,
        Peer.joined(
            server,
            "replay",
            "Biel",
            microphone=Tone(),
            camera=Picture(),
            video_slots=1,
            audio_slots=1,
            edit_answer=relay.edit_answer,
        ),
    ):
        await asyncio.gather(ana.sees(1), ana.hears(1), recorder.is_full.wait())
        relay.cut()  # from now only what is injected comes from Biel's address
        counts = [await forwarded(server)]

        async def is_quiet() -> bool:
            counts.append(await forwarded(server))
            return counts[-3:] == [counts[-1]] * 3

        await eventually(is_quiet)
        replayed, forged = (
            await dropped(server, "srtp_replayed"),
            await dropped(server, "srtp_authentication"),
        )
        for packet in recorder.packets:
            relay.inject(packet)
            relay.inject(mis_keyed(packet))

        async def all_counted() -> bool:
            return (
                await dropped(server, "srtp_replayed") >= replayed + COPIES
                and await dropped(server, "srtp_authentication") >= forged + COPIES
            )

        await eventually(all_counted)
        assert await forwarded(server) == counts[-1] > 0
    relay.close()
    assert not server.errors()
