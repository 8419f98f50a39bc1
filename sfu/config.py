"""The configuration as a whole: the packages' sections, read from flags, environment and TOML.

Precedence: flag, then `SFU_…` variable, then TOML, then default. Whatever is wrong with a value is said in
plain words as :class:`~sfu.errors.ConfigError`. Knows the declarations only, nothing of what they are for.
"""

import dataclasses
import difflib
import os
import tomllib
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Union

from sfu.auth.config import AuthConfig
from sfu.errors import ConfigError
from sfu.limits import Limits
from sfu.log import Level
from sfu.media.config import MediaConfig
from sfu.settings import Setting, setting, setting_of
from sfu.web.config import WebConfig

VARIABLE_PREFIX = "SFU_"
Raw = str | int | float | bool | Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessConfig:
    data_dir: Path | None = setting(
        None,
        "Where the certificate and the secret of the join tokens are kept (made on first start). "
        "Unset: $XDG_DATA_HOME/sfu, which is ~/.local/share/sfu on most systems.",
        name="data_dir",
    )
    drain_timeout: float = setting(
        60.0,
        "Seconds that running calls may go on after SIGTERM, which ends joining at once.",
        name="drain_timeout",
        minimum=0,
    )
    log_level: Level = setting("info", "How much is told on stderr.", name="log_level")


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    process: ProcessConfig = field(default_factory=ProcessConfig)
    web: WebConfig = field(default_factory=WebConfig)
    media: MediaConfig = field(default_factory=MediaConfig)
    auth: AuthConfig = field(default_factory=AuthConfig)
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True, slots=True)
class Option:
    """One setting with its place in :class:`Config`."""

    section: str
    field: str
    setting: Setting
    type: Any
    default: Any

    @property
    def name(self) -> str:
        return self.setting.name

    @property
    def flag(self) -> str:
        return "--" + self.name.replace("_", "-")

    @property
    def variable(self) -> str:
        return VARIABLE_PREFIX + self.name.upper()

    @property
    def takes_many(self) -> bool:
        return typing.get_origin(self.type) is tuple


def options() -> Iterator[Option]:
    """Every option, section by section."""
    for section in dataclasses.fields(Config):
        declared = typing.cast(Any, section.type)
        hints = typing.get_type_hints(declared)
        for entry in dataclasses.fields(declared):
            yield Option(
                section.name, entry.name, setting_of(entry.metadata), hints[entry.name], entry.default
            )


def choices(option: Option) -> tuple[str, ...]:
    """The words that the option may be; none if it is not of that kind."""
    return typing.get_args(option.type) if typing.get_origin(option.type) is Literal else ()


def load(flags: Mapping[str, Raw], environment: Mapping[str, str]) -> Config:
    """The configuration in force. `flags` by option name (as in `auth_mode`), `config` among them."""
    known = {option.name: option for option in options()}
    file = flags.get("config") or environment.get(VARIABLE_PREFIX + "CONFIG")
    given: dict[str, tuple[str, Raw]] = {}
    if file:
        given |= _from_toml(Path(str(file)), known)
    for option in known.values():
        if option.variable in environment:
            given[option.name] = (option.variable, environment[option.variable])
        if option.name in flags:
            given[option.name] = (option.flag, flags[option.name])
    sections: dict[str, dict[str, Any]] = {}
    for name, (origin, raw) in given.items():
        option = known[name]
        sections.setdefault(option.section, {})[option.field] = _value(option, origin, raw)
    return _checked(Config(**{name: _section(name, values) for name, values in sections.items()}))


def unknown_variables(environment: Mapping[str, str]) -> list[str]:
    """`SFU_…` variables that mean nothing to us: most likely typing errors, and worth a warning."""
    known = {option.variable for option in options()} | {VARIABLE_PREFIX + "CONFIG"}
    return sorted(name for name in environment if name.startswith(VARIABLE_PREFIX) and name not in known)


def example() -> str:
    """A TOML file that says what every key means and what holds without it."""
    lines = ["# Every key with what holds without it. Each is also a flag and an SFU_… variable."]
    for option in options():
        lines += ["", *(f"# {part}" for part in _wrapped(option.setting.doc))]
        lines.append(f"# {option.flag}, {option.variable}")
        lines.append(f"#{option.name} = {_as_toml(option.default)}")
    return "\n".join(lines) + "\n"


def data_dir(config: ProcessConfig, environment: Mapping[str, str] = os.environ) -> Path:
    """The data directory, made if it is missing, readable by its owner only."""
    path = config.data_dir or _default_data_dir(environment)
    try:
        if path.is_file():
            raise NotADirectoryError(20, "it is a file", str(path))
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not os.access(path, os.R_OK | os.W_OK | os.X_OK):
            raise PermissionError(13, "not readable and writable for this user", str(path))
    except OSError as error:
        raise ConfigError(
            f"The data directory {path} cannot be used: {error.strerror}. Choose another with --data-dir."
        ) from error
    return path.absolute()


def _default_data_dir(environment: Mapping[str, str]) -> Path:
    if base := environment.get("XDG_DATA_HOME"):
        return Path(base) / "sfu"
    try:
        return Path.home() / ".local" / "share" / "sfu"
    except RuntimeError as error:
        raise ConfigError("There is no home directory to keep data in. Name one with --data-dir.") from error


