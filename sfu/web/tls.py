"""The certificate of the HTTPS server: the operator's, or a self-signed one made once and kept.

Not the certificate of DTLS: that is the media plane's and changes at will, while people accept this one once.
"""

import datetime
import ipaddress
import os
import socket
import ssl
import tempfile
from collections.abc import Iterable
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from sfu.errors import ConfigError
from sfu.log import get_logger
from sfu.web import addresses
from sfu.web.config import WebConfig

log = get_logger(__name__)

_FILE = "https-certificate.pem"
# Apple's systems refuse longer ones even when a person installs them by hand.
_VALIDITY = datetime.timedelta(days=825)
# A server is restarted more often than this; a certificate that ends sooner is made anew at start.
_RENEW_BEFORE = datetime.timedelta(days=30)


def context(config: WebConfig, data_dir: Path, public_addresses: Iterable[str]) -> ssl.SSLContext | None:
    """What the HTTPS listener needs; None for plain HTTP."""
    if config.tls == "off":
        return None
    certificate, key = config.tls_cert, config.tls_key
    if certificate is None:
        certificate = self_signed(data_dir, public_addresses)
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    made.set_alpn_protocols(["http/1.1"])
    for path in filter(None, (certificate, key)):
        _must_be_readable(path)
    try:
        made.load_cert_chain(certificate, key, password=_no_password)
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"The certificate {certificate} with its key cannot be used: {_in_words(error)}."
        ) from error
    return made


def _must_be_readable(path: Path) -> None:
    # OpenSSL says that a file is missing, and leaves out which.
    try:
        path.open("rb").close()
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}.") from error


def _in_words(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):
        if error.reason == "KEY_VALUES_MISMATCH":
            return "the two do not belong together"
        return "one of the two is not PEM, or is damaged"
    return str(error)


def self_signed(data_dir: Path, public_addresses: Iterable[str] = ()) -> Path:
    """Path of the PEM file with the key and the certificate, made if there is none that still holds."""
    path = data_dir / _FILE
    try:
        if not _still_holds(path):
            _write_privately(path, _make(list(_own_names()) + list(public_addresses)))
            log.info("made a self-signed certificate", file=path)
    except OSError as error:
        raise ConfigError(f"The certificate {path} cannot be used: {error.strerror}.") from error
    return path


def _still_holds(path: Path) -> bool:
    if not path.exists():
        return False
    try:
        certificate = x509.load_pem_x509_certificate(path.read_bytes())
    except ValueError as error:
        raise ConfigError(f"The certificate {path} is damaged. Delete it to have a new one made.") from error
    return certificate.not_valid_after_utc - _RENEW_BEFORE > datetime.datetime.now(datetime.UTC)


def _make(names: list[str]) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sfu")])
    # A clock some hours behind must not find it "not valid yet".
    start = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + _VALIDITY)
        .add_extension(
            x509.SubjectAlternativeName([_general_name(name) for name in dict.fromkeys(names)]), False
        )
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private + certificate.public_bytes(serialization.Encoding.PEM)


def _own_names() -> Iterable[str]:
    yield from ("localhost", "127.0.0.1", "::1")
    if (name := socket.gethostname()).isascii() and name:
        yield name
    yield from addresses.own()


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _write_privately(path: Path, content: bytes) -> None:
    descriptor, draft = tempfile.mkstemp(dir=path.parent, prefix=_FILE)  # mode 0600
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    Path(draft).replace(path)


def _no_password() -> str:
    # Without this OpenSSL asks on the terminal, where a service hangs for ever.
    raise ValueError("the key is protected by a passphrase, which a server cannot type")
