import base64
import json

import jwt
import pytest

from sfu.auth.grants import EVERY_ROOM, Grant
from sfu.auth.tokens import Tokens
from sfu.clock import ManualClock
from sfu.errors import TooEarly, Unauthorized

SECRET = b"s" * 32
CLAIMS = {"room": "lobby", "role": "publisher", "iat": 1_800_000_000, "exp": 1_800_000_060}


@pytest.fixture
def tokens(clock: ManualClock) -> Tokens:
    return Tokens(SECRET, clock=clock)


def signed(claims: object, *, secret: bytes = SECRET, algorithm: str = "HS256") -> str:
    return jwt.encode(claims, secret, algorithm=algorithm)


def unsigned(header: dict, claims: dict, signature: str = "") -> str:
    parts = (
        base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in (header, claims)
    )
    return ".".join((*parts, signature))


@pytest.mark.parametrize(
    "grant",
    [
        Grant("lobby", "moderator"),
        Grant("lobby", "publisher", "Ada"),
        Grant("sala d'actes ñ", "subscriber", ""),
        Grant(EVERY_ROOM, "moderator"),
    ],
)
def test_what_was_minted_is_granted(tokens: Tokens, grant: Grant):
    assert tokens.check(tokens.mint(grant, ttl_s=60)) == grant


def test_a_token_ends_with_its_time(tokens: Tokens, clock: ManualClock):
    token = tokens.mint(Grant("lobby", "publisher"), ttl_s=60)
    clock.advance(59)
    assert tokens.check(token)
    clock.advance(1)
    with pytest.raises(Unauthorized, match="expired"):
        tokens.check(token)


def test_a_token_of_another_secret_is_refused(tokens: Tokens, clock: ManualClock):
    foreign = Tokens(b"t" * 32, clock=clock).mint(Grant("lobby", "moderator"), ttl_s=60)
    with pytest.raises(Unauthorized, match="not signed by this server"):
        tokens.check(foreign)


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "nOnE", "", "HS512", "RS256"])
def test_only_our_algorithm_is_believed(tokens: Tokens, algorithm: str):
    valid_signature = signed(CLAIMS).rsplit(".", 1)[1]
    for signature in ("", valid_signature):
        with pytest.raises(Unauthorized):
            tokens.check(unsigned({"alg": algorithm, "typ": "JWT"}, CLAIMS, signature))


def test_a_changed_claim_breaks_the_signature(tokens: Tokens):
    header, _, signature = signed(CLAIMS).split(".")
    promoted = unsigned({}, CLAIMS | {"role": "moderator"}).split(".")[1]
    with pytest.raises(Unauthorized):
        tokens.check(f"{header}.{promoted}.{signature}")


@pytest.mark.parametrize("claim", CLAIMS)
def test_a_missing_claim_is_named(tokens: Tokens, claim: str):
    with pytest.raises(Unauthorized, match=claim):
        tokens.check(signed({name: value for name, value in CLAIMS.items() if name != claim}))


@pytest.mark.parametrize(
    "wrong",
    [
        {"room": 7},
        {"room": ["lobby"]},
        {"role": "admin"},
        {"role": ["moderator"]},
        {"role": {"a": 1}},
        {"name": 7},
        {"exp": "never"},
        {"exp": None},
        {"exp": True, "iat": 0},
        {"exp": float("nan")},
        {"nbf": "now"},
        {"nbf": 1_900_000_000},
    ],
)
def test_claims_of_the_wrong_kind_are_refused_even_if_signed(tokens: Tokens, wrong: dict):
    with pytest.raises(Unauthorized):
        tokens.check(signed(CLAIMS | wrong))


def test_one_that_begins_later_says_so(tokens: Tokens):
    with pytest.raises(TooEarly):
        tokens.check(signed(CLAIMS | {"nbf": 1_900_000_000}))


@pytest.mark.parametrize(
    "junk", ["", ".", "..", "a.b.c", "é.é.é", "\0", "x" * 5000, "eyJ.eyJ.", signed(CLAIMS)[:-3]]
)
def test_junk_is_refused_by_name(tokens: Tokens, junk: str):
    with pytest.raises(Unauthorized):
        tokens.check(junk)
