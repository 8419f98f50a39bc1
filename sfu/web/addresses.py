"""Where the web server can be reached, as URLs that a person may open."""

import ipaddress
from collections.abc import Iterable

import ifaddr

WILDCARDS = ("0.0.0.0", "::", "")  # noqa: S104


def own() -> list[str]:
    """The machine's addresses that others may reach, IPv4 first."""
    found = [address.ip for adapter in ifaddr.get_adapters() for address in adapter.ips]
    texts = [ip if isinstance(ip, str) else ip[0] for ip in found]
    usable = [ip for ip in map(ipaddress.ip_address, texts) if not (ip.is_loopback or ip.is_link_local)]
    return [str(ip) for ip in sorted(usable, key=lambda ip: ip.version)]


def ready_url(host: str, port: int, *, secure: bool) -> str:
    """What a person on this machine can open."""
    return url("127.0.0.1" if host in WILDCARDS else host, port, secure=secure)


def urls(host: str, port: int, *, secure: bool, public: Iterable[str]) -> list[str]:
    """What people on other devices can open."""
    hosts = [*public, *(own() if host in WILDCARDS else [host])]
    return [url(each, port, secure=secure) for each in dict.fromkeys(hosts)]


def url(host: str, port: int, *, secure: bool) -> str:
    return f"{'https' if secure else 'http'}://{_bracketed(host)}:{port}/"


def _bracketed(host: str) -> str:
    try:
        return f"[{host}]" if ipaddress.ip_address(host).version == 6 else host
    except ValueError:
        return host
