"""What the operator may decide about who gets in."""

from dataclasses import dataclass
from typing import Literal

from sfu.settings import setting

Mode = Literal["open", "token"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthConfig:
    mode: Mode = setting(
        "open",
        "`open`: whoever has a room's URL may join. `token`: only with a token from `sfu token`.",
        name="auth_mode",
    )
    origins: tuple[str, ...] = setting(
        (),
        "Origins (as in https://example.org) whose pages may speak to this server, beside its own. "
        "Needed behind a proxy that changes the Host header.",
        name="auth_origins",
    )
