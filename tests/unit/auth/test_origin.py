import pytest

from sfu.auth.origin import OriginPolicy
from sfu.errors import ConfigError, ForeignOrigin


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("https://sfu.example:8443", "sfu.example:8443"),
        ("https://sfu.example", "sfu.example"),
        ("https://sfu.example", "sfu.example:443"),
        ("http://sfu.example:80", "sfu.example"),
        ("http://[::1]:8443", "[::1]:8443"),
        ("https://SFU.example", "sfu.EXAMPLE"),
        (None, "sfu.example"),
    ],
)
def test_own_pages_and_programs_may_speak(origin: str | None, host: str):
    OriginPolicy().check(origin, host)


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("https://evil.example", "sfu.example"),
        ("https://sfu.example.evil.example", "sfu.example"),
        ("https://sfu.example:8444", "sfu.example:8443"),
        ("https://sfu.example", "sfu.example:8443"),
        ("null", "sfu.example"),
        ("", "sfu.example"),
        ("", ""),
        ("sfu.example", "sfu.example"),
        ("https://", ""),
        ("https://sfu.example:99999", "sfu.example"),
        ("https://[::1", "[::1"),
        ("file://", ""),
        ("https://sfu.example/path", "sfu.example"),
        ("https://evil.example#sfu.example", "sfu.example"),
    ],
)
def test_other_sites_pages_are_refused_by_name(origin: str, host: str):
    with pytest.raises(ForeignOrigin):
        OriginPolicy(["https://friend.example"]).check(origin, host)


def test_configured_origins_may_speak():
    policy = OriginPolicy(["https://friend.example", "http://localhost:5173/"])
    policy.check("https://friend.example", "sfu.example")
    policy.check("http://localhost:5173", "sfu.example")
    with pytest.raises(ForeignOrigin):
        policy.check("http://friend.example", "sfu.example")


@pytest.mark.parametrize("wrong", ["friend.example", "*", "https://a/b", ""])
def test_a_setting_that_is_no_origin_is_said_at_start(wrong: str):
    with pytest.raises(ConfigError, match="no origin"):
        OriginPolicy([wrong])
