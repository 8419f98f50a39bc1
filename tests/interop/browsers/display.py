"""A virtual X display, so that a browser has a screen to share."""

import asyncio
import os
from asyncio.subprocess import DEVNULL, Process

from tests.interop.browsers.page import START_S
from tests.waiting import within


class Display:
    """Xvfb on a display number that it chose itself."""

    def __init__(self, process: Process, name: str) -> None:
        self._process = process
        self.name = name

    @classmethod
    async def start(cls, size: str = "1280x800x24") -> "Display":
        read, write = os.pipe()
        try:
            process = await asyncio.create_subprocess_exec(
                "Xvfb", "-displayfd", str(write), "-screen", "0", size, "-nolisten", "tcp",
                pass_fds=(write,), stdin=DEVNULL, stdout=DEVNULL, stderr=DEVNULL,
            )  # fmt: skip
        finally:
            os.close(write)
        with os.fdopen(read, "rb") as pipe:
            async with within("Xvfb to name its display", START_S):
                number = await asyncio.to_thread(pipe.readline)
        if not number.strip():
            raise RuntimeError("Xvfb did not start; is the package xvfb installed?")
        return cls(process, f":{int(number)}")

    async def stop(self) -> None:
        if self._process.returncode is None:
            self._process.terminate()
        await self._process.wait()
