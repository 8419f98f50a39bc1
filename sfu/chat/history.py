"""The messages of one room, as far back as the bounds allow. Pure; text is text, never markup."""

from collections import OrderedDict, deque
from collections.abc import Sequence
from dataclasses import dataclass

from sfu.limits import FIXED

_KEYS = FIXED.chat_keys


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatMessage:
    id: str
    sender: str
    """Participant id."""
    name: str
    """The sender's name when it wrote."""
    text: str
    sent_at: float
    """Unix time, seconds."""
    to: str | None = None
    """Participant id of a private message's recipient."""

    def is_for(self, participant: str) -> bool:
        return self.to is None or participant in (self.sender, self.to)


class History:
    def __init__(self, *, messages: int, total_bytes: int) -> None:
        self._longest = messages
        self._largest = total_bytes
        self._messages: deque[tuple[ChatMessage, int]] = deque()
        self._bytes = 0
        self._by_key: OrderedDict[tuple[str, str], ChatMessage] = OrderedDict()

    def add(self, message: ChatMessage, key: str) -> None:
        size = len(message.text.encode())
        self._messages.append((message, size))
        self._bytes += size
        self._by_key[message.sender, key] = message
        self._trim()

    def repeated(self, sender: str, key: str) -> ChatMessage | None:
        """What this sender has sent under this key before."""
        return self._by_key.get((sender, key))

    def seen_by(self, participant: str) -> Sequence[ChatMessage]:
        """The oldest first: all to the room, and private ones from or to the participant."""
        return [message for message, _ in self._messages if message.is_for(participant)]

    def _trim(self) -> None:
        while self._messages and (len(self._messages) > self._longest or self._bytes > self._largest):
            _, size = self._messages.popleft()
            self._bytes -= size
        while len(self._by_key) > _KEYS:
            self._by_key.popitem(last=False)