def _section(name: str, values: dict[str, Any]) -> Any:
    declared = next(entry for entry in dataclasses.fields(Config) if entry.name == name)
    return typing.cast(Any, declared.type)(**values)


def _checked(config: Config) -> Config:
    web = config.web
    if (web.tls_cert is None) != (web.tls_key is None):
        raise ConfigError("--tls-cert and --tls-key belong together: give both or neither.")
    if web.tls == "off" and web.tls_cert is not None:
        raise ConfigError("--tls off means plain HTTP: leave out --tls-cert and --tls-key, or --tls off.")
    return config


# -- TOML ---------------------------------------------------------------------------------------


def _from_toml(path: Path, known: Mapping[str, Option]) -> dict[str, tuple[str, Raw]]:
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"The configuration file {path} cannot be read: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"The configuration file {path} is not valid TOML: {error}.") from error
    given: dict[str, tuple[str, Raw]] = {}
    for keys, value in _leaves(document, ()):
        name = "_".join(keys).replace("-", "_")
        origin = f"{'.'.join(keys)} in {path}"
        if name not in known:
            raise ConfigError(f"There is no setting {origin}.{_suggestion(name, known)}")
        if name in given:
            raise ConfigError(f"{origin} is set twice (also as {given[name][0]}).")
        given[name] = (origin, value)
    return given


def _leaves(table: Mapping[str, Any], above: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Raw]]:
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _leaves(value, (*above, key))
        else:
            yield (*above, key), value


def _suggestion(name: str, known: Mapping[str, Option]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    return f" Did you mean {close[0]}?" if close else " `sfu config` lists all that there are."


def _as_toml(value: Any) -> str:
    if value is None:
        return '""'
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return "[" + ", ".join(_as_toml(part) for part in value) + "]"
    return str(value) if isinstance(value, int | float) else f'"{value}"'


def _wrapped(text: str, width: int = 100) -> list[str]:
    lines = [""]
    for word in text.split():
        if len(lines[-1]) + len(word) >= width:
            lines.append("")
        lines[-1] += f" {word}" if lines[-1] else word
    return lines


# -- values -------------------------------------------------------------------------------------


def _value(option: Option, origin: str, raw: Raw) -> Any:
    try:
        value = _converted(option.type, raw)
    except ValueError as error:
        raise ConfigError(f"{origin} is {_shown(raw)}, but must be {error}.") from error
    low, high = option.setting.minimum, option.setting.maximum
    if isinstance(value, int | float):
        if low is not None and not value >= low:
            raise ConfigError(f"{origin} is {_shown(raw)}, but must be at least {low:g}.")
        if high is not None and not value <= high:
            raise ConfigError(f"{origin} is {_shown(raw)}, but must be at most {high:g}.")
    return value


def _converted(wanted: Any, raw: Raw) -> Any:
    """`raw` as the type `wanted`; a ValueError says what it must be."""
    origin = typing.get_origin(wanted)
    if origin is Literal:
        choices = typing.get_args(wanted)
        if raw not in choices:
            raise ValueError("one of " + ", ".join(choices))
        return raw
    if origin in (Union, types.UnionType):
        inner = next(part for part in typing.get_args(wanted) if part is not type(None))
        return None if raw == "" else _converted(inner, raw)
    if origin is tuple:
        inner = typing.get_args(wanted)[0]
        return tuple(_converted(inner, part) for part in _parts(raw))
    return _CONVERSIONS[wanted](raw)


def _parts(raw: Raw) -> list[str]:
    """A list from TOML or flags, or one text with commas."""
    texts = [raw] if isinstance(raw, str) else raw
    if not isinstance(texts, list | tuple) or not all(isinstance(text, str) for text in texts):
        raise ValueError("a list of texts")
    return [part.strip() for text in texts for part in text.split(",") if part.strip()]


def _integer(raw: Raw) -> int:
    try:
        if isinstance(raw, str | int) and not isinstance(raw, bool):
            return int(raw)
    except ValueError:
        pass
    raise ValueError("a whole number")


def _number(raw: Raw) -> float:
    try:
        if isinstance(raw, str | int | float) and not isinstance(raw, bool):
            return float(raw)
    except ValueError:
        pass
    raise ValueError("a number")


def _boolean(raw: Raw) -> bool:
    words = {"true": True, "yes": True, "on": True, "1": True}
    words |= {"false": False, "no": False, "off": False, "0": False}
    if isinstance(raw, bool):
        return raw
    if isinstance(raw, str) and raw.lower() in words:
        return words[raw.lower()]
    raise ValueError("true or false")


def _text(raw: Raw) -> str:
    if isinstance(raw, str):
        return raw
    raise ValueError("a text")


def _path(raw: Raw) -> Path:
    if text := _text(raw):
        return Path(text).expanduser()
    raise ValueError("a path")


_CONVERSIONS: Mapping[type, typing.Callable[[Raw], Any]] = {
    int: _integer,
    float: _number,
    bool: _boolean,
    str: _text,
    Path: _path,
}


def _shown(raw: Raw) -> str:
    text = repr(raw)
    return text if len(text) <= 80 else text[:80] + "…"
