"""One address cannot hold everybody's places with offers alone."""

import pytest

from sfu.errors import RateLimited, SfuError
from sfu.join.half_open import HalfOpen
from sfu.limits import Limits
from tests.unit.join.fakes import Setting

ADDRESS = "192.0.2.7"


def test_joins_without_media_are_few_for_one_address() -> None:
    setting = Setting(limits=Limits(half_open_joins=2))
    for _ in range(2):
        setting.joiner.join(setting.request(came_from=ADDRESS))
    with pytest.raises(RateLimited):
        setting.joiner.join(setting.request(came_from=ADDRESS))
    setting.joiner.join(setting.request(came_from="192.0.2.8"))
    assert len(setting.media.transports) == 3


@pytest.mark.parametrize("end", ["connected", "lost", "left"])
def test_a_place_is_free_again(end: str) -> None:
    setting = Setting(limits=Limits(half_open_joins=1))
    for _ in range(3):
        joined = setting.joiner.join(setting.request(came_from=ADDRESS))
        transport = max(setting.media.transports)
        match end:
            case "connected":
                setting.media.transports[transport].listener.on_connected()
            case "lost":
                setting.media.lose(transport)
            case "left":
                setting.joiner.leave(joined.session)
        setting.joiner.leave(joined.session)


def test_a_refused_join_takes_no_place() -> None:
    setting = Setting(limits=Limits(half_open_joins=1))
    for _ in range(3):
        with pytest.raises(SfuError):
            setting.joiner.join(setting.request(came_from=ADDRESS, room="\n"))
    setting.joiner.join(setting.request(came_from=ADDRESS))


def test_a_place_is_given_back_once() -> None:
    half_open = HalfOpen(2)
    first, _second = half_open.take(ADDRESS), half_open.take(ADDRESS)
    first.give_back()
    first.give_back()
    assert len(half_open) == 1


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::1", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("::ffff:192.0.2.7", ADDRESS, True),
        ("192.0.2.7", "192.0.2.8", False),
        ("fe80::1%eth0", "fe80::2%eth0", True),
        ("unknown", "unknown", True),
    ],
)
def test_a_site_is_one_address(one: str, other: str, is_same: bool) -> None:
    half_open = HalfOpen(1)
    half_open.take(one)
    if is_same:
        with pytest.raises(RateLimited):
            half_open.take(other)
    else:
        half_open.take(other)
