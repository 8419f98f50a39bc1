"""A UDP relay between a client and the media port: a network that the test can cut or make lossy, or a NAT that
rebinds.

The client is given the relay's address in place of the server's candidates.
"""

import asyncio
import random
import re
from collections.abc import Callable
from typing import Any

Address = tuple[str, int]


class Relay(asyncio.DatagramProtocol):
    """Each client address gets a socket of its own towards the server, as in a NAT."""

    def __init__(self, server: Address) -> None:
        self._server = server
        self._outside: dict[Address, _Mapping] = {}
        self._opening: set[asyncio.Task[None]] = set()
        self._up = True
        # The same in each run.
        self._lost, self._random = 0.0, random.Random(1)
        self._inside: asyncio.DatagramTransport
        self.forwarded = 0
        self.on_sent: Callable[[bytes], None] | None = None
        """Sees what clients send, while the relay is up."""

    @classmethod
    async def start(cls, server: Address, host: str = "127.0.0.1") -> "Relay":
        loop = asyncio.get_running_loop()
        _, relay = await loop.create_datagram_endpoint(lambda: cls(server), local_addr=(host, 0))
        return relay

    @property
    def address(self) -> Address:
        host, port = self._inside.get_extra_info("sockname")[:2]
        return host, port

    def edit_answer(self, sdp: str) -> str:
        """The answer with the relay as the only candidate."""
        host, port = self.address
        ours = f"a=candidate:1 1 udp 2130706431 {host} {port} typ host"
        first, *_ = re.findall(r"a=candidate:[^\r\n]*", sdp)
        without_others = re.sub(rf"a=candidate:(?!{re.escape(first[12:])})[^\r\n]*\r\n", "", sdp)
        return without_others.replace(first, ours)

    def cut(self) -> None:
        self._up = False

    def mend(self) -> None:
        self._up = True

    def lose(self, share: float) -> None:
        """So much of what the server sends from now on does not come."""
        self._lost = share

    def rebind(self) -> None:
        """New source ports towards the server from now on, and the old ones forgotten."""
        for mapping in self._outside.values():
            mapping.close()
        self._outside.clear()

    def inject(self, data: bytes) -> None:
        """Send something of the test's own from the address of each client, even while cut."""
        for mapping in self._outside.values():
            mapping.send(data)

    def connection_made(self, transport: Any) -> None:
        self._inside = transport

    def datagram_received(self, data: bytes, address: Address) -> None:
        if not self._up:
            return
        if self.on_sent is not None:
            self.on_sent(data)
        mapping = self._outside.get(address)
        if mapping is None:
            self._outside[address] = mapping = _Mapping(self, address)
            task = asyncio.create_task(mapping.open(self._server))
            self._opening.add(task)
            task.add_done_callback(self._opening.discard)
        mapping.send(data)

    def came_back(self, data: bytes, client: Address) -> None:
        if self._up and self._random.random() >= self._lost:
            self.forwarded += 1
            self._inside.sendto(data, client)

    def close(self) -> None:
        self.rebind()
        self._inside.close()


class _Mapping(asyncio.DatagramProtocol):
    def __init__(self, relay: Relay, client: Address) -> None:
        self._relay, self._client = relay, client
        self._transport: asyncio.DatagramTransport | None = None
        self._closed = False

    async def open(self, server: Address) -> None:
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: self, remote_addr=server
        )
        if self._closed:
            transport.close()
        self._transport = transport

    def send(self, data: bytes) -> None:
        if self._transport is not None:  # until then lost, as on any network
            self._transport.sendto(data)

    def datagram_received(self, data: bytes, address: Address) -> None:
        if not self._closed:
            self._relay.came_back(data, self._client)

    def close(self) -> None:
        self._closed = True
        if self._transport is not None:
            self._transport.close()
