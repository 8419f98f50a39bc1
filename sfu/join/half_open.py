"""Joins that were answered and whose media has not come yet, counted by the address that asked.

An offer costs its sender nothing, while the answer holds a transport and perhaps a room for 30 s: without a
bound one address could hold all of them and keep everybody out. Knows no room and no media.
"""

import ipaddress
from collections import Counter
from collections.abc import Callable

from sfu.errors import RateLimited


class Place:
    """Of one such join; given back once, however often :meth:`give_back` is called."""

    def __init__(self, release: Callable[[], None] | None = None) -> None:
        self._release = release

    def give_back(self) -> None:
        release, self._release = self._release, None
        if release is not None:
            release()


class HalfOpen:
    def __init__(self, most: int) -> None:
        self._most = most
        self._taken: Counter[str] = Counter()

    def take(self, address: str | None) -> Place:
        """Raises RateLimited. Without an address (in tests, on a Unix socket) there is no limit."""
        if address is None:
            return Place()
        network = _network(address)
        if self._taken[network] >= self._most:
            raise RateLimited("Too many joins from your address still wait for their media.")
        self._taken[network] += 1
        return Place(lambda: self._release(network))

    def __len__(self) -> int:
        return self._taken.total()

    def _release(self, network: str) -> None:
        self._taken[network] -= 1
        if self._taken[network] == 0:
            del self._taken[network]


def _network(address: str) -> str:
    """All of an IPv6 network of one site counts as one (RFC 4291 §2.5.4 leaves it 64 bits to choose from)."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        mapped = parsed.ipv4_mapped
        return str(mapped) if mapped is not None else parsed.packed[:8].hex()
    return str(parsed)
