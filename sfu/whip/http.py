"""What WHIP and WHEP have in common as HTTP: a bounded body, problems as JSON, and headers for browsers.

Pages of any origin may ask: what lets them in is the bearer token that they bring, never a cookie.
"""

import asyncio
import functools
from collections.abc import Awaitable, Callable

from aiohttp import web

from sfu.errors import BadMessage, BadOffer, SfuError, TooLarge
from sfu.http import error_response
from sfu.limits import FIXED

SDP = "application/sdp"
CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "Location, ETag, Accept-Post, Retry-After",
}
BODY_TIMEOUT_S = FIXED.sdp_body_s

Handler = Callable[[web.Request], Awaitable[web.Response]]


class UnsupportedMediaType(BadMessage):
    http_status = 415


class BodyTimeout(BadMessage):
    http_status = 408


def answered(handler: Handler) -> Handler:
    """Turns errors into answers that a browser's page may read as well."""

    @functools.wraps(handler)
    async def wrapped(request: web.Request) -> web.Response:
        try:
            response = await handler(request)
        except SfuError as error:
            response = error_response(error)
        response.headers.update(CORS)
        return response

    return wrapped


def preflight(*methods: str) -> web.Response:
    """RFC 9725 §4.2 with what a page's fetch asks for (Fetch §3.2.2)."""
    return web.Response(
        status=204,
        headers={
            "Accept-Post": SDP,
            "Access-Control-Allow-Methods": ", ".join(methods),
            "Access-Control-Allow-Headers": "Authorization, Content-Type, If-Match",
            "Access-Control-Max-Age": "86400",
            "Allow": ", ".join(methods),
        },
    )


async def read_sdp(request: web.Request, limit: int) -> str:
    """The body, at most `limit` bytes of it, however long it says it is."""
    if request.content_type != SDP:
        raise UnsupportedMediaType(f"The body is a session description: Content-Type: {SDP}.")
    if (request.content_length or 0) > limit:
        raise TooLarge(f"An offer has at most {limit} bytes.")
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_TIMEOUT_S):
            async for chunk in request.content.iter_any():
                body += chunk
                if len(body) > limit:
                    raise TooLarge(f"An offer has at most {limit} bytes.")
    except TimeoutError:
        raise BodyTimeout("The offer took too long to arrive.") from None
    try:
        return body.decode()
    except UnicodeDecodeError:
        raise BadOffer("malformed: A session description is UTF-8.") from None
