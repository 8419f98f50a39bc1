"""A cut of up to 30 s loses nothing, repeats nothing, leaves media alone and no ghost behind."""

import pytest

from sfu.limits import Limits
from sfu.signalling.outlet import CloseCode
from sfu.signalling.session import KEPT_BYTES, KEPT_EVENTS
from tests.unit.signalling.fakes import House, Person


def _seqs(person: Person) -> list[int]:
    return [event["seq"] for event in person.events]


def test_missed_events_come_once_and_before_the_reply() -> None:
    house = House()
    ada, bob = house.joined("Ada"), house.joined("Bob")
    ada.ask("send_chat", key="1", text="seen")
    seen = _seqs(bob)[-1]
    bob.dialogue.on_closed()
    ada.ask("send_chat", key="2", text="missed")
    back = house.person()
    reply = back.resume(bob, seen)
    assert [event["type"] for event in back.events] == [
        "participant_updated",
        "chat_received",
        "participant_updated",
    ]
    assert _seqs(back) == [seen + 1, seen + 2, seen + 3]
    assert reply["seq"] == seen + 3
    assert "sdp" not in reply
    assert reply["participant"] == bob.id
    assert back.outlet.frames[-1] is reply
    assert [message["text"] for message in reply["chat"]] == ["seen", "missed"]


def test_others_see_the_cut_and_the_return() -> None:
    house = House()
    ada, bob = house.joined("Ada"), house.joined("Bob")
    bob.dialogue.on_closed()
    house.timers.advance(29)
    house.person().resume(bob, 0)
    house.timers.advance(60)
    states = [event["reconnecting"] for event in ada.outlet.of("participant_updated")]
    assert states == [True, False]
    assert not ada.outlet.of("participant_left")
    assert not house.world.media.closed


def test_who_does_not_come_back_is_lost() -> None:
    house = House()
    ada, bob = house.joined("Ada"), house.joined("Bob")
    bob.dialogue.on_closed()
    house.timers.advance(30)
    assert ada.outlet.of("participant_left")[-1]["reason"] == "lost"
    assert house.world.room.find(bob.id) is None
    late = house.person()
    assert late.ask("resume", session=bob.joined["session"], last_seq=0)["code"] == "session_expired"
    assert late.join("Bob")["type"] == "joined"


def test_secret_is_needed() -> None:
    house = House()
    ada = house.joined()
    guess = house.person()
    assert guess.ask("resume", session=ada.id, last_seq=0)["code"] == "session_expired"


def test_session_that_moves_closes_its_old_connection() -> None:
    house = House()
    ada = house.joined("Ada")
    bob = house.joined("Bob")
    back = house.person()
    back.resume(bob, 0)
    assert bob.outlet.code is CloseCode.REPLACED
    before = len(bob.outlet.frames)
    bob.say("send_chat", id=99, key="9", text="from the grave")
    bob.dialogue.on_closed()
    house.timers.advance(60)
    ada.ask("send_chat", key="1", text="hello")
    assert len(bob.outlet.frames) == before
    assert back.outlet.of("chat_received")[-1]["message"]["text"] == "hello"
    assert house.world.room.find(bob.id) is not None


def test_chat_repeated_after_the_cut_is_one_message() -> None:
    house = House()
    ada, bob = house.joined("Ada"), house.joined("Bob")
    bob.ask("send_chat", key="k", text="once")
    bob.dialogue.on_closed()
    back = house.person()
    back.resume(bob, 0)
    assert back.ask("send_chat", key="k", text="once")["type"] == "ok"
    assert len(ada.outlet.of("chat_received")) == 1


def test_private_words_are_in_the_twos_history_after_a_resume() -> None:
    house = House()
    ada, bob, cleo = (house.joined(name) for name in ("Ada", "Bob", "Cleo"))
    for one in (bob, cleo):
        one.dialogue.on_closed()
    ada.ask("send_chat", key="1", text="psst", to=bob.id)
    assert [m["text"] for m in house.person().resume(bob, 0)["chat"]] == ["psst"]
    assert house.person().resume(cleo, 0)["chat"] == []


def test_long_absence_is_bounded_and_the_state_still_whole() -> None:
    house = House()
    ada, bob = house.joined("Ada"), house.joined("Bob")
    bob.dialogue.on_closed()
    for number in range(KEPT_EVENTS + 100):
        house.world.clock.advance(1)
        ada.ask("lock_room", locked=number % 2 == 0)
    session = house.sessions._by_secret[bob.joined["session"]]
    assert len(session._kept) == KEPT_EVENTS
    back = house.person()
    reply = back.resume(bob, 0)
    assert len(back.events) == KEPT_EVENTS + 1  # and the news of its own return
    assert reply["locked"] is False
    assert reply["seq"] == _seqs(back)[-1] == session.seq


