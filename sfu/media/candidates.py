"""The addresses at which peers are told to reach the media port, best first, as ICE host candidates.

A configured public address leads; then the address by which the peer's HTTP request reached us, which is the
one known to work for it; then the host's others. Private addresses are as good as public ones: a server in a
LAN is the common case. Knows no SDP text and no socket.
"""

import ipaddress
from collections.abc import Callable, Iterable, Sequence

import ifaddr

from sfu.sdp.model import Candidate

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# A peer pairs each of ours with each of its own (RFC 8445 §6.1.2.5 keeps 100 pairs).
MOST = 16
# RFC 8445 §5.1.2.1 and §5.1.2.2.
_HOST_TYPE_PREFERENCE = 126
_HIGHEST_LOCAL_PREFERENCE = 65535
_COMPONENT = 1


def host_candidates(
    port: int,
    *,
    interfaces: Iterable[str],
    public: Sequence[str] = (),
    reached_at: str | None = None,
    bound_to: Sequence[str] = (),
) -> list[Candidate]:
    """`bound_to`: the addresses that the sockets are bound to; none on a wildcard."""
    reached = _address(reached_at)
    bound = [_address(text) for text in bound_to]
    own = [reached, *(bound or map(_address, interfaces))]
    wanted = [
        address
        for address in own
        if address is not None and (not bound or address in bound) and _is_offered(address, reached)
    ]
    ordered = dict.fromkeys([*filter(None, map(_address, public)), *wanted])
    if reached is not None and reached.is_loopback and reached in ordered:
        # A browser on this machine: nothing is nearer.
        ordered = dict.fromkeys([reached, *ordered])
    return [_candidate(index, address, port) for index, address in enumerate(list(ordered)[:MOST])]


def interface_addresses() -> list[str]:
    """The host's addresses, IPv4 and IPv6, in the system's order."""
    return [
        address.ip if isinstance(address.ip, str) else address.ip[0]
        for adapter in ifaddr.get_adapters()
        for address in adapter.ips
    ]


class InterfaceAddresses:
    """:func:`interface_addresses`, asked again only after a while: a burst of joins needs them once."""

    def __init__(
        self,
        now: Callable[[], float],
        read: Callable[[], list[str]] = interface_addresses,
        keep_s: float = 5.0,
    ) -> None:
        self._now = now
        self._read = read
        self._keep_s = keep_s
        self._read_at: float | None = None
        self._addresses: list[str] = []

    def __call__(self) -> list[str]:
        if self._read_at is None or self._now() - self._read_at >= self._keep_s:
            self._addresses = self._read()
            self._read_at = self._now()
        return self._addresses


def _address(text: str | None) -> Address | None:
    """Without the zone of a scoped address, and IPv4 where it was mapped into IPv6 (RFC 4291 §2.5.5.2)."""
    if text is None:
        return None
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def _is_offered(address: Address, reached: Address | None) -> bool:
    if address.is_unspecified or address.is_multicast:
        return False
    if address.is_loopback:
        return reached is not None and reached.is_loopback and reached == address
    if address.is_link_local:
        # A peer cannot know the zone of an IPv6 one; of IPv4 only where the peer came by it.
        return address.version == 4 and address == reached
    return True


def _candidate(index: int, address: Address, port: int) -> Candidate:
    # Each address is a base of its own, so each has its own foundation (RFC 8445 §5.1.1.3).
    priority = _HOST_TYPE_PREFERENCE << 24 | (_HIGHEST_LOCAL_PREFERENCE - index) << 8 | (256 - _COMPONENT)
    return Candidate(foundation=str(index + 1), priority=priority, address=str(address), port=port)
