"""Join tokens: JSON Web Tokens (RFC 7519) signed with HMAC-SHA256 and the server's own secret.

Claims: `room`, `role`, `exp`, `iat`, `nbf` if it holds later only, and `name` if the bearer's name is
fixed. The algorithm is pinned (RFC 8725 §3.1), so `alg: none` and key confusion are refused before a
signature is looked at. Knows no door and no room.
"""

from typing import Any

import jwt

from sfu.auth.grants import ROLES, Grant
from sfu.clock import Clock
from sfu.errors import TooEarly, Unauthorized
from sfu.limits import FIXED

_ALGORITHM = "HS256"
_REQUIRED = ["exp", "iat", "room", "role"]
_LONGEST = FIXED.token_length


class Tokens:
    """Signs and checks with one secret."""

    def __init__(self, secret: bytes, *, clock: Clock) -> None:
        self._secret = secret
        self._clock = clock

    def mint(self, grant: Grant, *, ttl_s: float) -> str:
        now = self._clock.unix()
        claims: dict[str, Any] = {
            "room": grant.room,
            "role": grant.role,
            "iat": int(now),
            "exp": int(now + ttl_s),
        }
        if grant.name is not None:
            claims["name"] = grant.name
        return jwt.encode(claims, self._secret, algorithm=_ALGORITHM)

    def check(self, token: str) -> Grant:
        """What the token grants; :class:`Unauthorized` if it is not ours or its time is over."""
        if len(token) > _LONGEST:
            raise Unauthorized("The token is longer than any of ours.")
        claims = self._verified(token)
        room, role, name = claims["room"], claims["role"], claims.get("name")
        if not isinstance(room, str) or role not in ROLES or not isinstance(name, str | None):
            raise Unauthorized("The token's claims are not those of a join token.")
        return Grant(room, role, name)

    def _verified(self, token: str) -> dict[str, Any]:
        # The times are checked here, because PyJWT reads a clock of its own.
        options: Any = {"require": _REQUIRED, "verify_exp": False, "verify_iat": False, "verify_nbf": False}
        try:
            claims = jwt.decode(token, self._secret, algorithms=[_ALGORITHM], options=options)
        except jwt.MissingRequiredClaimError as error:
            raise Unauthorized(f"The token lacks the claim {error.claim}.") from error
        except jwt.InvalidTokenError as error:
            raise Unauthorized("The token is malformed or was not signed by this server.") from error
        self._check_times(claims)
        return claims

    def _check_times(self, claims: dict[str, Any]) -> None:
        now = self._clock.unix()
        expires, starts = claims["exp"], claims.get("nbf", 0)
        if not isinstance(expires, int | float) or not isinstance(starts, int | float):
            raise Unauthorized("The token's times are not numbers.")
        # No leeway: the clock that signed is the clock that checks.
        if not now < expires:
            raise Unauthorized("The token has expired.")
        if now < starts:
            raise TooEarly("The token is not valid yet.")
