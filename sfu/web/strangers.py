"""Keeps broken HTTP out of the log of errors: whoever sends it is told 400 and hung up on, and that is all.

aiohttp logs each such request as an error with a traceback, so that a port scan buries what is broken in the
server. Knows no route.
"""

import logging

from aiohttp.http_exceptions import HttpProcessingError


class SendersMistakes(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        """False: not worth a line."""
        error = record.exc_info[1] if record.exc_info else None
        return not isinstance(error, HttpProcessingError)


def keep_out_of_log() -> None:
    logger = logging.getLogger("aiohttp.server")
    if not any(isinstance(each, SendersMistakes) for each in logger.filters):
        logger.addFilter(SendersMistakes())
