"""The packet path as Python sees it.

Commands go down and never block on an answer; events come up through :meth:`Plane.drain` once
:attr:`Plane.event_fd` is readable; packets never cross. Python allocates every id (any unsigned
64-bit integer) and never reuses one. Commands that name an unknown id are ignored (the thing may
have gone while the command was on its way). Arguments of the wrong form raise ``ValueError``.
A command raises ``TimeoutError`` only where the worker is stuck: tens of thousands wait already.
"""

from collections.abc import Sequence
from typing import Literal, final

MediaKind = Literal["audio", "video"]
CodecName = Literal["opus", "red", "pcmu", "pcma", "g722", "vp8", "vp9", "h264", "h265", "av1"]
ExtensionName = Literal[
    "mid",
    "rid",
    "repaired_rid",
    "audio_level",
    "absolute_send_time",
    "transport_sequence_number",
    "absolute_capture_time",
    "playout_delay",
    "video_orientation",
    "dependency_descriptor",
    "video_layers_allocation",
]
AdaptReason = Literal[
    "your_downlink",
    "senders_uplink",
    "senders_camera",
    "tile_is_small",
    "no_higher_layer",
    "moderators_cap",
    "server_is_busy",
]
"""Why a picture is not better."""
SrtpProfile = Literal["SRTP_AEAD_AES_128_GCM", "SRTP_AES128_CM_SHA1_80"]

@final
class CodecParameters:
    def __new__(
        cls,
        *,
        codec: CodecName,
        payload_type: int,
        clock_rate: int,
        rtx_payload_type: int | None = None,
        format: str = "",
        nack: bool = False,
        pli: bool = False,
        fir: bool = False,
        transport_cc: bool = False,
        ccfb: bool = False,
        remb: bool = False,
    ) -> CodecParameters: ...

