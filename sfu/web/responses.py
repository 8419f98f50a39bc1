"""What every answer of the web server has in common: security headers, and errors in the form of sfu.http.

Handlers of any HTTP door raise :class:`~sfu.errors.SfuError`, and the middleware here answers. Knows no
route.
"""

from collections.abc import Awaitable, Callable

from aiohttp import web

from sfu.errors import NotFound, SfuError, TooLarge
from sfu.http import error_json, error_response
from sfu.log import get_logger

log = get_logger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

# Everything comes from this server. blob: is camera preview and received media, data: are small icons in CSS.
_CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data: blob:",
        "media-src 'self' blob:",
        "font-src 'self'",
        "connect-src 'self'",
        "worker-src 'self'",
        "manifest-src 'self'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
_PERMISSIONS_POLICY = ", ".join(
    (
        "autoplay=(self)",
        "camera=(self)",
        "display-capture=(self)",
        "fullscreen=(self)",
        "microphone=(self)",
        "picture-in-picture=(self)",
        "screen-wake-lock=(self)",
        "speaker-selection=(self)",
        "geolocation=()",
        "payment=()",
        "usb=()",
    )
)
SECURITY_HEADERS = {
    "Content-Security-Policy": _CONTENT_SECURITY_POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": _PERMISSIONS_POLICY,
    # A room's URL may hold a token.
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


async def add_security_headers(_: web.Request, response: web.StreamResponse) -> None:
    """For `app.on_response_prepare`: what a handler has set itself stays."""
    for name, value in SECURITY_HEADERS.items():
        response.headers.setdefault(name, value)
    # aiohttp's own tells versions.
    response.headers["Server"] = "sfu"


@web.middleware
async def errors_as_json(request: web.Request, handler: Handler) -> web.StreamResponse:
    """The root of every request: whatever fails gets an answer in the form above."""
    try:
        return await handler(request)
    except SfuError as error:
        return error_response(error)
    except web.HTTPRequestEntityTooLarge:
        return error_response(TooLarge("The request's body is too large."))
    except web.HTTPNotFound:
        return error_response(NotFound(f"There is nothing at {request.path}."))
    except web.HTTPException as error:
        return _with_body(error)
    except Exception:
        log.exception("a request failed", method=request.method, route=_route(request))
        return error_response(SfuError("Something broke in the server. Its log says what."))


def _with_body(error: web.HTTPException) -> web.Response:
    # aiohttp's own refusals (405 with Allow and the like) keep their status and headers.
    headers = {name: value for name, value in error.headers.items() if not name.startswith("Content-")}
    if error.status < 400:
        return web.Response(status=error.status, headers=headers)
    return error_json("bad_message", error.reason, error.status, headers)


def _route(request: web.Request) -> str:
    """The pattern, not the path: a query may hold a token."""
    resource = request.match_info.route.resource
    return resource.canonical if resource else "?"
