"""What the kernel dropped of our port, of all that its table tells."""

from pathlib import Path

from sfu.media.socket_drops import SocketDrops

HEAD = (
    "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref"
    " pointer drops\n"
)


def row(number: int, address: str, drops: int) -> str:
    return (
        f"{number:5}: {address} 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 "
        f"12345 2 0000000000000000 {drops}\n"
    )


def test_drops_of_the_port_are_added_up(tmp_path: Path) -> None:
    four, six = tmp_path / "udp", tmp_path / "udp6"
    four.write_text(HEAD + row(1, "0100007F:20FB", 7) + row(2, "0100007F:20FC", 100))
    six.write_text(HEAD + row(1, "00000000000000000000000000000000:20FB", 3))
    assert SocketDrops(8443, (four, six))() == 10


def test_where_nothing_tells_nothing_is_counted(tmp_path: Path) -> None:
    assert SocketDrops(8443, (tmp_path / "none",))() == 0
