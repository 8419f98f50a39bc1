"""What the operator may decide about the web server."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from sfu.settings import setting


@dataclass(frozen=True, slots=True, kw_only=True)
class WebConfig:
    host: str = setting(
        "0.0.0.0",  # noqa: S104 - a server for others
        "Address for HTTPS and WebSocket. 0.0.0.0 or :: is every address of the machine, IPv4 and IPv6.",
        name="host",
    )
    port: int = setting(
        8443, "TCP port for HTTPS. 0 takes a free one.", name="port", minimum=0, maximum=65535
    )
    tls: Literal["auto", "off"] = setting(
        "auto",
        "`auto`: the certificate of tls_cert, or a self-signed one, made on first start and kept. "
        "`off`: plain HTTP, for use behind a proxy that ends TLS (browsers give camera and microphone to "
        "HTTPS pages and to localhost only).",
        name="tls",
    )
    tls_cert: Path | None = setting(None, "PEM file with the certificate and its chain.", name="tls_cert")
    tls_key: Path | None = setting(None, "PEM file with the certificate's private key.", name="tls_key")
