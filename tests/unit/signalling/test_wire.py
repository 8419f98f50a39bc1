"""Bytes become messages or a named error; events are encoded once and numbered cheaply."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfu.errors import BadMessage
from sfu.signalling import messages, wire
from sfu.signalling.rate import ABUSE, RateLimit


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "7",
        "[]",
        "{}",
        '{"type":"nonsense"}',
        '{"type":"joined"}',
        '{"type":7}',
        '{"type":"set_view"}',
        '{"type":"set_view","tiles":[{"track":1,"width":1,"height":1}]}',
        '{"type":"lock_room","id":"1","locked":true}',
        '{"type":"ping"',
        '{"type":"ping"} trailing',
        "[" * 500_000,
        '{"type":"ping","x":' + "[" * 500_000,
        '{"x":' * 100_000,
    ],
    ids=lambda text: text[:40],
)
def test_what_is_no_message_has_a_name(text: str) -> None:
    with pytest.raises(BadMessage):
        wire.decode(text)
    assert wire.id_of(text) is None


@given(st.text(max_size=300) | st.recursive(st.none() | st.text(), st.lists).map(json.dumps))
def test_any_text_is_a_message_or_has_a_name(text: str) -> None:
    try:
        wire.decode(text)
    except BadMessage:
        wire.id_of(text)


def test_unknown_fields_are_left_aside() -> None:
    assert wire.decode('{"type":"ping","from":"the future","seq":0}') == messages.Ping()


def test_id_of_a_bad_request_is_told() -> None:
    assert wire.id_of('{"type":"nonsense","id":7}') == 7


def _events() -> list[messages.Event]:
    person = messages.Participant(id='"seq":0', name='{"seq":0', role="publisher", tracks=[])
    return [
        messages.ParticipantJoined(seq=0, participant=person),
        messages.Ended(seq=0, reason="removed"),
        messages.MediaRestartNeeded(seq=0),
        messages.Speakers(seq=0, audio=[None, '"seq":0'], speaking=[]),
    ]


@pytest.mark.parametrize("event", _events(), ids=lambda event: type(event).__name__)
@pytest.mark.parametrize("seq", [0, 1, 10**12])
def test_numbered_event_is_the_event_with_its_number(event: messages.Event, seq: int) -> None:
    expected = msgspec.structs.replace(event, seq=seq)
    assert wire.encode_event(event).numbered(seq) == wire.encode(expected)  # type: ignore[arg-type]


def test_every_event_begins_with_its_number() -> None:
    for cls in messages.ServerMessage.__args__:
        if issubclass(cls, messages.Event):
            assert cls.__struct_fields__[0] == "seq"


def test_reason_quotes_little_of_what_came() -> None:
    with pytest.raises(BadMessage) as refused:
        wire.decode('{"type":"' + "x" * 100_000 + '"}')
    assert len(refused.value.message) < 300


def test_event_that_is_numbered_already_is_refused() -> None:
    with pytest.raises(ValueError, match="seq"):
        wire.encode_event(messages.Ended(seq=1, reason="removed"))


def test_rate_is_a_burst_and_then_a_trickle(clock) -> None:  # type: ignore[no-untyped-def]
    limit = RateLimit(clock, per_s=50, burst=100)
    assert sum(limit.take() for _ in range(300)) == 100
    clock.advance(1)
    assert sum(limit.take() for _ in range(300)) == 50
    clock.advance(3600)
    assert sum(limit.take() for _ in range(300)) == 100


def test_long_messages_weigh_more(clock) -> None:  # type: ignore[no-untyped-def]
    limit = RateLimit(clock, per_s=50, burst=100)
    assert [limit.take(1 << 20) for _ in range(3)] == [True, False, False]
    clock.advance(2)
    assert sum(limit.take(512 << 10) for _ in range(300)) == 3
    assert limit.is_abused


def test_the_largest_message_is_not_above_a_small_burst(clock) -> None:  # type: ignore[no-untyped-def]
    limit = RateLimit(clock, per_s=50, burst=10)
    assert limit.take(1 << 20)
    assert not limit.take()
    clock.advance(3)
    assert limit.take()


def test_rest_forgives(clock) -> None:  # type: ignore[no-untyped-def]
    limit = RateLimit(clock, per_s=50, burst=100)
    for _ in range(ABUSE):
        limit.take()
    assert not limit.is_abused
    clock.advance(2)
    for _ in range(ABUSE):
        limit.take()
    assert not limit.is_abused
    for _ in range(101):
        limit.take()
    assert limit.is_abused
