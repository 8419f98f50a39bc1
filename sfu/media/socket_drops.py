"""What the kernel dropped of a UDP port since its receive buffer was full, as Linux tells it."""

from pathlib import Path

_TABLES = (Path("/proc/net/udp"), Path("/proc/net/udp6"))


class SocketDrops:
    """Of the sockets that are bound to one port of this machine, by whatever address."""

    def __init__(self, port: int, tables: tuple[Path, ...] = _TABLES) -> None:
        self._port = f"{port:04X}"
        self._tables = tables

    def __call__(self) -> int:
        """0 where no such table is."""
        return sum(self._of(table) for table in self._tables)

    def _of(self, table: Path) -> int:
        try:
            lines = table.read_text().splitlines()[1:]
        except OSError:
            return 0
        # "sl local_address rem_address … drops": address and port in hexadecimal, drops last.
        fields = (line.split() for line in lines)
        return sum(int(row[-1]) for row in fields if row[1].rpartition(":")[2] == self._port)
