"""A web server in this process, with one door and the middleware that all share."""

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from sfu.web import responses

Serve = Callable[[list[web.RouteDef]], Awaitable[TestClient]]


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    clients: list[TestClient] = []

    async def start(routes: list[web.RouteDef]) -> TestClient:
        application = web.Application(middlewares=[responses.errors_as_json], client_max_size=1000)
        application.on_response_prepare.append(responses.add_security_headers)
        application.add_routes(routes)
        clients.append(TestClient(TestServer(application)))
        await clients[-1].start_server()
        return clients[-1]

    yield start
    for client in clients:
        await client.close()
