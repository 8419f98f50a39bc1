"""The TCP sockets of the web server."""

import errno
import socket

from sfu.errors import ConfigError
from sfu.web.addresses import WILDCARDS

_NO_IPV6 = (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL, errno.EPROTONOSUPPORT)
_BACKLOG = 1024
# Port 0 takes IPv4's choice, which another program may hold on IPv6.
_TRIES = 8


def listen(host: str, port: int) -> list[socket.socket]:
    """Bound and listening sockets, all on one port; :class:`ConfigError` in plain words."""
    try:
        if host in WILDCARDS:
            return _everywhere(port)
        return _at([(family, address[0]) for family, address in _resolved(host, port)], port)
    except OSError as error:
        raise ConfigError(_reason(host, port, error)) from error


def _everywhere(port: int) -> list[socket.socket]:
    for attempt in range(_TRIES):
        sockets = _at([(socket.AF_INET, "0.0.0.0")], port)  # noqa: S104
        try:
            return sockets + _at([(socket.AF_INET6, "::")], sockets[0].getsockname()[1])
        except OSError as error:
            if error.errno in _NO_IPV6:
                return sockets
            sockets[0].close()
            if port or error.errno != errno.EADDRINUSE or attempt == _TRIES - 1:
                raise
    raise AssertionError("the last try returns or raises")


def _at(addresses: list[tuple[int, str]], port: int) -> list[socket.socket]:
    opened: list[socket.socket] = []
    try:
        for family, address in addresses:
            opened.append(_opened(family, address, port))
            port = opened[0].getsockname()[1]
    except OSError:
        for each in opened:
            each.close()
        raise
    return opened


def _opened(family: int, address: str, port: int) -> socket.socket:
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.bind((address, port))
        made.listen(_BACKLOG)
        made.setblocking(False)
    except OSError:
        made.close()
        raise
    return made


def _resolved(host: str, port: int) -> list[tuple[int, tuple[str, int]]]:
    answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    return list(dict.fromkeys((family, (str(address[0]), port)) for family, _, _, _, address in answers))


def _reason(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"TCP port {port} is taken by another program. Choose another with --port."
    if error.errno == errno.EACCES:
        return f"TCP port {port} may not be used by this user. Choose one above 1023 with --port."
    if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
        return f"{host} is no address of this machine. Choose another with --host."
    return f"Cannot listen on {host}, TCP port {port}: {error.strerror}."
