import datetime
import ipaddress
import ssl

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from sfu.errors import ConfigError
from sfu.web import tls
from sfu.web.config import WebConfig


def read(path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def test_the_self_signed_certificate_names_where_it_may_be_opened(tmp_path):
    certificate = read(tls.self_signed(tmp_path, ["192.0.2.7", "sfu.example"]))
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert {"localhost", "sfu.example"} <= set(names.get_values_for_type(x509.DNSName))
    addresses = names.get_values_for_type(x509.IPAddress)
    assert {ipaddress.ip_address(a) for a in ("127.0.0.1", "::1", "192.0.2.7")} <= set(addresses)
    assert isinstance(certificate.public_key(), ec.EllipticCurvePublicKey)


def test_it_is_kept_and_private(tmp_path):
    path = tls.self_signed(tmp_path)
    first = path.read_bytes()
    assert tls.self_signed(tmp_path, ["192.0.2.7"]).read_bytes() == first
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_it_is_made_anew_before_it_ends(tmp_path, monkeypatch):
    monkeypatch.setattr(tls, "_VALIDITY", datetime.timedelta(days=20))
    old = read(tls.self_signed(tmp_path))
    monkeypatch.undo()
    assert read(tls.self_signed(tmp_path)).serial_number != old.serial_number


def test_off_is_plain_http(tmp_path):
    assert tls.context(WebConfig(tls="off"), tmp_path, []) is None
    assert list(tmp_path.iterdir()) == []


def test_the_operators_certificate_is_used(tmp_path):
    path = tls.self_signed(tmp_path)
    config = WebConfig(tls_cert=path, tls_key=path)
    assert isinstance(tls.context(config, tmp_path / "unused", []), ssl.SSLContext)


def test_a_key_with_a_passphrase_is_said_instead_of_asked_for(tmp_path):
    path = tls.self_signed(tmp_path)
    key = serialization.load_pem_private_key(path.read_bytes(), None)
    locked = tmp_path / "locked.pem"
    locked.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"word"),
        )
    )
    with pytest.raises(ConfigError, match="passphrase"):
        tls.context(WebConfig(tls_cert=path, tls_key=locked), tmp_path, [])


@pytest.mark.parametrize(
    "content", [b"", b"junk", b"-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n"]
)
def test_a_damaged_certificate_is_said(tmp_path, content: bytes):
    (tmp_path / tls._FILE).write_bytes(content)
    with pytest.raises(ConfigError, match=tls._FILE):
        tls.context(WebConfig(), tmp_path, [])


def test_a_missing_certificate_is_said(tmp_path):
    there = tls.self_signed(tmp_path)
    for config in (
        WebConfig(tls_cert=tmp_path / "none.pem", tls_key=there),
        WebConfig(tls_cert=there, tls_key=tmp_path / "none.pem"),
    ):
        with pytest.raises(ConfigError, match=r"none\.pem cannot be read: No such file or directory\."):
            tls.context(config, tmp_path, [])


def test_what_is_no_pem_and_what_does_not_fit_is_said_in_words(tmp_path):
    there = tls.self_signed(tmp_path)
    (tmp_path / "notes.txt").write_text("no certificate")
    with pytest.raises(ConfigError, match=r"notes\.txt .* not PEM"):
        tls.context(WebConfig(tls_cert=tmp_path / "notes.txt", tls_key=there), tmp_path, [])
    (tmp_path / "other").mkdir()
    with pytest.raises(ConfigError, match="do not belong together"):
        tls.context(WebConfig(tls_cert=there, tls_key=tls.self_signed(tmp_path / "other")), tmp_path, [])
