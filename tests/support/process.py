"""A server in a process of its own, that can be killed at the worst moment and started again."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import ssl
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from kanhuo.demo.lan import lan_address

_UNVERIFIED = ssl._create_unverified_context()  # the demo's own certificate, which nobody vouches for


class Server:
    """``kanhuo demo`` on a free port; the same port again after a restart."""

    def __init__(self, folder: Path, *, robot: bool = False, lan: bool = False) -> None:
        self.folder = folder
        self._robot = robot
        self._lan = lan
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def origin(self) -> str:
        return f"https://{lan_address()}:{self.port}" if self._lan else f"http://localhost:{self.port}"

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/socket"

    @property
    def database(self) -> Path:
        return self.folder / ".demo" / "kanhuo.sqlite"

    @property
    def key(self) -> str:
        return (self.folder / ".demo" / "pass.key").read_text()

    async def start(self) -> None:
        command = [sys.executable, "-m", "kanhuo.cli", "demo", "--port", str(self.port)]
        if not self._robot:
            command.append("--no-robot")
        if self._lan:
            command.append("--lan")
        with (self.folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(command, cwd=self.folder, stdout=log, stderr=log, start_new_session=True)
        async with asyncio.timeout(20):
            while not await asyncio.to_thread(self._answers):
                if self._process.poll() is not None:
                    raise RuntimeError((self.folder / "server.log").read_text())
                await asyncio.sleep(0.05)

    def kill(self) -> None:
        """Kill it as a power cut would."""
        self._signal(signal.SIGKILL)

    def stop(self) -> None:
        self._signal(signal.SIGTERM)

    def _signal(self, which: signal.Signals) -> None:
        if self._process is not None and self._process.poll() is None:
            os.killpg(self._process.pid, which)
            self._process.wait(20)
        self._process = None

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.origin}/healthz", timeout=1, context=_UNVERIFIED) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False


@asynccontextmanager
async def server(folder: Path, *, robot: bool = False, lan: bool = False) -> AsyncIterator[Server]:
    """Run the demo for as long as the block lasts."""
    started = Server(folder, robot=robot, lan=lan)
    await started.start()
    try:
        yield started
    finally:
        started.stop()
