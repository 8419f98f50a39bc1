import pytest

from sfu.auth.authenticator import Authenticator, bearer
from sfu.auth.grants import EVERY_ROOM, Grant
from sfu.auth.tokens import Tokens
from sfu.clock import ManualClock
from sfu.errors import Forbidden, Unauthorized


@pytest.fixture
def tokens(clock: ManualClock) -> Tokens:
    return Tokens(b"s" * 32, clock=clock)


def test_open_mode_lets_everyone_in_who_knows_the_room(tokens: Tokens):
    assert Authenticator("open", tokens).authenticate(None, "lobby") == Grant("lobby", "publisher")


def test_open_mode_honours_a_good_token_and_overlooks_a_bad_one(tokens: Tokens):
    authenticator = Authenticator("open", tokens)
    moderator = tokens.mint(Grant("lobby", "moderator", "Ada"), ttl_s=60)
    assert authenticator.authenticate(moderator, "lobby") == Grant("lobby", "moderator", "Ada")
    assert authenticator.authenticate(moderator, "elsewhere") == Grant("elsewhere", "publisher")
    assert authenticator.authenticate("whatever", "lobby") == Grant("lobby", "publisher")


@pytest.mark.parametrize("token", [None, "", "junk"])
def test_token_mode_lets_nobody_in_without_a_token(tokens: Tokens, token: str | None):
    with pytest.raises(Unauthorized):
        Authenticator("token", tokens).authenticate(token, "lobby")


def test_token_mode_keeps_to_the_tokens_room(tokens: Tokens):
    authenticator = Authenticator("token", tokens)
    token = tokens.mint(Grant("lobby", "subscriber", "Bo"), ttl_s=60)
    assert authenticator.authenticate(token, "lobby") == Grant("lobby", "subscriber", "Bo")
    for other in ("Lobby", "lobby ", "", "*"):
        with pytest.raises(Unauthorized, match="another room"):
            authenticator.authenticate(token, other)


@pytest.mark.parametrize("asked", ["caf\u00e9", "cafe\u0301"])
@pytest.mark.parametrize("granted", ["caf\u00e9", "cafe\u0301"])
def test_both_spellings_of_a_room_are_one_room(tokens: Tokens, granted: str, asked: str):
    token = tokens.mint(Grant(granted, "moderator"), ttl_s=60)
    assert Authenticator("token", tokens).authenticate(token, asked) == Grant(asked, "moderator")
    assert Authenticator("token", tokens).require_moderator(token, asked).may_moderate


def test_a_token_for_every_room_grants_the_room_asked_for(tokens: Tokens):
    token = tokens.mint(Grant(EVERY_ROOM, "moderator"), ttl_s=60)
    assert Authenticator("token", tokens).authenticate(token, "lobby") == Grant("lobby", "moderator")


def test_the_api_is_for_moderators(tokens: Tokens):
    authenticator = Authenticator("token", tokens)
    moderator = tokens.mint(Grant("lobby", "moderator"), ttl_s=60)
    publisher = tokens.mint(Grant("lobby", "publisher"), ttl_s=60)
    assert authenticator.require_moderator(moderator, "lobby").may_moderate
    with pytest.raises(Unauthorized):
        authenticator.require_moderator(moderator, "elsewhere")
    with pytest.raises(Forbidden):
        authenticator.require_moderator(publisher, "lobby")
    with pytest.raises(Unauthorized):
        authenticator.require_moderator(None, "lobby")


@pytest.mark.parametrize(
    ("header", "token"),
    [
        ("Bearer abc", "abc"),
        ("bearer abc", "abc"),
        ("  BEARER   abc ", "abc"),
        ("Bearer", None),
        ("Bearer ", None),
        ("Basic abc", None),
        ("abc", None),
        ("", None),
        (None, None),
    ],
)
def test_bearer_reads_the_authorization_header(header: str | None, token: str | None):
    assert bearer(header) == token
