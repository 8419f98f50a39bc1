"""Structured logs on stderr: one line an event, `key=value` after the words, rate limited by message.

    log = get_logger(__name__)
    log.info("participant joined", room=room.name, participant=participant.id)

Nothing secret goes into a log: no token, session, ICE password, key or chat text. Knows no package of ours.
"""

import logging
import sys
import time
from collections.abc import Mapping
from typing import Any, Literal, TextIO

Level = Literal["debug", "info", "warning", "error"]

# A message may repeat this often in each window before the rest of the window is only counted: a peer that
# makes us log per packet or per request must not fill a disk.
REPEATS = 20
WINDOW_S = 10.0
# Of one field's text: room and participant names are people's input.
_FIELD_LENGTH = 256


class Logger:
    """A logger whose keyword arguments become fields."""

    def __init__(self, logger: logging.Logger, bound: Mapping[str, object] | None = None) -> None:
        self._logger = logger
        self._bound = dict(bound or {})

    def bind(self, **fields: object) -> "Logger":
        """The same logger with fields that every line gets."""
        return Logger(self._logger, self._bound | fields)

    def debug(self, words: str, **fields: object) -> None:
        self._emit(logging.DEBUG, words, fields)

    def info(self, words: str, **fields: object) -> None:
        self._emit(logging.INFO, words, fields)

    def warning(self, words: str, **fields: object) -> None:
        self._emit(logging.WARNING, words, fields)

    def error(self, words: str, **fields: object) -> None:
        self._emit(logging.ERROR, words, fields)

    def exception(self, words: str, **fields: object) -> None:
        """Within an `except`: the error with its traceback."""
        self._emit(logging.ERROR, words, fields, exc_info=True)

    def _emit(self, level: int, words: str, fields: dict[str, object], *, exc_info: bool = False) -> None:
        if self._logger.isEnabledFor(level):
            extra = {"fields": self._bound | fields}
            self._logger.log(level, words, extra=extra, exc_info=exc_info, stacklevel=3)


def get_logger(name: str) -> Logger:
    return Logger(logging.getLogger(name))


class LogfmtFormatter(logging.Formatter):
    """`2026-11-21T12:00:00.123Z info sfu.rooms "participant joined" room=lobby participant=…`"""

    def format(self, record: logging.LogRecord) -> str:
        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        head = f"{moment}.{int(record.msecs):03d}Z {record.levelname.lower()} {record.name}"
        fields: Mapping[str, Any] = getattr(record, "fields", {})
        told = "".join(f" {key}={_quoted(value)}" for key, value in fields.items() if value is not None)
        line = f'{head} "{_escaped(record.getMessage())}"{told}'
        if record.exc_info:
            # One event, one line: a traceback that spans lines cannot be told from forged ones.
            line += f" traceback={_quoted(self.formatException(record.exc_info), 16384)}"
        return line


class RepeatFilter(logging.Filter):
    """Lets a message pass :data:`REPEATS` times per :data:`WINDOW_S`, then says how many were left out."""

    def __init__(self) -> None:
        super().__init__()
        self._seen: dict[tuple[str, int], int] = {}
        self._window_ends = 0.0

    def filter(self, record: logging.LogRecord) -> bool:
        if record.created >= self._window_ends:
            self._seen.clear()
            self._window_ends = record.created + WINDOW_S
        key = (record.name, record.lineno)
        count = self._seen[key] = self._seen.get(key, 0) + 1
        if count == REPEATS:
            fields = getattr(record, "fields", {})
            record.__dict__["fields"] = {**fields, "repeats": f"left out for up to {WINDOW_S:g} s"}
        return count <= REPEATS


def configure(level: Level, stream: TextIO | None = None) -> None:
    """Route every log of the process through one handler."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(LogfmtFormatter())
    handler.addFilter(RepeatFilter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    # A client that breaks off an HTTP request is the client's business.
    logging.getLogger("aiohttp.server").setLevel(logging.ERROR if level != "debug" else logging.DEBUG)
    logging.getLogger("asyncio").setLevel(logging.WARNING)


def _quoted(value: object, longest: int = _FIELD_LENGTH) -> str:
    text = f"{value:.6g}" if isinstance(value, float) else str(value)
    text = text if len(text) <= longest else text[:longest] + "…"
    plain = text.isascii() and text.isprintable() and text and not any(mark in text for mark in ' "=\\')
    return text if plain else f'"{_escaped(text)}"'


def _escaped(text: str) -> str:
    """Line breaks and control characters of people's input cannot forge a log line."""
    safe = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return "".join(mark if mark.isprintable() else f"\\x{ord(mark):02x}" for mark in safe)
