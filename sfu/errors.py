"""What can go wrong, by name: one tree that every door turns into its own words.

A door catches :class:`SfuError` and sends `code` (signalling), `http_status` (HTTP) and `message`, which is
for people and holds nothing secret. Knows no door.

    SfuError                internal            500
    ├── BadMessage          bad_message         400   not what the protocol says
    ├── TooLarge            too_large           413
    ├── RateLimited         rate_limited        429
    ├── BadOffer            bad_offer           400   SDP that cannot be parsed or lacks what it must have
    │   └── UnacceptableOffer  bad_offer    422   well-formed, but lacks what every session here needs
    ├── UnsupportedMedia    unsupported_media   406   no codec or feature in common
    ├── Unauthorized        unauthorized        401   token missing, malformed, forged, expired, foreign
    │   └── TooEarly        too_early           401   a good token, whose time has not come
    ├── Forbidden           forbidden           403   the role does not allow it
    │   └── ForeignOrigin   forbidden           403   a page of another site asks
    ├── RoomLocked          room_locked         403
    ├── RoomFull            room_full           503
    ├── ServerFull          server_full         503   no more rooms or connections on this server
    ├── BadName             bad_name            400   of a room or a participant
    ├── Draining            draining            503   the server is shutting down
    ├── NotFound            not_found           404
    ├── NotJoined           not_joined          409
    ├── SessionExpired      session_expired     410   resume came too late, or what was prepared has ended
    └── ConfigError         internal            500   the server cannot start like this (exit code 2)

`code` is one of `sfu.signalling.messages.ErrorCode`.
"""

from typing import ClassVar


class SfuError(Exception):
    """Base of all expected failures; as itself: something of ours broke."""

    code: ClassVar[str] = "internal"
    http_status: ClassVar[int] = 500

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class BadMessage(SfuError):
    code = "bad_message"
    http_status = 400


class TooLarge(SfuError):
    code = "too_large"
    http_status = 413


class RateLimited(SfuError):
    code = "rate_limited"
    http_status = 429


class BadOffer(SfuError):
    code = "bad_offer"
    http_status = 400


class UnacceptableOffer(BadOffer):
    http_status = 422


class UnsupportedMedia(SfuError):
    code = "unsupported_media"
    http_status = 406


class Unauthorized(SfuError):
    code = "unauthorized"
    http_status = 401


class TooEarly(Unauthorized):
    code = "too_early"


class Forbidden(SfuError):
    code = "forbidden"
    http_status = 403


class ForeignOrigin(Forbidden):
    pass


class RoomLocked(SfuError):
    code = "room_locked"
    http_status = 403


class RoomFull(SfuError):
    code = "room_full"
    http_status = 503


class ServerFull(SfuError):
    code = "server_full"
    http_status = 503


class BadName(SfuError):
    code = "bad_name"
    http_status = 400


class Draining(SfuError):
    code = "draining"
    http_status = 503


class NotFound(SfuError):
    code = "not_found"
    http_status = 404


class NotJoined(SfuError):
    code = "not_joined"
    http_status = 409


class SessionExpired(SfuError):
    code = "session_expired"
    http_status = 410


class ConfigError(SfuError):
    """Said at start, in words for the person who wrote the setting."""
