"""What joining remembers of someone in a room: the transport, and what each m-line has become."""

import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

from sfu.ids import public_id
from sfu.join.half_open import Place
from sfu.join.requests import Joined, JoinKind, SessionHandle, TrackHint
from sfu.media.specs import Extensions, LocalTransport, Slot
from sfu.rooms.events import LeaveReason
from sfu.rooms.room import Room
from sfu.rooms.track import TrackSource
from sfu.sdp import (
    Candidate,
    CodecName,
    Fingerprint,
    IceCredentials,
    LocalDescription,
    LocalSlot,
    MediaKind,
    Negotiated,
    NegotiatedCodec,
    write_answer,
)


@dataclass(slots=True)
class SentTrack:
    """A source, and what it is known to send; hears from media of its codec and of what is wanted of it."""

    hint: TrackHint
    codecs: Sequence[NegotiatedCodec]
    id: int = 0
    current: CodecName | None = None
    tell_wanted: Callable[[Sequence[str]], None] | None = None
    """Passes on which layers anybody needs."""

    def on_layers(self, codec: CodecName, layers: Sequence[int]) -> None:  # noqa: ARG002 - media's listener
        self.current = codec

    def on_wanted(self, rids: Sequence[str]) -> None:
        if self.tell_wanted is not None:
            self.tell_wanted(rids)

    @property
    def codec(self) -> NegotiatedCodec:
        """Until packets came: the first of the answer, which is what browsers and programs send."""
        return next((codec for codec in self.codecs if codec.name == self.current), self.codecs[0])


@dataclass(frozen=True, slots=True)
class ReceivedSlot:
    media: Slot
    mid: str
    kind: MediaKind
    position: int


@dataclass(slots=True)
class Link:
    """One transport and all that was negotiated on it."""

    transport: int
    local: LocalTransport
    origin: str
    """Of the peer connection that offers."""
    remote_ice: IceCredentials
    extensions: Extensions
    mids: Sequence[str]
    """Of all m-sections, in order."""
    sources: dict[str, SentTrack] = field(default_factory=dict)
    slots: dict[str, ReceivedSlot] = field(default_factory=dict)
    session_id: int = field(default_factory=lambda: secrets.randbits(62))
    version: int = 1

    def next_version(self) -> "Link":
        """For a further answer; changes to it leave this one as it was."""
        return replace(self, sources=dict(self.sources), slots=dict(self.slots), version=self.version + 1)

    def slots_of(self, kind: MediaKind) -> list[ReceivedSlot]:
        return sorted(
            (slot for slot in self.slots.values() if slot.kind == kind), key=lambda slot: slot.position
        )

    def free_position(self, kind: MediaKind) -> int:
        taken = {slot.position for slot in self.slots.values() if slot.kind == kind}
        return next(position for position in range(len(taken) + 1) if position not in taken)

    def audio_mids(self) -> tuple[str, ...]:
        """By position."""
        slots = {slot.position: slot.mid for slot in self.slots_of("audio")}
        return tuple(slots.get(position, "") for position in range(max(slots, default=-1) + 1))


@dataclass(slots=True, kw_only=True)
class Session:
    handle: SessionHandle
    link: Link
    is_lost: bool = False
    """The transport is gone; a new peer connection may take its place."""
    cname: str = field(default_factory=public_id)
    on_ended: Callable[[LeaveReason], None] | None = None
    place: Place = field(default_factory=Place)
    """Until the media has come."""

    @property
    def id(self) -> str:
        return self.handle.id

    @property
    def kind(self) -> JoinKind:
        return self.handle.kind

    @property
    def room(self) -> Room:
        return self.handle.room

    def sending(self, source: TrackSource) -> SentTrack | None:
        return next((sent for sent in self.link.sources.values() if sent.hint.source == source), None)

    def entered(self, link: Link, answer: str) -> Joined:
        return Joined(
            session=self.handle,
            answer=answer,
            audio_mids=link.audio_mids(),
            video_mids=tuple(slot.mid for slot in link.slots_of("video")),
        )

    def joined(self, link: Link, negotiated: Negotiated, candidates: Iterable[Candidate]) -> Joined:
        return self.entered(link, answer_of(link, negotiated, self.cname, candidates))


def answer_of(link: Link, negotiated: Negotiated, cname: str, candidates: Iterable[Candidate]) -> str:
    return write_answer(negotiated, _description(link, cname, candidates))


def _description(link: Link, cname: str, candidates: Iterable[Candidate]) -> LocalDescription:
    return LocalDescription(
        session_id=link.session_id,
        version=link.version,
        ice=IceCredentials(link.local.ufrag, link.local.password),
        fingerprint=Fingerprint(*link.local.fingerprint),
        setup=link.local.setup,
        candidates=tuple(candidates),
        slots={
            mid: LocalSlot(slot.position, slot.media.ssrc, slot.media.rtx_ssrc, cname)
            for mid, slot in link.slots.items()
        },
    )
