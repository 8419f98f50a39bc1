"""A TCP relay before the server's HTTPS port: a network path that the test can cut, while media takes another."""

import asyncio
from asyncio import StreamReader, StreamWriter


class TcpRelay:
    def __init__(self, port: int) -> None:
        self._port = port
        self._writers: set[StreamWriter] = set()
        self._up = True
        self._server: asyncio.Server

    @classmethod
    async def start(cls, port: int, host: str = "0.0.0.0") -> "TcpRelay":
        relay = cls(port)
        relay._server = await asyncio.start_server(relay._accepted, host, 0)
        return relay

    @property
    def port(self) -> int:
        return int(self._server.sockets[0].getsockname()[1])

    def cut(self) -> None:
        """All connections break, new ones too."""
        self._up = False
        for writer in self._writers:
            writer.transport.abort()

    def mend(self) -> None:
        self._up = True

    async def _accepted(self, reader: StreamReader, writer: StreamWriter) -> None:
        if not self._up:
            writer.transport.abort()
            return
        there, back = await asyncio.open_connection("127.0.0.1", self._port)
        self._writers |= {writer, back}
        await asyncio.gather(_pass_on(reader, back), _pass_on(there, writer))
        self._writers -= {writer, back}

    async def close(self) -> None:
        self.cut()
        self._server.close()


async def _pass_on(reader: StreamReader, writer: StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.close()
