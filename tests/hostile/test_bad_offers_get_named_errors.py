"""SDP that no honest peer sends: a named error to its sender, nothing for anybody else."""

import re
from collections.abc import Callable

import pytest

from tests.peers import Peer, Picture, Refused
from tests.server import RunningServer


def many_sections(sdp: str) -> str:
    return sdp + "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n" * 10_000


def without(attribute: str) -> Callable[[str], str]:
    return lambda sdp: re.sub(rf"a={attribute}:[^\r\n]*\r\n", "", sdp)


BAD_OFFERS: dict[str, Callable[[str], str]] = {
    "600 kB": lambda sdp: sdp + "a=x-padding:" + "x" * 600_000 + "\r\n",
    "10 000 m-lines": many_sections,
    "no fingerprint": without("fingerprint"),
    "no ICE user name": without("ice-ufrag"),
    "empty": lambda _sdp: "",
    "not SDP": lambda _sdp: "hello",
    "NUL bytes": lambda sdp: sdp.replace("a=", "a=\0"),
    "sha-1 fingerprint": lambda sdp: re.sub(
        r"a=fingerprint:sha-\d+ \S+", "a=fingerprint:sha-1 " + "AA:" * 19 + "AA", sdp
    ),
}


@pytest.mark.parametrize("kind", BAD_OFFERS)
async def test_a_bad_offer_is_refused_by_name(server: RunningServer, kind: str) -> None:
    peer = Peer(server, "offers", "Mallory")
    with pytest.raises(Refused) as refused:
        await peer.join(video_slots=1, audio_slots=1, edit_offer=BAD_OFFERS[kind])
    assert refused.value.code in {"bad_offer", "too_large", "unsupported_media"}
    await peer.close()
    assert not server.errors()


@pytest.mark.parametrize("name", ["Eve\r\nSet-Cookie: a", "\x00", "", "x" * 10_000])
async def test_a_bad_name_is_refused_or_cleaned(server: RunningServer, name: str) -> None:
    async with Peer.joined(server, "names", "Ana", video_slots=1, audio_slots=1) as ana:
        peer = Peer(server, "names", name)
        try:
            await peer.join(video_slots=1, audio_slots=1)
        except Refused as refused:
            assert refused.code in {"bad_name", "bad_message"}
        else:
            event = await ana.signalling.event("participant_joined")
            shown = event["participant"]["name"]
            assert shown and len(shown) <= 64 and not re.search(r"[\x00-\x1f\x7f]", shown)
        await peer.close()
    assert not server.errors()


async def test_a_wrong_fingerprint_never_gets_media(server: RunningServer) -> None:
    """Another certificate than the offer names: DTLS fails, and the room's others see no picture of it."""

    def forge(sdp: str) -> str:
        """All of them: one that fits is enough (RFC 8122 §5), and aiortc offers three."""
        return re.sub(r"(?<=a=fingerprint:)(\S+) (\S+)", lambda told: f"{told[1]} {'00' + told[2][2:]}", sdp)

    async with (
        Peer.joined(server, "forged", "Ana", camera=Picture()) as ana,
        Peer.joined(server, "forged", "Biel", camera=Picture()) as biel,
        Peer.joined(server, "forged", "Mallory", camera=Picture(), edit_offer=forge) as mallory,
    ):
        await mallory.signalling.event("media_restart_needed")
        await ana.sees(1)
        await biel.sees(1)
        assert all(received.frames == 0 for received in mallory.received.values())
    assert not server.errors()
