"""Tokens that open no door: expired, of another room, unsigned, of another server, too weak for the wish."""

import base64
import json

import pytest

from tests.peers import Peer, Picture, Refused
from tests.server import RunningServer


def unsigned(token: str) -> str:
    """The same claims under `alg: none`."""
    header = (
        base64.urlsafe_b64encode(json.dumps({"alg": "none", "typ": "JWT"}).encode()).rstrip(b"=").decode()
    )
    return f"{header}.{token.split('.')[1]}."


def altered(token: str) -> str:
    """Claims of a moderator under somebody else's signature."""
    header, body, signature = token.split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    claims["role"] = "moderator"
    forged = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    return f"{header}.{forged}.{signature}"


async def refusal(server: RunningServer, token: str | None) -> str:
    peer = Peer(server, "kitchen", "Mallory")
    try:
        await peer.join(video_slots=1, audio_slots=1, token=token)
    except Refused as refused:
        return refused.code
    finally:
        await peer.close()
    pytest.fail("the token opened the room")


async def test_each_bad_token_is_refused(token_server: RunningServer) -> None:
    good = await token_server.token("kitchen", "subscriber")
    bad = {
        "none": None,
        "nonsense": "nonsense",
        "unsigned": unsigned(good),
        "altered": altered(good),
        "other room": await token_server.token("cellar", "moderator"),
        "expired": await token_server.token("kitchen", "moderator", "--ttl", "-10"),
    }
    assert {kind: await refusal(token_server, token) for kind, token in bad.items()} == dict.fromkeys(
        bad, "unauthorized"
    )
    assert not token_server.errors()


async def test_a_good_token_opens_its_room_with_its_role(token_server: RunningServer) -> None:
    token = await token_server.token("kitchen", "subscriber")
    async with Peer.joined(token_server, "kitchen", "Ana", token=token, video_slots=1, audio_slots=1) as ana:
        assert ana.joined_reply["role"] == "subscriber"
        with pytest.raises(Refused) as refused:
            await ana.signalling.request("end_room")
        assert refused.value.code == "forbidden"


async def test_a_subscriber_cannot_publish(token_server: RunningServer) -> None:
    publisher, subscriber = [
        await token_server.token("kitchen", role) for role in ("publisher", "subscriber")
    ]
    async with (
        Peer.joined(token_server, "kitchen", "Ana", token=publisher) as ana,
        Peer.joined(token_server, "kitchen", "Biel", token=subscriber, camera=Picture()) as biel,
    ):
        assert biel.id not in {track["participant"] for track in ana.tracks_in_room().values()}
