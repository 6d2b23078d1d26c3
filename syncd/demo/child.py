"""One process of the demo: begun in a session of its own and on the leash, ended with its whole group."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import anyio
from anyio.abc import Process

import syncd

STOP_SECONDS: Final = 15.0  # for SIGTERM; the daemon drains for 5 at most
PROJECT: Final = Path(syncd.__file__).resolve().parents[1]
FOREIGN_VARIABLES: Final = ("SYNCD_", "NOTIFY_SOCKET", "WATCHDOG_")  # they'd lead a daemon out of the temporary folder


class Child:
    """A Python module that runs beside us, from `start` on; whatever happens, it is gone after `async with` it."""

    def __init__(self, module: Sequence[str], *, folder: Path, out: Path | None, errors: Path) -> None:
        """`module` with its arguments, as after `python -m`. `out` None: its output can be read by `first_line`."""
        self._module = module
        self._folder = folder
        self._out = out
        self._errors = errors
        self._process: Process | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with anyio.CancelScope(shield=True):
            await self.kill()

    @property
    def pid(self) -> int:
        """The process's id; 0 before it was started."""
        return self._process.pid if self._process else 0

    @property
    def exit_code(self) -> int | None:
        """How it ended, None while it runs (or was never started)."""
        return self._process.returncode if self._process else None

    @property
    def is_running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._process is not None and self._process.returncode is None

    async def start(self) -> None:
        """Start it (again). Its logs are appended to."""
        assert not self.is_running
        leash = [sys.executable, "-m", "syncd.demo.leash", str(os.getpid())]
        environment = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN_VARIABLES)}
        environment["PYTHONPATH"] = os.pathsep.join([str(PROJECT), *filter(None, [environment.get("PYTHONPATH", "")])])
        environment["PYTHONUNBUFFERED"] = "1"
        with self._errors.open("ab") as errors, (self._out or Path(os.devnull)).open("ab") as out:
            self._process = await anyio.open_process(
                [*leash, sys.executable, "-m", *self._module],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE if self._out is None else out,
                stderr=errors,
                cwd=self._folder,
                env=environment,
                start_new_session=True,  # the terminal's Ctrl-C is ours alone: we end the children in order
            )

    async def first_line(self) -> str:
        """Its first line of output; what it has said, if it ended without a whole one."""
        assert self._process is not None
        assert self._process.stdout is not None
        text = b""
        async for part in self._process.stdout:
            text += part
            if b"\n" in text:
                break
        return text.decode().partition("\n")[0]

    async def kill(self) -> None:
        """SIGKILL to the whole group, and wait. Harmless when it has ended."""
        process = self._process
        if process is None:
            return
        if process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
        if process.stdout is not None:
            await process.stdout.aclose()

    async def stop(self) -> int | None:
        """SIGTERM, and wait within a bound. Returns the exit code; None if it had to be killed."""
        process = self._process
        if process is None:
            return None
        with anyio.move_on_after(STOP_SECONDS):
            if process.returncode is None:
                process.terminate()
            return await process.wait()
        await self.kill()
        return None