def test_kept_events_are_bounded_in_bytes() -> None:
    house = House()
    ada, bob = house.joined("Ada"), house.joined("Bob")
    bob.dialogue.on_closed()
    for number in range(40):
        house.world.clock.advance(1)
        ada.ask("send_chat", key=str(number), text="x" * 16_000)
    session = house.sessions._by_secret[bob.joined["session"]]
    assert 0 < session._kept_bytes <= KEPT_BYTES
    assert len(house.person().resume(bob, 0)["chat"]) == 40


@pytest.mark.parametrize("last_seq", [-5, 0, 10**9])
def test_odd_last_seq_does_no_harm(last_seq: int) -> None:
    house = House()
    bob = house.joined("Bob")
    house.joined("Ada")
    assert house.person().resume(bob, last_seq)["type"] == "joined"


def test_lost_media_asks_for_a_restart_and_waits() -> None:
    house = House()
    ada = house.joined("Ada")
    house.world.room.media_lost(ada.id)
    assert ada.events[-1]["type"] == "media_restart_needed"
    house.world.room.media_restored(ada.id)
    house.timers.advance(60)
    assert house.world.room.find(ada.id) is not None


def test_media_that_does_not_come_back_ends_the_session() -> None:
    house = House()
    ada, bob = house.joined("Ada"), house.joined("Bob")
    house.world.room.media_lost(bob.id)
    house.timers.advance(30)
    assert bob.events[-1] == {"type": "ended", "seq": bob.events[-1]["seq"], "reason": "media_lost"}
    assert bob.outlet.code is CloseCode.NORMAL
    assert ada.outlet.of("participant_left")[-1]["reason"] == "lost"


def test_a_new_offer_gives_lost_media_its_time_again() -> None:
    house = House()
    ada = house.joined("Ada")
    house.world.room.media_lost(ada.id)
    house.timers.advance(29)
    ada.ask("offer", sdp="offer", tracks=[])
    house.timers.advance(29)
    assert house.world.room.find(ada.id) is not None
    house.timers.advance(1)
    assert house.world.rooms.find("lobby") is None


@pytest.mark.parametrize("media_first", [True, False])
def test_cut_and_lost_media_together_leave_no_ghost(media_first: bool) -> None:
    house = House()
    ada, bob = house.joined("Ada"), house.joined("Bob")
    if media_first:
        house.world.room.media_lost(bob.id)
    bob.dialogue.on_closed()
    if not media_first:
        house.world.room.media_lost(bob.id)
    assert ada.outlet.of("participant_left")[-1]["reason"] == "lost"
    assert len(house.sessions) == 1


def test_last_one_cut_keeps_the_room_until_lost() -> None:
    house = House()
    ada = house.joined("Ada")
    ada.ask("send_chat", key="1", text="kept")
    ada.dialogue.on_closed()
    house.timers.advance(20)
    assert [m["text"] for m in house.person().resume(ada, 0)["chat"]] == ["kept"]


def test_stopping_server_tells_everyone() -> None:
    house = House()
    people = [house.joined("Ada"), house.joined("Bob")]
    people[1].dialogue.on_closed()
    house.sessions.stop()
    assert people[0].events[-1]["reason"] == "server_stopped"
    assert people[0].outlet.code is CloseCode.GOING_AWAY
    assert len(house.sessions) == 0
    assert house.timers.waiting == 0


def test_draining_server_tells_everyone_until_when_calls_go_on() -> None:
    house = House()
    ada, bob = house.joined("Ada"), house.joined("Bob")
    assert "ends_at" not in ada.joined
    ends_at = house.world.clock.unix() + 60
    house.world.rooms.drain(60)
    assert [event["type"] for event in ada.events] == ["participant_joined", "draining"]
    assert bob.events[-1] == {"type": "draining", "seq": 1, "ends_at": ends_at}
    bob.dialogue.on_closed()
    assert house.person().resume(bob, 1)["ends_at"] == ends_at


def test_nothing_stays_behind() -> None:
    house = House(limits=Limits())
    people = [house.joined(f"P{number}", "microphone") for number in range(5)]
    people[0].dialogue.on_closed()
    house.world.room.media_lost(people[1].id)
    source = house.world.media_of(f"{people[2].id}-microphone")
    house.world.listener().on_speaking(source, True)
    for one in people[1:]:
        one.say("leave")
    house.timers.advance(30)
    assert (len(house.sessions), len(house.world.rooms), house.timers.waiting) == (0, 0, 0)
    assert not house.sessions._by_room
