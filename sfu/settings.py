"""How a package declares its part of the configuration: a frozen dataclass whose fields tell their own story.

    @dataclass(frozen=True, slots=True, kw_only=True)
    class AuthConfig:
        mode: Literal["open", "token"] = setting("open", "Who may join.", name="auth_mode")

One name serves everywhere: `auth_mode` is the flag `--auth-mode`, the variable `SFU_AUTH_MODE` and the TOML
key `[auth] mode` (or `auth_mode`). :mod:`sfu.config` reads them; types may be `str`, `int`, `float`, `bool`,
`Path`, `Literal[...]`, `tuple[str, ...]`, and any of these `| None`. Knows no package and no file.
"""

from dataclasses import dataclass, field
from typing import Any

_KEY = "setting"


@dataclass(frozen=True, slots=True)
class Setting:
    """What a person is told about one value, and its bounds."""

    doc: str
    name: str
    minimum: float | None = None
    maximum: float | None = None


def setting(
    default: Any, doc: str, *, name: str, minimum: float | None = None, maximum: float | None = None
) -> Any:
    """A dataclass field with its documentation; `name` in words joined by underscores."""
    metadata = {_KEY: Setting(doc, name, minimum, maximum)}
    return field(default=default, metadata=metadata)


def setting_of(metadata: Any) -> Setting:
    """The declaration behind a dataclass field's metadata."""
    declared = metadata[_KEY]
    assert isinstance(declared, Setting)  # noqa: S101 - a field of ours, not input
    return declared
