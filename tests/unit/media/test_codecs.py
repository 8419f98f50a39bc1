"""Lists of codecs are made once for the sections of an offer, and never taken for each other."""

from sfu.media.codecs import KEPT, CodecLists
from sfu.media.specs import CodecSpec


def spec(payload_type: int) -> CodecSpec:
    return CodecSpec(codec="vp8", payload_type=payload_type, clock_rate=90_000)


def test_one_list_is_made_once() -> None:
    lists, specs = CodecLists(), [spec(96), spec(97)]
    made = lists.of(specs)
    assert len(made) == 2
    assert lists.of(specs) is made


def test_lists_that_came_and_went_are_not_mistaken_for_new_ones() -> None:
    """Python gives a new list the id of one that is gone."""
    lists = CodecLists()
    for count in range(3 * KEPT):
        assert len(lists.of([spec(96)] * (count + 1))) == count + 1


def test_old_ones_are_let_go() -> None:
    lists = CodecLists()
    first = [spec(96)]
    made = lists.of(first)
    for number in range(KEPT):
        lists.of([spec(number)])
    assert lists.of(first) is not made
