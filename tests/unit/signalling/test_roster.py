"""What a joiner is told of the others is what they are, whatever happened since it was last told."""

import random
from typing import Any

import msgspec

from sfu.signalling import translate
from sfu.signalling.roster import Roster
from tests.unit.signalling.fakes import House, Person

STEPS = 400


def as_they_are(room: Any) -> list[dict[str, Any]]:
    return [msgspec.to_builtins(translate.participant(one)) for one in room.participants]


def as_told(roster: Roster, room: Any) -> list[dict[str, Any]]:
    return [msgspec.json.decode(raw) for raw in roster.of(room)]


def change(house: House, people: list[Person], chance: random.Random) -> None:
    room, person = house.world.room, chance.choice(people)
    present = room.find(person.id)
    camera = present.tracks.get("camera") if present else None
    match chance.choice(("live", "mute", "unpublish", "cut", "back", "leave", "come", "first")):
        case "live" if camera:
            room.set_live(person.id, "camera", chance.random() < 0.5)
        case "mute" if camera and camera.published:
            room.mute(room.participants[0].id, camera.id)
        case "unpublish" if present:
            room.unpublish(person.id, "microphone")
        case "cut" | "back" as which:
            room.set_reconnecting(person.id, which == "cut")
        case "leave":
            room.leave(person.id, "left")
        case "come":
            people.append(house.joined("Late", "camera"))
        case "first" if len(room.participants) > 2:
            # Somebody else becomes the moderator.
            room.leave(room.participants[0].id, "left")


def test_everything_that_happens_to_people_is_told() -> None:
    """Against what would be encoded anew, after each of many steps."""
    house, chance = House(), random.Random(7)
    house.joined("Host")
    people = [house.joined(f"P{number}", "microphone", "camera") for number in range(4)]
    for _ in range(STEPS):
        change(house, people, chance)
        assert as_told(house.sessions.roster, house.world.room) == as_they_are(house.world.room)


def test_a_room_that_is_gone_is_forgotten() -> None:
    house = House()
    ada = house.joined("Ada")
    ada.say("leave")
    assert not house.sessions.roster._encoded
