import pytest

from sfu.web import addresses


@pytest.mark.parametrize(
    ("host", "secure", "url"),
    [
        ("0.0.0.0", True, "https://127.0.0.1:8443/"),
        ("::", False, "http://127.0.0.1:8443/"),
        ("::1", True, "https://[::1]:8443/"),
        ("192.0.2.1", True, "https://192.0.2.1:8443/"),
        ("sfu.example", True, "https://sfu.example:8443/"),
    ],
)
def test_the_url_can_be_opened(host: str, secure: bool, url: str):
    assert addresses.ready_url(host, 8443, secure=secure) == url


def test_others_are_told_public_addresses_first_and_each_once(monkeypatch):
    monkeypatch.setattr(addresses, "own", lambda: ["192.0.2.1", "2001:db8::1"])
    told = addresses.urls("0.0.0.0", 8443, secure=True, public=["meet.example", "192.0.2.1"])
    assert told == ["https://meet.example:8443/", "https://192.0.2.1:8443/", "https://[2001:db8::1]:8443/"]
    assert addresses.urls("192.0.2.9", 80, secure=False, public=[]) == ["http://192.0.2.9:80/"]
