"""What was negotiated, in the words of the media plane. Decides nothing."""

from collections.abc import Sequence
from typing import Protocol

from sfu.media.specs import (
    CodecSpec,
    Extensions,
    LocalTransport,
    RemoteTransport,
    Slot,
    SlotListener,
    SlotSpec,
    SourceListener,
    SourceSpec,
    Transport,
    TransportListener,
)
from sfu.rooms.ports import MediaRoomId
from sfu.rooms.track import TrackSource
from sfu.sdp import (
    CONGESTION_FEEDBACK,
    TRANSPORT_FEEDBACK,
    Candidate,
    NegotiatedCodec,
    NegotiatedSection,
    Offer,
)


class JoinMedia(Protocol):
    """What joining asks of :class:`sfu.media.plane.MediaPlane`."""

    def open_transport(
        self, remote: RemoteTransport, *, extensions: Extensions, listener: TransportListener
    ) -> Transport: ...
    def restart_ice(self, transport: int, remote: RemoteTransport) -> LocalTransport: ...
    def set_extensions(self, transport: int, extensions: Extensions) -> None: ...
    def close_transport(self, transport: int) -> None: ...
    def add_source(self, transport: int, spec: SourceSpec, listener: SourceListener | None = None) -> int: ...
    def remove_source(self, source: int) -> None: ...
    def reserve_slot(self, transport: int, mid: str, *, needs_rtx: bool) -> Slot: ...
    def add_slot(self, transport: int, spec: SlotSpec, listener: SlotListener | None = None) -> Slot: ...
    def remove_slot(self, slot: int) -> None: ...
    def candidates(self, *, reached_at: str | None) -> Sequence[Candidate]: ...


def remote_transport(offer: Offer) -> RemoteTransport:
    return RemoteTransport(
        ufrag=offer.ice.ufrag,
        password=offer.ice.password,
        fingerprints=[(entry.algorithm, entry.value) for entry in offer.fingerprints],
        setup=offer.setup,
    )


def source_spec(
    section: NegotiatedSection, codecs: Sequence[CodecSpec], purpose: TrackSource, room: MediaRoomId
) -> SourceSpec:
    return SourceSpec(
        mid=section.mid,
        kind=section.kind,
        codecs=codecs,
        rids=section.rids,
        announced=_announced(section),
        room=room if section.kind == "audio" else None,
        is_screen=purpose == "screen",
    )


def slot_spec(
    section: NegotiatedSection, codecs: Sequence[CodecSpec], cname: str, follows: tuple[int, int] | None
) -> SlotSpec:
    return SlotSpec(mid=section.mid, kind=section.kind, codecs=codecs, cname=cname, follows=follows)


def _announced(section: NegotiatedSection) -> Sequence[tuple[int, int | None]]:
    """One for each layer, highest first, or none: an SSRC that says nothing of its layer is learned later."""
    ssrcs = section.offered.ssrcs
    if not section.rids:
        return ssrcs[:1]
    # Firefox announces one SSRC for each rid, in their order; Chromium none.
    return ssrcs if len(ssrcs) == len(section.rids) else ()


def codec_specs(codecs: Sequence[NegotiatedCodec]) -> Sequence[CodecSpec]:
    return [
        CodecSpec(
            codec=codec.name,
            payload_type=codec.payload_type,
            clock_rate=codec.clock_rate,
            rtx_payload_type=codec.rtx_payload_type,
            format=codec.format,
            nack="nack" in codec.feedback,
            pli="nack pli" in codec.feedback,
            fir="ccm fir" in codec.feedback,
            transport_cc=TRANSPORT_FEEDBACK in codec.feedback,
            ccfb=CONGESTION_FEEDBACK in codec.feedback,
            remb="goog-remb" in codec.feedback,
        )
        for codec in codecs
    ]