@final
class Plane:
    """The bound media sockets and the worker that serves them."""

    def __new__(
        cls,
        bind: Sequence[tuple[str, int]],
        *,
        workers: int = 1,
        event_capacity: int = 65536,
        publisher_bitrate_bps: int = 20_000_000,
        frame_hold_s: float = 0.014,
        join_s: float = 0.003,
        receive_tick_s: float = 0.001,
        adapts: bool = True,
    ) -> Plane:
        """Binds every (address, port) and starts the worker. ``OSError`` if one cannot be bound.

        Port 0 chooses a free one, the same for all of ``bind``. The first worker receives for all; the
        subscribers are shared out among all ``workers``, 64 at most. ``publisher_bitrate_bps`` is what one
        publisher may send in all: it is told so, and the video of one that sends far more is dropped.
        ``frame_hold_s``: how long video waits at most for the end of its frame, so that it leaves in one
        piece; 0 for not at all. ``join_s``: how long audio waits for whatever else leaves then, where
        several speak. ``receive_tick_s``: while much comes, it is received at this distance, so that it
        gathers. None of them may exceed 1 s. ``adapts``: what the way to each subscriber carries is
        estimated, and what it is sent follows that.
        """
    @property
    def local_addresses(self) -> list[tuple[str, int]]: ...
    @property
    def event_fd(self) -> int:
        """Readable while events wait; for ``loop.add_reader``."""
    def drain(self, limit: int = 4096) -> list[Event]:
        """Events in order, at most ``limit``; re-arms ``event_fd`` if some are left.

        ``RuntimeError``, after the last event, if the worker has died.
        """
    def snapshot(self, timeout_s: float = 1.0) -> Snapshot:
        """Waits for the worker without the GIL; ``TimeoutError`` if it does not answer (it is stuck).

        ``RuntimeError`` if it has died or is closed.
        """
    def close(self) -> None:
        """Stops and joins the worker, closes the sockets. Later commands do nothing."""

    def add_transport(
        self,
        transport: int,
        *,
        local_ufrag: str,
        local_password: str,
        remote_ufrag: str,
        remote_password: str,
        extensions: Sequence[tuple[int, ExtensionName]],
    ) -> None: ...
    def restart_ice(
        self,
        transport: int,
        *,
        local_ufrag: str,
        local_password: str,
        remote_ufrag: str,
        remote_password: str,
    ) -> None: ...
    def set_headroom(self, transport: int, has_headroom: bool) -> None:
        """Whether this subscriber's way carries twice of what it is sent. True until said otherwise.

        With headroom it gets video frame by frame, else packet by packet as the publisher paced them.
        """
    def set_cap(self, transport: int, cap_bps: int | None) -> None:
        """What this subscriber is sent of pictures at most, whatever its way carries. No cap until said so.

        Voices are not counted.
        """
    def set_extensions(self, transport: int, extensions: Sequence[tuple[int, ExtensionName]]) -> None: ...
    def set_keys(
        self,
        transport: int,
        *,
        profile: SrtpProfile,
        local_key: bytes,
        local_salt: bytes,
        remote_key: bytes,
        remote_salt: bytes,
    ) -> None: ...
    def send_dtls(self, transport: int, datagrams: Sequence[bytes]) -> None: ...
    def remove_transport(self, transport: int) -> None: ...
    def add_source(
        self,
        source: int,
        *,
        transport: int,
        mid: str,
        kind: MediaKind,
        codecs: Sequence[CodecParameters],
        rids: Sequence[str] = (),
        announced: Sequence[tuple[int, int | None]] = (),
        room: int | None = None,
        is_screen: bool = False,
    ) -> None:
        """``rids`` highest layer first; ``announced`` pairs of (SSRC, its RTX SSRC)."""
    def set_forwarding(self, source: int, forwarding: bool) -> None: ...
    def remove_source(self, source: int) -> None: ...
    def add_slot(
        self,
        slot: int,
        *,
        transport: int,
        mid: str,
        kind: MediaKind,
        codecs: Sequence[CodecParameters],
        ssrc: int,
        rtx_ssrc: int | None,
        cname: str,
        follows: tuple[int, int] | None = None,
    ) -> None:
        """``follows``: (room, position) of an audio slot that plays the room's loudest speakers."""
    def show(self, slot: int, source: int | None, layer: int = 0) -> None: ...
    def set_stage(self, slot: int, is_stage: bool) -> None:
        """Whether the subscriber looks at it: of video, that is left out last when sending falls behind."""
    def set_wanted(self, source: int, top: int) -> None:
        """The publisher was told to leave out the layers above `top`, since nobody is sent them.

        That they are silent says nothing of what they could be. 0 until said otherwise.
        """
    def remove_slot(self, slot: int) -> None: ...
    def add_room(self, room: int, positions: int) -> None: ...
    def remove_room(self, room: int) -> None: ...

# -- events ---------------------------------------------------------------------------------

@final
class TransportConnected:
    __match_args__ = ("transport", "remote")
    @property
    def transport(self) -> int: ...
    @property
    def remote(self) -> tuple[str, int]: ...

@final
class TransportMoved:
    __match_args__ = ("transport", "remote")
    @property
    def transport(self) -> int: ...
    @property
    def remote(self) -> tuple[str, int]: ...

@final
class TransportLost:
    __match_args__ = ("transport", "reason")
    @property
    def transport(self) -> int: ...
    @property
    def reason(self) -> Literal["consent_expired", "never_connected", "worker_failed"]: ...

@final
class DtlsReceived:
    __match_args__ = ("transport", "datagram")
    @property
    def transport(self) -> int: ...
    @property
    def datagram(self) -> bytes: ...

@final
class SourceLayersChanged:
    __match_args__ = ("source", "codec", "layers")
    @property
    def source(self) -> int: ...
    @property
    def codec(self) -> CodecName: ...
    @property
    def layers(self) -> tuple[int, ...]: ...

@final
class SlotSwitched:
    __match_args__ = ("slot", "source")
    @property
    def slot(self) -> int: ...
    @property
    def source(self) -> int | None: ...

@final
class SlotUndecodable:
    __match_args__ = ("slot", "source", "codec")
    @property
    def slot(self) -> int: ...
    @property
    def source(self) -> int: ...
    @property
    def codec(self) -> CodecName: ...

@final
class SlotAdapted:
    """How the slot's picture was fitted to what its subscriber's way carries. It goes away by itself."""

    __match_args__ = ("slot", "source", "is_off", "reason", "layer")
    @property
    def slot(self) -> int: ...
    @property
    def source(self) -> int: ...
    @property
    def is_off(self) -> bool: ...
    @property
    def reason(self) -> AdaptReason | None: ...
    @property
    def layer(self) -> int | None:
        """The best layer that its way lets through, where that is not the one to be shown."""

