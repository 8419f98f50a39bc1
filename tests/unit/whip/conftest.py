"""A WHIP and WHEP door on fakes, and a program that speaks to it."""

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from aiohttp import ClientResponse, web
from aiohttp.test_utils import TestClient, TestServer

from sfu.auth.authenticator import Authenticator
from sfu.auth.config import Mode
from sfu.auth.grants import Grant, Role
from sfu.auth.tokens import Tokens
from sfu.clock import ManualClock
from sfu.limits import Limits
from sfu.turns import Turns
from sfu.whip import WhipDoor
from tests.unit.join.fakes import PROGRAM, VIEWER, Setting


class Program:
    def __init__(self, mode: Mode, limits: Limits) -> None:
        self.setting = Setting(is_open=mode == "open", limits=limits)
        self.tokens = Tokens(b"k" * 32, clock=ManualClock())
        door = WhipDoor(
            joiner=self.setting.joiner,
            authenticator=Authenticator(mode, self.tokens),
            sdp_limit=limits.sdp_bytes,
            turns=Turns(),
        )
        application = web.Application()
        application.add_routes(door.routes())
        self.http = TestClient(TestServer(application))

    async def post(self, path: str = "/whip/lobby", body: object = None, **headers: str) -> ClientResponse:
        offer = PROGRAM if path.startswith("/whip") else VIEWER
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.http.post(
            path, data=offer if body is None else body, headers={"Content-Type": "application/sdp"} | named
        )

    def bearer(self, role: Role, room: str = "lobby", name: str | None = None) -> str:
        return f"Bearer {self.tokens.mint(Grant(room, role, name), ttl_s=60)}"


Start = Callable[..., Awaitable[Program]]


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    programs: list[Program] = []

    async def start_program(mode: Mode = "open", limits: Limits | None = None) -> Program:
        programs.append(Program(mode, limits or Limits()))
        await programs[-1].http.start_server()
        return programs[-1]

    yield start_program
    for program in programs:
        await program.http.close()


@pytest.fixture
async def program(start: Start) -> Program:
    return await start()
