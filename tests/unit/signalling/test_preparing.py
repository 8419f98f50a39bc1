"""A page prepares while its person decides: when that stands, when it ends, and that nobody is told."""

from typing import Any

import pytest

from sfu.auth.grants import Grant
from sfu.limits import FIXED, Limits
from sfu.signalling.entry import EVERY_S
from sfu.signalling.outlet import CloseCode
from tests.unit.signalling.fakes import House, Person


def prepare(person: Person, sdp: str = "offer", **fields: Any) -> dict[str, Any]:
    return person.ask("prepare", **{"room": "lobby", "sdp": sdp, "tracks": [], **fields})


def test_a_prepared_join_needs_no_offer() -> None:
    house = House()
    ada = house.person()
    assert prepare(ada) == {"type": "prepared", "id": 1, "sdp": "answer to offer"}
    reply = ada.join("Ada", "camera", sdp=None)
    assert (reply["type"], "sdp" in reply) == ("joined", False)
    assert [one["name"] for one in reply["participants"]] == ["Ada"]
    assert house.timers.waiting == 0


def test_nobody_hears_of_who_prepares_and_no_room_is_opened() -> None:
    house = House()
    ada = house.joined("Ada")
    prepare(house.person())
    prepare(house.person(), room="another")
    assert ada.events == []
    assert [room.name for room in house.world.rooms] == ["lobby"]
    assert len(house.sessions) == 1


def test_without_a_preparation_a_join_brings_its_offer() -> None:
    ada = House().person()
    assert ada.ask("join", room="lobby", name="Ada", tracks=[])["code"] == "session_expired"
    assert ada.join()["sdp"] == "answer"


def test_a_join_with_an_offer_ends_what_was_prepared() -> None:
    house = House()
    ada = house.person()
    prepare(ada)
    assert ada.join()["sdp"] == "answer"
    assert [one.is_over for one in house.joiner.prepared] == [True]


def test_a_second_preparation_takes_the_place_of_the_first() -> None:
    house = House()
    ada = house.person()
    prepare(ada, "one")
    assert prepare(ada, "two")["sdp"] == "answer to two"
    assert [one.is_over for one in house.joiner.prepared] == [True, False]


def test_a_refused_preparation_is_no_preparation() -> None:
    house = House()
    ada = house.person()
    assert prepare(ada, "bad")["code"] == "bad_offer"
    assert ada.ask("join", room="lobby", name="Ada", tracks=[])["code"] == "session_expired"
    house.timers.advance(FIXED.join_timeout_s)
    assert ada.outlet.code is CloseCode.POLICY


def test_a_preparation_ends_with_its_connection() -> None:
    house = House()
    ada = house.person()
    prepare(ada)
    ada.dialogue.on_closed()
    assert [one.is_over for one in house.joiner.prepared] == [True]
    assert house.timers.waiting == 0


def test_a_preparation_waits_some_minutes_and_no_longer() -> None:
    house = House()
    ada = house.person()
    prepare(ada)
    house.timers.advance(FIXED.lobby_s - 1)
    assert (ada.outlet.code, house.joiner.prepared[0].is_over) == (None, False)
    house.timers.advance(1)
    assert (ada.outlet.frames[-1]["code"], ada.outlet.code) == ("not_joined", CloseCode.POLICY)
    assert house.joiner.prepared[0].is_over


def test_someone_in_a_room_has_nothing_to_prepare() -> None:
    house = House()
    ada = house.joined("Ada")
    assert prepare(ada)["code"] == "bad_message"
    assert house.joiner.prepared == []


def test_a_locked_room_refuses_to_prepare() -> None:
    house = House()
    ada = house.joined("Ada")
    ada.ask("lock_room", locked=True)
    assert prepare(house.person())["code"] == "room_locked"


def test_a_draining_server_refuses_to_prepare() -> None:
    house = House()
    house.world.rooms.drain(60)
    assert prepare(house.person())["code"] == "draining"


@pytest.mark.parametrize("room", ["", "a" * 65])
def test_a_bad_room_is_refused(room: str) -> None:
    assert prepare(House().person(), room=room)["code"] == "bad_name"


def test_the_token_is_looked_at_when_preparing_and_again_when_joining() -> None:
    house = House(mode="token")
    ada = house.person()
    assert prepare(ada)["code"] == "unauthorized"
    token = house.tokens.mint(Grant("lobby", "publisher"), ttl_s=60)
    assert prepare(ada, token=token)["type"] == "prepared"
    house.timers.advance(61)
    assert ada.join(sdp=None, token=token)["code"] == "unauthorized"
    fresh = house.tokens.mint(Grant("lobby", "publisher"), ttl_s=60)
    assert ada.join(sdp=None, token=fresh)["type"] == "joined"


def entries(person: Person) -> list[str | None]:
    return [frame.get("refusal") for frame in person.outlet.of("entry")]


def test_who_waits_is_told_when_the_room_is_locked_and_opened_again() -> None:
    house = House()
    ada = house.joined("Ada")
    ben = house.person()
    prepare(ben)
    house.timers.advance(2 * EVERY_S)
    assert entries(ben) == []
    ada.ask("lock_room", locked=True)
    house.timers.advance(2 * EVERY_S)
    assert entries(ben) == ["room_locked"]
    ada.ask("lock_room", locked=False)
    house.timers.advance(2 * EVERY_S)
    assert entries(ben) == ["room_locked", None]
    assert ben.join("Ben", sdp=None)["type"] == "joined"


def test_who_waits_is_told_when_the_room_is_full() -> None:
    house = House(limits=Limits(participants_per_room=1))
    ben = house.person()
    prepare(ben)
    ada = house.joined("Ada")
    house.timers.advance(EVERY_S)
    ada.say("leave")
    house.timers.advance(EVERY_S)
    assert entries(ben) == ["room_full", None]


def test_who_waits_is_told_when_the_token_expires() -> None:
    house = House(mode="token")
    ada = house.person()
    prepare(ada, token=house.tokens.mint(Grant("lobby", "publisher"), ttl_s=60))
    house.timers.advance(61 + EVERY_S)
    assert entries(ada) == ["unauthorized"]


def test_who_waits_is_told_when_the_server_shuts_down() -> None:
    house = House()
    ada = house.person()
    prepare(ada)
    house.world.rooms.drain(60)
    house.timers.advance(EVERY_S)
    assert entries(ada) == ["draining"]


@pytest.mark.parametrize("end", ["joined", "closed", "prepared anew"])
def test_nobody_is_told_of_a_wait_that_is_over(end: str) -> None:
    house = House()
    ada = house.person()
    prepare(ada)
    match end:
        case "joined":
            ada.join(sdp=None)
        case "closed":
            ada.dialogue.on_closed()
        case _:
            prepare(ada, room="another")
            house.joined("Ben").ask("lock_room", locked=True)
    house.timers.advance(2 * EVERY_S)
    assert entries(ada) == []