@final
class AudioPositionsChanged:
    __match_args__ = ("room", "positions")
    @property
    def room(self) -> int: ...
    @property
    def positions(self) -> tuple[int | None, ...]: ...

@final
class DominantSpeakerChanged:
    __match_args__ = ("room", "source")
    @property
    def room(self) -> int: ...
    @property
    def source(self) -> int | None: ...

@final
class SpeakingChanged:
    __match_args__ = ("source", "speaking")
    @property
    def source(self) -> int: ...
    @property
    def speaking(self) -> bool: ...

@final
class WorkerFailed:
    """One of several workers has died; its transports are lost, the others go on."""

    __match_args__ = ("worker", "reason")
    @property
    def worker(self) -> int: ...
    @property
    def reason(self) -> str: ...

Event = (
    TransportConnected
    | TransportMoved
    | TransportLost
    | DtlsReceived
    | SourceLayersChanged
    | SlotSwitched
    | SlotUndecodable
    | SlotAdapted
    | AudioPositionsChanged
    | DominantSpeakerChanged
    | SpeakingChanged
    | WorkerFailed
)

# -- snapshot: fields as in packets/proto/src/snapshot.rs --------------------------------------

@final
class Snapshot:
    @property
    def datagrams_received(self) -> int: ...
    @property
    def bytes_received(self) -> int: ...
    @property
    def datagrams_sent(self) -> int: ...
    @property
    def bytes_sent(self) -> int: ...
    @property
    def drops(self) -> dict[str, int]:
        """Reason label to count, every reason present."""
    @property
    def events_dropped(self) -> int: ...
    @property
    def worker_cpu_s(self) -> float:
        """CPU time of all workers' threads since their start."""
    @property
    def workers_cpu_s(self) -> list[float]:
        """The same worker by worker, without those that have died; the first receives."""
    @property
    def stress(self) -> float:
        """How near the busiest worker was to its limit in the last second: 0 idle, 1 at it."""
    @property
    def forwarding_delay_audio(self) -> Histogram:
        """From the kernel's receive stamp until a packet had been sent on, once for each subscriber."""
    @property
    def forwarding_delay_video(self) -> Histogram:
        """The same, with what packets were held for the end of their frame."""
    @property
    def receive_delay(self) -> Histogram:
        """From the kernel's receive stamp until a datagram was read: the server's own scheduling delay."""
    @property
    def send_queue_age_s(self) -> float:
        """How long the oldest datagram waits for a full socket, of the worst worker."""
    @property
    def transports(self) -> list[TransportSnapshot]: ...
    @property
    def sources(self) -> list[SourceSnapshot]: ...
    @property
    def slots(self) -> list[SlotSnapshot]: ...

@final
class Histogram:
    """Durations counted since the start."""

    @property
    def bounds_s(self) -> list[float]:
        """What each bucket but the last is below; always the same."""
    @property
    def counts(self) -> list[int]:
        """One for each bound, not cumulative, and one for what is above the last."""
    @property
    def sum_s(self) -> float: ...

@final
class TransportSnapshot:
    @property
    def transport(self) -> int: ...
    @property
    def remote(self) -> tuple[str, int] | None: ...
    @property
    def has_keys(self) -> bool: ...
    @property
    def packets_received(self) -> int: ...
    @property
    def packets_sent(self) -> int: ...
    @property
    def bytes_received(self) -> int: ...
    @property
    def bytes_sent(self) -> int: ...
    @property
    def round_trip_time_s(self) -> float | None:
        """Smoothed, from RTCP."""
    @property
    def round_trip_last_s(self) -> float | None:
        """The newest sample."""
    @property
    def delay_up_s(self) -> float | None:
        """How long a packet takes from the peer to us."""
    @property
    def delay_down_s(self) -> float | None:
        """How long a packet takes from us to the peer."""
    @property
    def delay_error_s(self) -> float | None:
        """The two may be off by so much; None where the peer shares our clock: then they are measured."""
    @property
    def jitter_down_s(self) -> float | None:
        """Of the way to the peer alone, by its transport-wide feedback; None where it sends none."""
    @property
    def reported_packets(self) -> int:
        """Packets that transport-wide feedback told of, before repair."""
    @property
    def reported_lost(self) -> int:
        """Those of them that were lost."""
    @property
    def remb_bps(self) -> int | None: ...
    @property
    def available_bps(self) -> int | None: ...

