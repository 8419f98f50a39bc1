import signal

import aiohttp
import pytest

from tests.server import RunningServer, running_server


async def test_ready_line_names_a_url_that_answers(server: RunningServer):
    async with aiohttp.ClientSession() as session, session.get(server.url + "healthz") as response:
        assert response.status == 200
        assert (await response.json())["status"] == "ok"


async def test_first_start_makes_a_certificate_and_the_next_keeps_it(tmp_path):
    async with running_server(data_dir=tmp_path, tls="auto") as first:
        assert first.url.startswith("https://127.0.0.1:")
        certificate = (tmp_path / "https-certificate.pem").read_bytes()
    async with running_server(data_dir=tmp_path, tls="auto") as second, aiohttp.ClientSession() as session:
        response = await session.get(second.url + "healthz", ssl=second.client_tls)
        assert response.status == 200
    assert (tmp_path / "https-certificate.pem").read_bytes() == certificate
    assert (tmp_path / "https-certificate.pem").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_signal_ends_an_empty_server_at_once_and_in_order(number):
    async with running_server("--drain-timeout", "600") as server:
        server.process.send_signal(number)
        assert await server.process.wait() == 0
        assert server.errors() == []
