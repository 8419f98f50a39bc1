"""Opens the media sockets. Knows which addresses to bind, and nothing of what is sent."""

import errno
import os
import socket

from sfu import _packets
from sfu.errors import ConfigError
from sfu.limits import Limits
from sfu.media.config import MediaConfig

WILDCARDS = ("0.0.0.0", "::")  # noqa: S104 - every address is the point of it


def bind(config: MediaConfig, limits: Limits) -> _packets.Plane:
    """The packet path on the configured addresses, or on all: IPv4, and IPv6 where the machine has it."""
    hosts = config.hosts or WILDCARDS[: 2 if has_ipv6() else 1]
    try:
        return _packets.Plane(
            [(host, config.port) for host in hosts],
            workers=config.workers or cores(),
            publisher_bitrate_bps=limits.publisher_bitrate_bps,
            frame_hold_s=config.frame_hold_ms / 1000,
            adapts=config.adaptation,
        )
    except OSError as error:
        raise ConfigError(_in_words(error, config)) from error


def _in_words(error: OSError, config: MediaConfig) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"UDP port {config.port} is taken by another program. Choose another with --media-port."
    if error.errno == errno.EADDRNOTAVAIL:
        foreign = next((host for host in config.hosts if host in str(error)), "The address")
        return f"{foreign} is no address of this machine. Choose another with --media-hosts."
    return f"UDP port {config.port} cannot be opened for media: {error.strerror or error}."


def cores() -> int:
    """Those that this process may run on, as many as the packet path can use."""
    try:
        usable = len(os.sched_getaffinity(0))
    except AttributeError:  # Linux has it.
        usable = os.cpu_count() or 1
    return min(usable, 64)


def has_ipv6() -> bool:
    """Whether a socket can be bound: IPv6 may be compiled in and switched off."""
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
            probe.bind(("::", 0))
    except OSError:
        return False
    return True
