"""Fixtures for every kind of test."""

from collections.abc import AsyncIterator

import pytest

from sfu.clock import ManualClock
from tests.server import RunningServer, running_server


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def server() -> AsyncIterator[RunningServer]:
    """Plain HTTP, open mode."""
    async with running_server() as running:
        yield running


@pytest.fixture
async def token_server() -> AsyncIterator[RunningServer]:
    """Plain HTTP, token mode."""
    async with running_server("--auth-mode", "token") as running:
        yield running


@pytest.fixture
async def tls_server() -> AsyncIterator[RunningServer]:
    """HTTPS with the certificate that the server makes itself."""
    async with running_server(tls="auto") as running:
        yield running
