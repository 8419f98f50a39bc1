"""Which web pages may speak to this server: its own, and those of configured origins.

A WebSocket is open to every page that a browser shows (no same-origin rule holds for it), so the server
checks the Origin header (RFC 6455 §10.2). Programs that are no browser send none and bring their own token.
"""

from collections.abc import Iterable
from urllib.parse import urlsplit

from sfu.errors import ConfigError, ForeignOrigin

_DEFAULT_PORTS = {"http": 80, "https": 443}


class OriginPolicy:
    def __init__(self, allowed: Iterable[str] = ()) -> None:
        self._allowed = frozenset(_configured(origin) for origin in allowed)

    def check(self, origin: str | None, host: str) -> None:
        """`host` is the request's Host header. Raises :class:`ForeignOrigin`."""
        if origin is None:
            return
        asked = _parsed(origin)
        if asked is None or not (asked in self._allowed or _is_same_host(asked, host)):
            raise ForeignOrigin("Pages of another site may not speak to this server.")


_Origin = tuple[str, str, int]


def _is_same_host(origin: _Origin, host: str) -> bool:
    # The scheme is the page's: a proxy that ends TLS hands us http for an https page.
    return origin == _parsed(f"{origin[0]}://{host}")


def _parsed(text: str) -> _Origin | None:
    """(scheme, host, port) of an origin; None for what is none, `null` among them (RFC 6454 §7.1)."""
    try:
        parts = urlsplit(text)
        port = parts.port or _DEFAULT_PORTS.get(parts.scheme)
    except ValueError:
        return None
    if parts.hostname is None or port is None or parts.path not in ("", "/") or parts.query or parts.fragment:
        return None
    return parts.scheme, parts.hostname, port


def _configured(text: str) -> _Origin:
    origin = _parsed(text)
    if origin is None:
        raise ConfigError(f"auth_origins holds {text!r}, which is no origin like https://example.org.")
    return origin
