"""The question that every door asks: who is this, and what may it do in this room?"""

from sfu.auth.config import Mode
from sfu.auth.grants import Grant
from sfu.auth.tokens import Tokens
from sfu.errors import Forbidden, Unauthorized


class Authenticator:
    def __init__(self, mode: Mode, tokens: Tokens) -> None:
        self._mode = mode
        self._tokens = tokens

    @property
    def mode(self) -> Mode:
        return self._mode

    def authenticate(self, token: str | None, room: str) -> Grant:
        """What the bearer may do in `room`; :class:`Unauthorized` in token mode without a good token.

        In open mode a good token still counts (it may make a moderator); a bad one is as none, because
        programs like OBS send whatever stands in their token field.
        """
        if self._mode == "open":
            return self._if_good(token, room) or Grant(room, "publisher")
        return self._checked(token, room)

    def require_moderator(self, token: str | None, room: str) -> Grant:
        """For the API, which tells about rooms without joining them. Open mode asks nothing."""
        if self._mode == "open":
            return Grant(room, "moderator")
        grant = self._checked(token, room)
        if not grant.may_moderate:
            raise Forbidden("This needs a moderator's token.")
        return grant

    def moderated(self, token: str | None) -> Grant | None:
        """The grant of a moderator's token, whatever its room; None in open mode, where all is granted."""
        if self._mode == "open":
            return None
        grant = self._tokens.check(_present(token))
        if not grant.may_moderate:
            raise Forbidden("This needs a moderator's token.")
        return grant

    def _checked(self, token: str | None, room: str) -> Grant:
        grant = self._tokens.check(_present(token))
        if not grant.covers(room):
            raise Unauthorized("The token is for another room.")
        return Grant(room, grant.role, grant.name)

    def _if_good(self, token: str | None, room: str) -> Grant | None:
        try:
            return self._checked(token, room)
        except Unauthorized:
            return None


def bearer(authorization: str | None) -> str | None:
    """The token of an `Authorization: Bearer …` header (RFC 6750 §2.1), None if it holds none."""
    scheme, _, token = (authorization or "").strip().partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


def _present(token: str | None) -> str:
    if not token:
        raise Unauthorized("This server asks for a token. Whoever runs it can make one with `sfu token`.")
    return token
