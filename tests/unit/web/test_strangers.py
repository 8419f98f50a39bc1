"""Broken HTTP is its sender's mistake; everything else that aiohttp logs stays."""

import logging

from aiohttp.http_exceptions import BadHttpMessage

from sfu.web.strangers import SendersMistakes


def record(error: Exception | None) -> logging.LogRecord:
    exception = (type(error), error, None) if error else None
    return logging.LogRecord("aiohttp.server", logging.ERROR, "x.py", 1, "failed", None, exception)


def test_only_broken_http_is_kept_out() -> None:
    kept = SendersMistakes().filter
    assert not kept(record(BadHttpMessage("Too many headers")))
    assert kept(record(ValueError("ours")))
    assert kept(record(None))
