"""Time to answer one offer: the largest that the browser client makes, 25 video and 8 audio slots.

It is spent on the event loop at each join, so it bounds how many people a second can come in.
"""

import pytest

from sfu.limits import Limits
from sfu.sdp import negotiate, parse_offer, write_answer
from tests.unit.sdp.offers import EVERYTHING, load, local


@pytest.mark.parametrize("name", ["chromium-156-participant", "firefox-153-participant"])
def test_answering_a_participant(benchmark, name: str) -> None:
    text, limits = load(name), Limits()

    def answer() -> str:
        negotiated = negotiate(parse_offer(text, limits), EVERYTHING)
        return write_answer(negotiated, local(negotiated))

    assert benchmark(answer).startswith("v=0")
