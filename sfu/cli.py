"""The command `sfu`: reads the command line and calls the rest. Knows no protocol.

Exit codes: 0 done, 1 something broke, 2 the command line or the configuration is wrong.
"""

import argparse
import math
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sfu import __version__, app, config, log
from sfu.auth import secrets
from sfu.auth.grants import EVERY_ROOM, ROLES, Grant
from sfu.auth.tokens import Tokens
from sfu.clock import SystemClock
from sfu.errors import BadName, ConfigError
from sfu.limits import Limits
from sfu.rooms.names import checked_person_name, checked_room_name

_DAY_S = 86_400.0


def main(arguments: Sequence[str] | None = None) -> int:
    parsed = vars(_parser().parse_args(arguments))
    command = parsed.pop("run")
    flags = {name: value for name, value in parsed.items() if value is not None}
    try:
        return int(command(flags))
    except ConfigError as error:
        print(f"sfu: {error.message}", file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="sfu", description="A self-hosted WebRTC conference server.")
    parser.add_argument("--version", action="version", version=f"sfu {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_serve(commands)
    _add_token(commands)
    _add_config(commands)
    return parser


# -- serve ----------------------------------------------------------------------------------------


def _add_serve(commands: Any) -> None:
    words = "Run the server until SIGTERM (lets running calls end) or a second signal."
    parser = commands.add_parser(
        "serve", help="run the server", description=words, formatter_class=_Formatter, allow_abbrev=False
    )
    parser.set_defaults(run=_serve)
    parser.add_argument("--config", metavar="FILE", help="TOML file with settings (SFU_CONFIG)")
    groups: dict[str, argparse._ArgumentGroup] = {}
    for option in config.options():
        group = groups.get(option.section) or parser.add_argument_group(option.section)
        groups[option.section] = group
        many: dict[str, Any] = {"nargs": "+", "action": "extend"} if option.takes_many else {}
        group.add_argument(
            option.flag, dest=option.name, metavar=_metavar(option), help=_help(option), **many
        )


def _serve(flags: Mapping[str, Any]) -> int:
    loaded = config.load(flags, os.environ)
    log.configure(loaded.process.log_level)
    for variable in config.unknown_variables(os.environ):
        log.get_logger(__name__).warning("this variable means nothing to sfu", variable=variable)
    return app.run(loaded)


# -- token ----------------------------------------------------------------------------------------


def _add_token(commands: Any) -> None:
    parser = commands.add_parser(
        "token",
        help="print a signed join token",
        description="Print a signed join token.",
        allow_abbrev=False,
    )
    parser.set_defaults(run=_token)
    parser.add_argument("--room", required=True, help=f"the room's name; {EVERY_ROOM} is every room")
    parser.add_argument("--role", required=True, choices=ROLES)
    parser.add_argument("--name", help="the participant's name; without it, the participant chooses")
    parser.add_argument("--ttl", type=_finite, default=_DAY_S, metavar="S", help="seconds it holds (86400)")
    parser.add_argument("--data-dir", dest="data_dir", metavar="DIR", help="of the server (SFU_DATA_DIR)")
    parser.add_argument("--config", metavar="FILE", help="of the server (SFU_CONFIG)")


def _token(flags: Mapping[str, Any]) -> int:
    relevant = {name: flags[name] for name in ("config", "data_dir") if name in flags}
    loaded = config.load(relevant, os.environ)
    secret = secrets.load_or_create(config.data_dir(loaded.process))
    grant = _grant(flags, loaded.limits)
    print(Tokens(secret, clock=SystemClock()).mint(grant, ttl_s=flags["ttl"]))
    return 0


def _grant(flags: Mapping[str, Any], limits: Limits) -> Grant:
    """A token for a name that joining would refuse helps nobody: say so now."""
    room, name = flags["room"], flags.get("name")
    try:
        if room != EVERY_ROOM:
            room = checked_room_name(room, limits.room_name_length)
        if name is not None:
            name = checked_person_name(name, limits.name_length)
    except BadName as error:
        raise ConfigError(error.message) from error
    return Grant(room, flags["role"], name)


def _finite(text: str) -> float:
    """Seconds. Below zero it makes a token that has expired, for trying out what happens then."""
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not math.isfinite(seconds):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds")
    return seconds


# -- config ---------------------------------------------------------------------------------------


def _add_config(commands: Any) -> None:
    words = "Print a configuration file with every setting, its meaning and its default."
    parser = commands.add_parser("config", help="print an example configuration", description=words)
    parser.set_defaults(run=_config)


def _config(_: Mapping[str, Any]) -> int:
    print(config.example(), end="")
    return 0


# -- help -----------------------------------------------------------------------------------------


class _Formatter(argparse.HelpFormatter):
    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=34, width=110)


def _metavar(option: config.Option) -> str:
    if choices := config.choices(option):
        return "|".join(choices)
    if option.type is Path or option.type == Path | None:
        return "DIR" if option.name.endswith("dir") else "FILE"
    return {int: "N", float: "N", bool: "BOOL"}.get(option.type, "TEXT")


def _help(option: config.Option) -> str:
    default = "" if option.default in (None, ()) else f" ({option.default})"
    return (option.setting.doc + default).replace("%", "%%")
