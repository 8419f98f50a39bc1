"""A real browser behind a network that loses a fifth of all packets is sent voices redundantly, and plays them."""

import contextlib

from tests.interop.conftest import Cast, own_address
from tests.peers import Tone
from tests.relay import Relay

LOST = 0.2
ENOUGH = 20
SAMPLES = 960
"""Of a packet. Where nothing stands in for it all are made up."""


class Spared:
    """Whether, over some packets that were lost, most of what they held was played."""

    def __init__(self) -> None:
        self._before: list[dict[str, int]] = []

    def __call__(self, now: dict[str, int]) -> bool:
        self._before.append(now)
        return any(self._is_spared(before, now) for before in self._before)

    @staticmethod
    def _is_spared(before: dict[str, int], now: dict[str, int]) -> bool:
        lost, concealed = (now[key] - before[key] for key in ("packets", "concealed"))
        return lost >= ENOUGH and concealed < lost * SAMPLES / 4


async def test_what_was_lost_is_played_from_what_came_again(cast: Cast) -> None:
    ana = await cast.chromium("ana")
    with contextlib.closing(
        await Relay.start((own_address(), cast.server.media_port), own_address())
    ) as relay:
        # The publisher sends plain Opus, without FEC.
        async with cast.peer("lossy", "ben", microphone=Tone()):
            await ana.join(cast.room("lossy"), "ana", relay.address)
            await ana.hears(1)
            relay.lose(LOST)
            await ana.until("lostSound", accept=Spared())
            await ana.hears(1)
    assert not cast.server.errors()
