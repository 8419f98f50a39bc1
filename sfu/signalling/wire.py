"""Between bytes and messages. An event for many is encoded once; only its `seq` differs between sessions."""

from dataclasses import dataclass

import msgspec

from sfu.errors import BadMessage
from sfu.signalling.messages import ClientMessage, Event, ServerMessage

# Characters that tell the sender of a bad message what is wrong with it.
LONGEST_REASON = 200
_SEQ = b'"seq":0'


class _Numbered(msgspec.Struct):
    """What can be read of a message that is otherwise wrong."""

    id: int | None = None


_decoder = msgspec.json.Decoder[ClientMessage](ClientMessage)
_id_decoder = msgspec.json.Decoder(_Numbered)
_encoder = msgspec.json.Encoder()


@dataclass(frozen=True, slots=True)
class EncodedEvent:
    head: bytes
    tail: bytes

    def numbered(self, seq: int) -> bytes:
        return b"%b%d%b" % (self.head, seq, self.tail)

    def __len__(self) -> int:
        return len(self.head) + len(self.tail)


def decode(text: str | bytes) -> ClientMessage:
    """Raises :class:`BadMessage`."""
    try:
        message: ClientMessage = _decoder.decode(text)
    except msgspec.DecodeError as error:
        raise BadMessage(f"Not a message of this protocol: {_shortened(str(error))}") from None
    except UnicodeError:
        raise BadMessage("Not a message of this protocol: not UTF-8.") from None
    except RecursionError:
        raise BadMessage("Not a message of this protocol: nested too deeply.") from None
    return message


def _shortened(reason: str) -> str:
    """The decoder quotes an unknown type whole, and it may have a MiB."""
    return reason if len(reason) <= LONGEST_REASON else f"{reason[:LONGEST_REASON]}…"


def id_of(text: str | bytes) -> int | None:
    """The request's id, if so much can be read of it."""
    try:
        return _id_decoder.decode(text).id
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None


def encode(message: ServerMessage) -> bytes:
    return _encoder.encode(message)


def encode_part(part: msgspec.Struct) -> msgspec.Raw:
    """Of messages that have it in common."""
    return msgspec.Raw(_encoder.encode(part))


def encode_event(event: Event) -> EncodedEvent:
    """`event.seq` must be 0: it stands where each session's number goes."""
    # The tag comes first and `seq` is the first field of each event, so this is not found in other text.
    head, found, tail = _encoder.encode(event).partition(_SEQ)
    if not found:
        raise ValueError("an event for many has seq 0")
    return EncodedEvent(head + _SEQ[:-1], tail)
