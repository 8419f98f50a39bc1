"""Chat of all rooms: checks a message, keeps it while the room lives, hands it to the listeners.

Through here flow texts between participants; what a listener does with them is its own matter.
Observes the rooms to forget what was written when the last participant leaves.
"""

from collections.abc import Callable
from typing import Protocol

from sfu.chat.history import ChatMessage, History
from sfu.clock import Clock
from sfu.errors import BadMessage, TooLarge
from sfu.limits import FIXED, Limits
from sfu.rooms.events import RoomEmptied, RoomEvent
from sfu.rooms.room import Room

HISTORY_BYTES = FIXED.chat_history_bytes
_KEY_LENGTH = FIXED.chat_key_length


class ChatListener(Protocol):
    def on_chat(self, room: Room, message: ChatMessage) -> None: ...


class Chat:
    def __init__(self, limits: Limits, *, clock: Clock, new_id: Callable[[], str]) -> None:
        self._limits = limits
        self._clock = clock
        self._new_id = new_id
        self._histories: dict[str, History] = {}
        self._listeners: list[ChatListener] = []

    def add_listener(self, listener: ChatListener) -> None:
        self._listeners.append(listener)

    def send(self, room: Room, sender: str, *, key: str, text: str, to: str | None = None) -> ChatMessage:
        """The same key again is the same message, told once.

        Raises BadMessage, TooLarge, Forbidden, NotFound.
        """
        author = room.participant(sender)
        author.require("chat")
        self._check(key, text)
        history = self._histories.get(room.name) or self._open(room)
        repeated = history.repeated(sender, key)
        if repeated is not None:
            return repeated
        if to is not None:
            room.participant(to)
        message = ChatMessage(
            id=self._new_id(), sender=sender, name=author.name, text=text, sent_at=self._clock.unix(), to=to
        )
        history.add(message, key)
        for listener in self._listeners:
            listener.on_chat(room, message)
        return message

    def history(self, room: Room, participant: str) -> list[ChatMessage]:
        """What this participant may read of it, the oldest first."""
        history = self._histories.get(room.name)
        return list(history.seen_by(participant)) if history else []

    def on_room_event(self, room: Room, event: RoomEvent) -> None:
        if isinstance(event, RoomEmptied):
            self._histories.pop(room.name, None)

    def _open(self, room: Room) -> History:
        history = History(messages=self._limits.chat_history, total_bytes=HISTORY_BYTES)
        self._histories[room.name] = history
        return history

    def _check(self, key: str, text: str) -> None:
        if not 1 <= len(key) <= _KEY_LENGTH:
            raise BadMessage(f"A message's key has 1 to {_KEY_LENGTH} characters.")
        try:
            size = len(text.encode())
        except UnicodeEncodeError:
            raise BadMessage("The text is no Unicode.") from None
        if size > self._limits.chat_bytes:
            raise TooLarge(f"A message has at most {self._limits.chat_bytes} bytes.")
        if not text.strip():
            raise BadMessage("The message is empty.")