@final
class SourceSnapshot:
    @property
    def source(self) -> int: ...
    @property
    def codec(self) -> CodecName | None: ...
    @property
    def forwarding(self) -> bool: ...
    @property
    def layers(self) -> list[LayerSnapshot]: ...

@final
class LayerSnapshot:
    @property
    def layer(self) -> int: ...
    @property
    def ssrc(self) -> int: ...
    @property
    def active(self) -> bool: ...
    @property
    def packets(self) -> int: ...
    @property
    def bytes(self) -> int: ...
    @property
    def expected(self) -> int:
        """Packets that the publisher sent, by their numbers, repairs aside. Never falls."""
    @property
    def received(self) -> int:
        """Those of them that came by themselves. Never falls."""
    @property
    def lost(self) -> int:
        """`expected` less `received`: before repair. What is late counts until it comes."""
    @property
    def lost_after_repair(self) -> int:
        """Of the lost, those that nothing brought back."""
    @property
    def repaired(self) -> int:
        """Came back by retransmission or redundancy before they came themselves."""
    @property
    def repaired_red(self) -> int:
        """Of them by redundancy (RFC 2198)."""
    @property
    def duplicates(self) -> int: ...
    @property
    def reordered(self) -> int:
        """Came after one with a higher number."""
    @property
    def jitter_s(self) -> float:
        """RFC 3550 A.8, of the first packets of frames, by the kernel's receive stamps."""
    @property
    def keyframes(self) -> int: ...
    @property
    def nacks_sent(self) -> int: ...
    @property
    def plis_sent(self) -> int: ...
    @property
    def bitrate_bps(self) -> int: ...
    @property
    def frames(self) -> int: ...
    @property
    def frames_per_second(self) -> float:
        """Over the last second."""
    @property
    def freezes(self) -> int:
        """Pauses in what came that the publisher did not make."""
    @property
    def frozen_s(self) -> float:
        """How long they took in all."""
    @property
    def capture_delay_s(self) -> float | None:
        """From capture until a frame's first packet came, smoothed; as far off as `delay_error_s`."""
    @property
    def width(self) -> int: ...
    @property
    def height(self) -> int: ...

@final
class SlotSnapshot:
    @property
    def slot(self) -> int: ...
    @property
    def source(self) -> int | None: ...
    @property
    def layer(self) -> int: ...
    @property
    def temporal(self) -> int:
        """The highest temporal layer that is sent of it; 255: all."""
    @property
    def reason(self) -> AdaptReason | None: ...
    @property
    def is_off(self) -> bool:
        """Of video: nothing is sent, for that reason."""
    @property
    def wanted(self) -> int | None: ...
    @property
    def packets(self) -> int: ...
    @property
    def bytes(self) -> int: ...
    @property
    def frames(self) -> int:
        """Sent to their end."""
    @property
    def keyframes(self) -> int:
        """Begun."""
    @property
    def retransmitted(self) -> int: ...
    @property
    def repaired(self) -> int:
        """Of the retransmitted, distinct packets."""
    @property
    def nacks_received(self) -> int: ...
    @property
    def plis_received(self) -> int: ...
    @property
    def switches(self) -> int: ...
    @property
    def bitrate_bps(self) -> int: ...
    @property
    def expected(self) -> int:
        """By the receiver's reports: packets that it should have, of those that we had to send."""
    @property
    def lost(self) -> int:
        """By its reports, before repair, without what the publisher's way lost."""
    @property
    def fraction_lost(self) -> float:
        """Of those expected between its last two reports."""
    @property
    def lost_up(self) -> int:
        """Numbers left open towards the receiver, since nothing came for them from the publisher."""
    @property
    def lost_after_repair(self) -> int:
        """An estimate: `lost` less what was sent again, once each."""
    @property
    def jitter_s(self) -> float:
        """As the receiver measures it: with the publisher's, and what we held."""
