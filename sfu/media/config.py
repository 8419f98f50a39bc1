"""What the operator may decide about the media plane."""

import ipaddress
from dataclasses import dataclass

from sfu.errors import ConfigError
from sfu.settings import setting


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaConfig:
    port: int = setting(
        8443,
        "UDP port for all media. It may have the number of the HTTPS port. 0 takes a free one.",
        name="media_port",
        minimum=0,
        maximum=65535,
    )
    hosts: tuple[str, ...] = setting(
        (),
        "Local addresses for media. None: every address of the machine, IPv4 and IPv6.",
        name="media_hosts",
    )
    public_address: tuple[str, ...] = setting(
        (),
        "Addresses that clients are told to send media to, where they differ from the machine's own "
        "(port forwarding, cloud).",
        name="public_address",
    )
    frame_hold_ms: float = setting(
        14.0,
        "How long, in milliseconds, a packet of video waits at most for the end of its frame. A frame that "
        "leaves in one piece costs half the CPU time, and none can be decoded before its end. 0: not at all.",
        name="media_frame_hold_ms",
        minimum=0,
        maximum=15,
    )
    adaptation: bool = setting(
        True,
        "Find out what the way to each subscriber carries, and send no more, voices first. Without it "
        "everybody is sent what the layout asks for, whatever gets lost.",
        name="media_adaptation",
    )
    max_video_kbps: int = setting(
        0,
        "What each subscriber is sent of pictures at most, in kbit/s; voices are not counted. A moderator "
        "may set less for a room. 0: no cap.",
        name="media_max_video_kbps",
        minimum=0,
        maximum=10_000_000,
    )
    workers: int = setting(
        0,
        "Threads that move packets; the subscribers are shared out among them. 0: one for each core.",
        name="workers",
        minimum=0,
        maximum=64,
    )

    def __post_init__(self) -> None:
        for flag, addresses in (("--media-hosts", self.hosts), ("--public-address", self.public_address)):
            for address in addresses:
                _must_be_address(flag, address)


def _must_be_address(flag: str, text: str) -> None:
    """ICE candidates and sockets take numbers: browsers resolve no names in candidates of ours."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        raise ConfigError(f"{flag} is {text!r}, but must be an IP address, as in 203.0.113.5.") from None
