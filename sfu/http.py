"""What all doors over HTTP say in one way: errors as JSON, and where the client reached us.

    {"error": {"code": "not_found", "message": "There is no room lobby."}}

Doors do not know each other; what they share of HTTP stands here. Knows no route.
"""

from collections.abc import Mapping

from aiohttp import web

from sfu.errors import SfuError

# After this many seconds a turned-away client may ask again: a full room or a draining server needs a while.
_RETRY_AFTER_S = 5


def error_response(error: SfuError) -> web.Response:
    """With `WWW-Authenticate` and `Retry-After` where the status wants them."""
    headers = {}
    if error.http_status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if error.http_status == 503:
        headers["Retry-After"] = str(_RETRY_AFTER_S)
    return error_json(error.code, error.message, error.http_status, headers)


def error_json(code: str, message: str, status: int, headers: Mapping[str, str]) -> web.Response:
    body = {"error": {"code": code, "message": message}}
    return web.json_response(body, status=status, headers=headers)


def reached_at(request: web.Request) -> str | None:
    """Our address, as the client reached it; media candidates depend on it."""
    name = request.transport.get_extra_info("sockname") if request.transport else None
    return str(name[0]) if isinstance(name, tuple) else None
