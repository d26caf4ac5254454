"""A server in a process of its own, that can be killed at the worst moment and started again."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
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

_FAKETIME = next(iter(Path("/usr/lib").glob("*/faketime/libfaketime.so.1")), None)
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


class Node:
    """``kanhuo serve`` in a process of its own: one node, or several workers, on a database and a bus that are shared.

    Its ports are outside of those that the machine gives to whoever asks, so that a restart finds them free.
    """

    def __init__(self, folder: Path, name: str, *, workers: int = 1, clock: str = "", **environment: str) -> None:
        """``clock`` is what its own clock shows beside the machine's, such as ``+5s``; empty: the same."""
        folder.mkdir(parents=True, exist_ok=True)
        self.name = name
        self.port, self.own_port, *_ = free_ports(1 + workers)
        self.process: subprocess.Popen[bytes] | None = None
        self._log = folder / f"{name}.log"
        self._workers = workers
        self._environment = {
            **os.environ,
            "KANHUO_DATA": str(folder / name),
            "KANHUO_NODE": name,
            "KANHUO_PORT": str(self.port),
            "KANHUO_METRICS_PORT": str(self.own_port),
            "KANHUO_PEPPER": "the same on every node",
            **{f"KANHUO_{key.upper()}": value for key, value in environment.items()},
            **({"LD_PRELOAD": str(_FAKETIME), "FAKETIME": clock} if clock else {}),
        }

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/socket"

    def url_of(self, worker: int) -> str:
        """Where one worker alone is reached; counted from 0."""
        return f"ws://127.0.0.1:{self.own_port + worker}/socket"

    @property
    def log(self) -> str:
        return self._log.read_text()

    async def start(self) -> Node:
        command = [sys.executable, "-m", "kanhuo.cli", "serve", "--workers", str(self._workers)]
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                command, env=self._environment, stdout=log, stderr=log, start_new_session=True
            )
        await asyncio.gather(*(self.serves(worker) for worker in range(self._workers)))
        return self

    async def serves(self, worker: int = 0) -> None:
        """Return once a worker answers."""
        async with asyncio.timeout(30):
            while self.asked("/healthz", worker) is None:
                if self.process is None or self.process.poll() is not None:
                    raise RuntimeError(self.log)
                await asyncio.sleep(0.05)

    def asked(self, path: str, worker: int | None = None) -> bytes | None:
        """What it answers, on the port for everybody or on a worker's own; ``None`` where it does not or is unwell."""
        port = self.port if worker is None else self.own_port + worker
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=2) as answer:
                return bytes(answer.read())
        except OSError:
            return None

    def signal(self, which: signal.Signals) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(which)

    async def ended(self, within: float = 30) -> int:
        """Return its exit code, once it has ended."""
        assert self.process is not None
        return await asyncio.to_thread(self.process.wait, within)

    def kill(self) -> None:
        self.signal(signal.SIGKILL)
        if self.process is not None:
            self.process.wait(20)


def free_ports(count: int) -> list[int]:
    """Return TCP ports in a row that nobody listens on, below those that outgoing connections use."""
    while True:
        first = secrets.randbelow(20_000) + 10_000
        with contextlib.suppress(OSError), contextlib.ExitStack() as probes:
            for port in range(first, first + count):
                probes.enter_context(socket.socket()).bind(("127.0.0.1", port))
            return list(range(first, first + count))
