"""Asking the private listener over a real socket, and reading what it tells."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import msgspec
from aiohttp import web

from syncd.private.desk import Desk

SAMPLE = re.compile(r"^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$")
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')

Numbers = dict[tuple[str, tuple[tuple[str, str], ...]], float]


class Asker:
    """Somebody who asks."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self.session = session
        self.url = url

    async def get(self, path: str, method: str = "GET", **headers: str) -> tuple[int, str, dict[str, str]]:
        async with self.session.request(method, self.url + path, headers=headers) as answer:
            told = {name: value for name, value in answer.headers.items() if name not in {"Date", "Server"}}
            return answer.status, await answer.text(), told

    async def health(self) -> Any:
        status, text, _ = await self.get("/health")
        assert status == 200, text
        return msgspec.json.decode(text)

    async def numbers(self) -> Numbers:
        status, text, _ = await self.get("/metrics")
        assert status == 200, text
        return parse(text)

    async def number(self, name: str, **labels: str) -> float | None:
        return (await self.numbers()).get((name, tuple(sorted(labels.items()))))


def parse(text: str) -> Numbers:
    """Each sample by its name and labels."""
    found: Numbers = {}
    for line in text.splitlines():
        if line and not line.startswith("#"):
            sample = SAMPLE.match(line)
            assert sample, line
            found[sample[1], tuple(sorted(LABEL.findall(sample[2] or "")))] = float(sample[3])
    return found


@asynccontextmanager
async def asking(desk: Desk) -> AsyncIterator[Asker]:
    """The desk behind a socket of this machine."""
    runner = web.AppRunner(desk.app(), access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        async with aiohttp.ClientSession() as session:
            yield Asker(session, f"http://127.0.0.1:{runner.addresses[0][1]}")
    finally:
        await runner.cleanup()
