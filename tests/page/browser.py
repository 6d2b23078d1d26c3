"""A real headless Chromium, driven by chromedriver's own protocol (W3C WebDriver, and Chromium's for what that lacks)."""

from __future__ import annotations

import base64
import contextlib
import os
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import anyio
import msgspec
import pytest

ARTEFACTS = Path(__file__).resolve().parents[2] / "artifacts" / "page"
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
TAB, ENTER = "\ue004", "\ue007"
WIDE, PHONE = 1280, 390
FLAGS = [
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-default-apps",
    "--hide-scrollbars", "--force-device-scale-factor=1", "--window-size=1280,900",
]  # fmt: skip
LOOKS = 300  # each a tenth of a second: a hang, not a speed limit


def programs() -> tuple[str, str]:
    """Chromium and its driver. Skips the test where they aren't installed."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    driver = shutil.which("chromedriver")
    if browser is None or driver is None:
        pytest.skip("no Chromium here: apt-get install chromium chromium-driver")
    return browser, driver


class Browser:
    """One browser window."""

    def __init__(self, session: aiohttp.ClientSession, address: str) -> None:
        self._session = session
        self._address = address

    async def _ask(self, method: str, path: str, body: Any = None) -> Any:
        data = None if method == "GET" else msgspec.json.encode({} if body is None else body)
        async with self._session.request(method, self._address + path, data=data) as answer:
            told = msgspec.json.decode(await answer.read())["value"]
            assert answer.status == 200, told
            return told

    async def devtools(self, command: str, **parameters: Any) -> Any:
        return await self._ask("POST", "/goog/cdp/execute", {"cmd": command, "params": parameters})

    async def look(self, *, width: int = WIDE, dark: bool = False) -> None:
        """As wide as this, light or dark."""
        await self.devtools(
            "Emulation.setDeviceMetricsOverride", width=width, height=844 if width == PHONE else 900, deviceScaleFactor=1,
            mobile=width == PHONE,
        )  # fmt: skip
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        await self.devtools("Emulation.setEmulatedMedia", features=[scheme])

    async def go(self, url: str) -> None:
        await self._ask("POST", "/url", {"url": url})

    async def url(self) -> str:
        return str(await self._ask("GET", "/url"))

    async def run(self, script: str, *arguments: Any) -> Any:
        return await self._ask("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    async def until(self, script: str) -> None:
        """Wait until this is true in the page."""
        for _ in range(LOOKS):
            with contextlib.suppress(AssertionError):
                if await self.run(f"return {script}"):
                    return
            await anyio.sleep(0.1)
        raise AssertionError(f"never true: {script}")

    async def find(self, selector: str) -> str:
        return str((await self._ask("POST", "/element", {"using": "css selector", "value": selector}))[ELEMENT])

    async def click(self, selector: str) -> None:
        await self._at(selector, "click", {})

    async def type(self, selector: str, text: str) -> None:
        await self._at(selector, "value", {"text": text})

    async def _at(self, selector: str, action: str, body: Any) -> None:
        """Do it, once it can be done: a page that comes, or is being renewed, takes its time."""
        trouble = ""
        for _ in range(LOOKS):
            try:
                await self._ask("POST", f"/element/{await self.find(selector)}/{action}", body)
            except AssertionError as error:
                trouble = str(error)
                await anyio.sleep(0.1)
            else:
                return
        raise AssertionError(f"{selector}: {trouble}")

    async def press(self, *keys: str) -> None:
        strokes = [{"type": kind, "value": key} for key in keys for kind in ("keyDown", "keyUp")]
        await self._ask("POST", "/actions", {"actions": [{"type": "key", "id": "keys", "actions": strokes}]})

    async def text(self, selector: str = "body") -> str:
        return str(await self._ask("GET", f"/element/{await self.find(selector)}/text"))

    async def reads(self, words: str, selector: str = "body") -> None:
        """Wait until these words can be read there: a click may lead to another page, and that takes its time."""
        text = ""
        for _ in range(LOOKS):
            with contextlib.suppress(AssertionError):
                text = await self.text(selector)
                if words in text:
                    return
            await anyio.sleep(0.1)
        raise AssertionError(f"never to be read: {words!r} in {text!r}")

    async def complaints(self) -> list[str]:
        """What the browser has logged since the last call: violations of the policy, failed requests, errors of scripts."""
        return [entry["message"] for entry in await self._ask("POST", "/se/log", {"type": "browser"})]

    async def picture(self, name: str) -> Path:
        """The whole page as a PNG among the artefacts."""
        size = await self.devtools("Page.getLayoutMetrics")
        clip = {"x": 0, "y": 0, "width": size["cssContentSize"]["width"], "height": size["cssContentSize"]["height"]}
        shot = await self.devtools(
            "Page.captureScreenshot", format="png", captureBeyondViewport=True, clip=clip | {"scale": 1}
        )
        ARTEFACTS.mkdir(parents=True, exist_ok=True)
        path = ARTEFACTS / f"{name}.png"
        path.write_bytes(base64.b64decode(shot["data"]))
        return path


@asynccontextmanager
async def open_browser(folder: Path, *, scripts: bool = True) -> AsyncIterator[Browser]:
    """A browser with an empty profile in `folder`; without `scripts` it runs none."""
    browser, driver = programs()
    options = {
        "binary": browser,
        "args": [*FLAGS, f"--user-data-dir={folder / 'profile'}"],
        "prefs": {} if scripts else {"profile.managed_default_content_settings.javascript": 2},
    }
    wanted = {"alwaysMatch": {"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}}
    log = folder / "chromedriver.log"
    clean = os.environ | {"HOME": str(folder), "XDG_CONFIG_HOME": str(folder), "XDG_CACHE_HOME": str(folder)}
    process = _start(driver, log, clean)
    try:
        for _ in range(LOOKS):
            if address := _address(process, log):
                break
            await anyio.sleep(0.1)
        assert address, log.read_text()
        async with aiohttp.ClientSession() as session:
            body = msgspec.json.encode({"capabilities": wanted})
            async with session.post(f"{address}/session", data=body) as answer:
                told = msgspec.json.decode(await answer.read())["value"]
                assert answer.status == 200, told
            opened = f"{address}/session/{told['sessionId']}"
            try:
                yield Browser(session, opened)
            finally:
                async with session.delete(opened):
                    pass
    finally:
        process.terminate()
        process.wait()


def _start(driver: str, log: Path, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    with log.open("wb") as out:
        return subprocess.Popen([driver, "--port=0"], stdout=out, stderr=out, env=environment)


def _address(process: subprocess.Popen[bytes], log: Path) -> str:
    """Where the driver listens; "" while it starts."""
    text = log.read_text()
    assert process.poll() is None, text
    port = text.partition("started successfully on port ")[2].partition(".")[0]
    return f"http://127.0.0.1:{int(port)}" if port else ""
