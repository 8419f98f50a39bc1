"""A real Prometheus reads a server that people use, and every panel and every alert gets numbers of it."""

import asyncio
import contextlib
import math
import re
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from grafana import generate, monitoring
from loadtest._native import Generator
from loadtest.driver import SIMULCAST, Camera, Driver, Microphone
from tests.server import RunningServer
from tests.waiting import WaitedInVain, within

# Histograms of what peers tell, or do not: empty until one does.
TOLD_BY_PEERS = ("sfu_delay_seconds", "sfu_capture_delay_seconds")
# Two samples of each stream, 5 s apart, are in it on the slowest machine.
RATE_INTERVAL = "30s"


class Prometheus:
    def __init__(self, port: int, http: aiohttp.ClientSession) -> None:
        self._url = f"http://127.0.0.1:{port}/api/v1/"
        self._http = http

    async def get(self, path: str, **query: str) -> Any:
        async with self._http.get(self._url + path, params=query) as response:
            body = await response.json()
        assert body["status"] == "success", (query, body)
        return body["data"]

    async def values(self, expression: str) -> list[float]:
        data = await self.get("query", query=expression.replace("$__rate_interval", RATE_INTERVAL))
        return [float(row["value"][1]) for row in data["result"]]


@contextlib.asynccontextmanager
async def prometheus(server: RunningServer, directory: Path) -> AsyncIterator[Prometheus]:
    target = server.url.removeprefix("http://").rstrip("/")
    (directory / "prometheus.yml").write_text(monitoring.config(target, "http", "1s"))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = await asyncio.create_subprocess_exec(*monitoring.command(directory, port))
    try:
        async with aiohttp.ClientSession() as http:
            told = Prometheus(port, http)
            async with within("Prometheus answers"):
                while not await _answers(told):
                    assert process.returncode is None
                    await asyncio.sleep(0.1)
            yield told
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def _answers(told: Prometheus) -> bool:
    try:
        return bool(await told.values("up"))
    except aiohttp.ClientError:
        return False


@contextlib.asynccontextmanager
async def people(server: RunningServer) -> AsyncIterator[None]:
    generator = Generator()
    try:
        async with Driver(server.url, generator) as driver:
            for name in ("Ana", "Ben"):
                await driver.join(
                    "hall",
                    name,
                    camera=Camera(encodings=SIMULCAST),
                    microphone=Microphone(),
                    video=1,
                    audio=1,
                )
            await driver.publish("hall", "Program", camera=Camera(), microphone=Microphone())
            await driver.play("hall")
            yield
    finally:
        generator.close()


def has_numbers(expression: str, values: list[float]) -> bool:
    """A quantile of nothing is not a number; only what peers tell may be so."""
    if any(name in expression for name in TOLD_BY_PEERS):
        return bool(values)
    return any(not math.isnan(value) for value in values)


def left_of_comparison(expression: str) -> str:
    """What an alert looks at: the whole is empty while all is well."""
    left, count = re.subn(r"\s[<>]\s[\d.]+$", "", expression)
    assert count == 1, expression
    return left


async def test_every_panel_and_every_alert_has_numbers(server: RunningServer, tmp_path: Path) -> None:
    async with people(server), prometheus(server, tmp_path) as told:
        rules = [rule for group in (await told.get("rules"))["groups"] for rule in group["rules"]]
        assert len(rules) >= 15
        waiting = {*generate.expressions(), *(left_of_comparison(rule["query"]) for rule in rules)}
        try:
            async with within("numbers", 150):
                while waiting:
                    for expression in sorted(waiting):
                        if has_numbers(expression, await told.values(expression)):
                            waiting.discard(expression)
                    await asyncio.sleep(1)
        except WaitedInVain:
            pytest.fail("nothing for:\n" + "\n".join(sorted(waiting)))
        for rule in rules:
            await told.values(rule["query"])
        after = [rule for group in (await told.get("rules"))["groups"] for rule in group["rules"]]
        assert [rule["name"] for rule in after if rule["health"] == "err"] == []
        assert (await told.values("sfu_media_probe_ok")) == [1.0]


def test_dashboards_are_as_they_were_generated() -> None:
    written = {path.stem: path.read_text() for path in (generate.HERE / "dashboards").glob("*.json")}
    assert written == {name: generate.text(name) for name in generate.DASHBOARDS}


def test_there_are_the_dashboards_that_operators_look_for() -> None:
    assert set(generate.DASHBOARDS) == {
        "overview", "rooms", "network-quality", "adaptation", "capacity", "server",
    }  # fmt: skip


async def test_alert_rules_are_valid_and_tell_what_to_do() -> None:
    path = generate.HERE / "alerts" / "sfu.yml"
    process = await asyncio.create_subprocess_exec(
        "promtool",
        "check",
        "rules",
        str(path),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    assert process.returncode == 0, said.decode()
    text = path.read_text()
    count = text.count("- alert: ")
    assert text.count("runbook: >-") == text.count("summary: >-") == text.count("severity: ") == count >= 15


def test_monitoring_looks_where_the_server_listens() -> None:
    assert monitoring.place({}) == ("127.0.0.1:8443", "https")
    assert monitoring.place({"SFU_PORT": "9000", "SFU_TLS": "off"}) == ("127.0.0.1:9000", "http")
    text = monitoring.config("127.0.0.1:9000", "http", "1s")
    assert '"127.0.0.1:9000"' in text
    assert "scheme: http\n" in text
    assert str(generate.HERE / "alerts") in text
