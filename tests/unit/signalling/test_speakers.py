"""Who speaks is told at most ten times a second, with the latest state, encoded once for all."""

import pytest

from sfu.signalling import sessions, wire
from sfu.signalling.speaking import SpeakerNews
from tests.unit.signalling.fakes import House


def test_speakers_are_told_at_once_then_at_most_ten_times_a_second() -> None:
    house = House()
    ada, bob = house.joined("Ada"), house.joined("Bob", "microphone")
    track = f"{bob.id}-microphone"
    source = house.world.media_of(track)
    for number in range(101):
        house.world.listener().on_speaking(source, number % 2 == 0)
        house.timers.advance(0.01)
    told = ada.outlet.of("speakers")
    assert 10 <= len(told) <= 12
    assert told[0]["speaking"] == [track]
    house.timers.advance(1)
    assert ada.outlet.of("speakers")[-1]["speaking"] == [track]
    assert len(ada.outlet.of("speakers")) <= len(told) + 1


def test_silence_costs_nothing() -> None:
    house = House()
    house.joined("Ada", "microphone")
    house.timers.advance(10)
    assert house.timers.waiting == 0


def test_news_for_many_is_encoded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    house = House()
    people = [house.joined(f"P{number}", "microphone") for number in range(20)]
    source = house.world.media_of(f"{people[0].id}-microphone")
    encoded = []

    def counting(event: object) -> object:
        encoded.append(event)
        return wire.encode_event(event)  # type: ignore[arg-type]

    monkeypatch.setattr(sessions, "encode_event", counting)
    house.world.listener().on_dominant(source)
    people[0].ask("send_chat", key="1", text="hello")
    assert len(encoded) == 2
    assert all(one.outlet.of("speakers") and one.outlet.of("chat_received") for one in people)


def test_cut_session_is_not_told_and_resumes_with_the_state() -> None:
    house = House()
    ada, bob = house.joined("Ada"), house.joined("Bob", "microphone")
    ada.dialogue.on_closed()
    track = f"{bob.id}-microphone"
    house.world.listener().on_audio_positions([house.world.media_of(track)])
    back = house.person()
    reply = back.resume(ada, 0)
    assert not back.outlet.of("speakers")
    assert reply["audio"] == [track]
    assert [event["seq"] for event in back.events] == list(range(1, reply["seq"] + 1))


@pytest.mark.parametrize(("listeners", "most"), [(1, 10), (200, 10), (1000, 2), (4000, 1)])
def test_a_room_tells_no_more_than_two_thousand_a_second(listeners: int, most: int) -> None:
    house = House()
    house.joined("Ada")
    room, told = house.world.room, []

    def tell(_: object) -> int:
        told.append(listeners)
        return listeners

    news = SpeakerNews(house.timers, tell)
    for _ in range(1000):
        news.changed(room)
        house.timers.advance(0.01)
    assert len(told) <= most * 10 + 1
    assert len(told) * listeners <= 2000 * 10 + listeners
    assert len(told) > most * 4, "and not much less either"
