import contextlib
import socket

import pytest

from sfu.errors import ConfigError
from sfu.web import listen


@contextlib.contextmanager
def listening(host: str, port: int = 0):
    sockets = listen.listen(host, port)
    try:
        yield sockets
    finally:
        for each in sockets:
            each.close()


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_the_wildcard_is_ipv4_and_ipv6_on_one_port(host: str):
    with listening(host) as sockets:
        assert [each.family for each in sockets] == [socket.AF_INET, socket.AF_INET6][: len(sockets)]
        assert len({each.getsockname()[1] for each in sockets}) == 1
        port = sockets[0].getsockname()[1]
        for address in ("127.0.0.1", "::1")[: len(sockets)]:
            socket.create_connection((address, port), timeout=5).close()


def test_an_address_is_that_address_only():
    with listening("127.0.0.1") as sockets:
        assert [each.getsockname()[0] for each in sockets] == ["127.0.0.1"]


def test_a_taken_port_is_said():
    with listening("127.0.0.1") as sockets:
        port = sockets[0].getsockname()[1]
        with pytest.raises(ConfigError, match=f"TCP port {port} is taken by another program"):
            listen.listen("127.0.0.1", port)
        with pytest.raises(ConfigError, match="is taken"):
            listen.listen("0.0.0.0", port)


@pytest.mark.parametrize("host", ["192.0.2.1", "no-such-host.invalid"])
def test_a_foreign_address_is_said(host: str):
    with pytest.raises(ConfigError, match="no address of this machine"):
        listen.listen(host, 0)
