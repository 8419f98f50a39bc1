"""The light peers: ICE, DTLS and SRTP in Rust threads (`native/`), and the emulated link, held from Python.

Times ending in `_after_s` count from `add_peer`. Delays are one-way, by the stamps that publishers of the
same host put into their payloads.
"""

from typing import final

from loadtest.session import PeerState, Session

__all__ = ["Emulation", "Generator", "PeerSnapshot", "Percentiles", "ReceivedCounts", "Snapshot"]

@final
class Emulation:
    """An emulated link between two network namespaces, which live as long as it does."""

    def __new__(
        cls, spec: str, *, seed: int = 1, csv: str | None = None, caller_is_server: bool = False
    ) -> Emulation:
        """Raises ValueError for a specification that cannot be read, PermissionError without the right.

        With `caller_is_server` the namespace of the caller is the server's side, else there is a new one.
        """

    @property
    def client_fd(self) -> int:
        """The namespace behind the link, for setns(2)."""

    @property
    def server_fd(self) -> int: ...
    @property
    def client_address(self) -> str: ...
    @property
    def server_address(self) -> str: ...
    @property
    def started_at_s(self) -> float:
        """On the monotonic clock: times of rows and of steps count from here."""

    @property
    def own_losses(self) -> int:
        """Packets that the emulator itself lost, and not the link that it emulates."""

    def change(self, spec: str) -> None:
        """From now on the link is so; times of its steps count from now."""

    def close(self) -> None:
        """Ends the link; raises OSError if it or its rows ended badly."""

@final
class Generator:
    def __new__(cls, *, threads: int = 1) -> Generator: ...
    @property
    def fingerprint(self) -> str:
        """SHA-256 of the certificate that all peers show, as `a=fingerprint` has it."""

    def reserve(self) -> int:
        """The number of a peer to come, unique in this generator; below 2^28."""

    def add_peer(
        self, peer: int, session: Session, *, has_timestamps: bool = False, takes_runs: bool = False
    ) -> None:
        """The peer begins to check at once.

        With `has_timestamps` the kernel tells when packets came, so that delays leave out our own. With
        `takes_runs` it hands over runs uncut (UDP_GRO): cheaper for us, and for a server on this machine,
        which is then charged as with a network card that cuts them.
        """

    def remove_peer(self, peer: int) -> None: ...
    def set_speaking(self, peer: int, is_speaking: bool) -> None: ...
    def take_played(self, peer: int) -> list[tuple[float, float, int, int, bool, bool]]:
        """What the peer could play since the last call; kept from the first call on.

        Each frame once it and the one that it needs are whole, and each packet of sound, by redundancy
        perhaps twice: when, when it was sent, both on the monotonic clock; the stream, in whose last three
        bits is its place among the publisher's layers (0 is the lowest, 7 sound); the number in it; whether
        it is a keyframe; whether it is video.
        """

    def reset(self) -> None:
        """Percentiles and longest gaps begin anew; counts go on."""

    def snapshot(self) -> Snapshot: ...
    def close(self) -> None:
        """Every peer says goodbye; raises RuntimeError if a thread ended badly."""

@final
class Snapshot:
    @property
    def threads_cpu_s(self) -> list[float]: ...
    @property
    def unsent(self) -> int:
        """Datagrams that the kernel did not take."""

    @property
    def unopened(self) -> int:
        """Peers for whom the kernel had no socket, mostly because too few file descriptors are allowed."""

    @property
    def peers(self) -> list[PeerSnapshot]: ...
    @property
    def frame_delay(self) -> Percentiles:
        """From the sending of a frame's last packet until the frame is whole at a receiver."""

    @property
    def frame_total(self) -> Percentiles:
        """From the sending of its first packet to the same moment."""

    @property
    def audio_delay(self) -> Percentiles: ...
    @property
    def reading_late(self) -> Percentiles:
        """From the coming of a datagram to our reading it, of peers with time stamps."""

    @property
    def sending_late(self) -> Percentiles:
        """From the time when a packet was due to when it was sent."""

@final
class Percentiles:
    @property
    def count(self) -> int: ...
    @property
    def p50_ms(self) -> float: ...
    @property
    def p95_ms(self) -> float: ...
    @property
    def p99_ms(self) -> float: ...
    @property
    def most_ms(self) -> float: ...

@final
class PeerSnapshot:
    @property
    def number(self) -> int: ...
    @property
    def state(self) -> PeerState: ...
    @property
    def checked_after_s(self) -> float | None: ...
    @property
    def connected_after_s(self) -> float | None: ...
    @property
    def first_media_after_s(self) -> float | None: ...
    @property
    def first_keyframe_after_s(self) -> float | None:
        """When the first keyframe was whole."""

    @property
    def refused(self) -> int:
        """Datagrams that were nothing we know, or that did not authenticate."""

    @property
    def early(self) -> int:
        """Media that overtook the last message of the handshake, as UDP allows."""

    @property
    def unknown(self) -> int:
        """Packets on SSRCs that the answer did not announce."""

    @property
    def socket_drops(self) -> int:
        """Datagrams lost in our own socket, because nobody read them in time."""

    @property
    def packets_sent(self) -> int: ...
    @property
    def repairs_sent(self) -> int: ...
    @property
    def keyframes_sent(self) -> int: ...
    @property
    def keyframes_asked_of_us(self) -> int: ...
    @property
    def video(self) -> ReceivedCounts: ...
    @property
    def audio(self) -> ReceivedCounts: ...

@final
class ReceivedCounts:
    @property
    def packets(self) -> int:
        """With the repaired ones, without duplicates."""

    @property
    def bytes(self) -> int: ...
    @property
    def duplicates(self) -> int: ...
    @property
    def reordered(self) -> int: ...
    @property
    def repaired(self) -> int: ...
    @property
    def lost(self) -> int:
        """Never came, in spite of repair."""

    @property
    def frames(self) -> int:
        """Whole ones."""

    @property
    def keyframes(self) -> int: ...
    @property
    def broken_frames(self) -> int: ...
    @property
    def nacks(self) -> int: ...
    @property
    def keyframes_asked(self) -> int: ...
    @property
    def longest_gap_s(self) -> float:
        """The longest time without a whole frame, or without an audio packet."""
