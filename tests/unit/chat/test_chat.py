"""Words reach whom they are for, once, and are kept while the room lives."""

import itertools

import pytest

from sfu.chat.chat import Chat
from sfu.chat.history import ChatMessage, History
from sfu.errors import BadMessage, NotFound, TooLarge
from sfu.limits import Limits
from sfu.rooms.participant import Participant
from sfu.rooms.room import Room
from tests.unit.rooms.fakes import World


class Desk:
    """Ada, Bob and Cleo in a room with a chat, and all that listeners were told."""

    def __init__(self, limits: Limits | None = None) -> None:
        self.world = World()
        ids = itertools.count(1)
        self.chat = Chat(limits or Limits(), clock=self.world.clock, new_id=lambda: f"m{next(ids)}")
        self.world.rooms.add_observer(self.chat)
        self.chat.add_listener(self)
        self.told: list[ChatMessage] = []
        self.ada, self.bob, self.cleo = (self.world.join(name) for name in ("Ada", "Bob", "Cleo"))

    def on_chat(self, room: Room, message: ChatMessage) -> None:
        self.told.append(message)

    def send(self, who: Participant, text: str, key: str = "1", to: Participant | None = None) -> ChatMessage:
        return self.chat.send(self.world.room, who.id, key=key, text=text, to=to.id if to else None)

    def read(self, who: Participant) -> list[str]:
        return [message.text for message in self.chat.history(self.world.room, who.id)]


def test_message_is_told_and_kept() -> None:
    desk = Desk()
    message = desk.send(desk.ada, "<b>hello</b> https://example.org")
    assert desk.told == [message]
    assert message.text == "<b>hello</b> https://example.org"
    assert (message.sender, message.name, message.sent_at) == (desk.ada.id, "Ada", desk.world.clock.unix())
    assert desk.chat.history(desk.world.room, desk.cleo.id) == [message]


def test_same_key_again_is_the_same_message() -> None:
    desk = Desk()
    first = desk.send(desk.ada, "hello")
    assert desk.send(desk.ada, "hello") is first
    assert len(desk.told) == 1
    assert desk.send(desk.bob, "hello") is not first


def test_private_message_is_for_the_two() -> None:
    desk = Desk()
    desk.send(desk.ada, "psst", to=desk.bob)
    desk.send(desk.ada, "all", key="2")
    assert [desk.read(one) for one in (desk.ada, desk.bob, desk.cleo)] == [
        ["psst", "all"],
        ["psst", "all"],
        ["all"],
    ]


def test_repeat_of_a_private_message_outlives_its_recipient() -> None:
    desk = Desk()
    first = desk.send(desk.ada, "psst", to=desk.bob)
    desk.world.room.leave(desk.bob.id, "left")
    assert desk.send(desk.ada, "psst", to=desk.bob) is first
    with pytest.raises(NotFound):
        desk.send(desk.ada, "psst", key="2", to=desk.bob)


def test_late_joiner_reads_what_was_written() -> None:
    desk = Desk()
    desk.send(desk.ada, "early")
    desk.world.room.leave(desk.ada.id, "left")
    assert desk.read(desk.world.join("Dora")) == ["early"]


def test_words_are_forgotten_with_the_last_participant() -> None:
    desk = Desk()
    desk.send(desk.ada, "secret")
    desk.world.rooms.view("lobby", None)
    room = desk.world.room
    for one in room.participants:
        room.leave(one.id, "left")
    assert desk.read(desk.world.join("Eve")) == []


@pytest.mark.parametrize("text", ["", "  \n", "\ud800"])
def test_empty_and_broken_texts_are_refused(text: str) -> None:
    desk = Desk()
    with pytest.raises(BadMessage):
        desk.send(desk.ada, text)
    assert not desk.told


@pytest.mark.parametrize("key", ["", "x" * 65])
def test_key_has_a_length(key: str) -> None:
    desk = Desk()
    with pytest.raises(BadMessage):
        desk.send(desk.ada, "hello", key=key)


def test_text_is_measured_in_bytes() -> None:
    desk = Desk(Limits(chat_bytes=4))
    desk.send(desk.ada, "éé")
    with pytest.raises(TooLarge):
        desk.send(desk.ada, "ééé", key="2")


def test_history_is_bounded_in_messages_and_bytes() -> None:
    history = History(messages=3, total_bytes=10)

    def write(text: str, key: str) -> None:
        history.add(ChatMessage(id=key, sender="a", name="A", text=text, sent_at=0.0), key)

    for key in "12345":
        write("x", key)
    assert [message.id for message in history.seen_by("b")] == ["3", "4", "5"]
    write("x" * 9, "6")
    assert [message.id for message in history.seen_by("b")] == ["5", "6"]
    for number in range(2000):
        write("x", f"k{number}")
    assert history.repeated("a", "k0") is None
    assert history.repeated("a", "k1999") is not None


def test_no_history_is_kept_where_none_is_wanted() -> None:
    desk = Desk(Limits(chat_history=0))
    desk.send(desk.ada, "hello")
    assert len(desk.told) == 1
    assert desk.read(desk.bob) == []


def test_who_is_not_there_cannot_write() -> None:
    desk = Desk()
    with pytest.raises(NotFound):
        desk.chat.send(desk.world.room, "nobody", key="1", text="hello")
