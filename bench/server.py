"""Server processes on a core of their own, and what they cost."""

from __future__ import annotations

import asyncio
import os
import resource
import secrets
import socket
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from bench.options import Options
from kanhuo.accounts.model import Merchant
from kanhuo.accounts.passes import mint
from kanhuo.app import build
from kanhuo.config import Settings
from kanhuo.kernel.clock import SystemClock

KEY = "the secret of the bench's own shop, long enough"
CONTEXT = {"kind": "product", "ref": "sku-1", "title": "Fuji apples, 5 kg", "price": "¥39.90"}
TICKS = os.sysconf("SC_CLK_TCK")
RUN = secrets.token_hex(3)
"""Names of this run: a database that is given may know those of others."""

_CORES = sorted(os.sched_getaffinity(0))


def merchant(n: int) -> str:
    return f"mer_{RUN}_{n}"


def pass_(role: str, sub: str, merchant: str) -> str:
    claims = {"role": role, "sub": f"{RUN}-{sub}", "merchant": merchant}
    own = {"name": sub} if role == "agent" else {"context": CONTEXT}
    return mint(KEY, {**claims, **own}, audience="kanhuo", now=SystemClock().now(), life=3_600_000)


def descriptors() -> int:
    """Raise the limit of open files as far as the machine allows; return it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def cpu_of(pid: int) -> float:
    """Return the seconds of processor time of a process so far, those of its children among them."""
    ticks = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(FileNotFoundError, ProcessLookupError):
            fields = stat.read_text().rsplit(")", 1)[1].split()
            if stat.parent.name == str(pid):
                ticks += sum(map(int, fields[11:15]))  # its own, and those of children that have ended
            elif fields[1] == str(pid):
                ticks += sum(map(int, fields[11:13]))
    return ticks / TICKS


@dataclass
class Measured:
    process: subprocess.Popen[bytes]
    port: int
    path: str = "/socket"
    environment: dict[str, str] = field(default_factory=dict)
    """Its settings, for another node of the same house."""

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}{self.path}"

    def cpu(self) -> float:
        """Seconds of processor time so far."""
        return cpu_of(self.process.pid)

    def memory(self) -> int:
        """Resident bytes."""
        return int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@asynccontextmanager
async def serving(
    merchants: int = 1,
    options: Options | None = None,
    module: str = "kanhuo.cli",
    more: Mapping[str, str] | None = None,
) -> AsyncIterator[Measured]:
    """Serve the first merchants from a process of its own, pinned to the last core; the client keeps the others.

    ``more`` are settings beside the usual.
    """
    options = options or Options()
    with tempfile.TemporaryDirectory() as folder:
        app = build(Settings(data=Path(folder), pass_key=KEY, database=options.database))
        await app.db.open()
        await asyncio.gather(
            *(app.accounts.put_merchant(Merchant(id=merchant(n), name=f"Shop {n}")) for n in range(merchants))
        )
        await app.db.close()
        keys = {"KANHUO_PASS_KEY": KEY, "KANHUO_PEPPER": KEY[::-1]}
        own = {"KANHUO_DATA": folder, "KANHUO_MESSAGE_RATE": "1e9", **keys, **options.environment, **(more or {})}
        async with another(own, module, pinned=options.nodes < 2) as measured:
            yield measured


@asynccontextmanager
async def another(
    environment: dict[str, str], module: str = "kanhuo.cli", *, pinned: bool = True
) -> AsyncIterator[Measured]:
    """Serve with these settings on a free port; ``pinned``: from a core of its own."""
    port = _free_port()
    command = [sys.executable, "-m", module, "serve", "--port", str(port)]
    with _pinned(command, environment) if pinned else _running(command, environment) as process:
        async with asyncio.timeout(30):
            while not await asyncio.to_thread(_healthy, port):
                if process.poll() is not None:
                    raise RuntimeError(f"{module} ended with {process.returncode} before it answered")
                await asyncio.sleep(0.05)
        yield Measured(process, port, environment=environment)


@asynccontextmanager
async def node(script: Path, path: str) -> AsyncIterator[Measured]:
    """Run a server on Node on a free port; its sockets are at ``path``."""
    port = _free_port()
    # what is called node may be a script that starts Node
    told = await asyncio.to_thread(subprocess.check_output, ["node", "-p", "process.execPath"], text=True)
    with _pinned([told.strip(), str(script)], {"PORT": str(port), "NODE_ENV": "production"}) as process:
        async with asyncio.timeout(30):
            while not _listens(port):
                await asyncio.sleep(0.05)
        yield Measured(process, port, path)


@contextmanager
def _pinned(command: list[str], environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command on the last core alone; this process keeps to the others, as load that shared it would be counted."""
    os.sched_setaffinity(0, set(_CORES[:-1]) or set(_CORES))
    with _running(["taskset", "-c", str(_CORES[-1]), *command], environment) as process:
        yield process


@contextmanager
def _running(command: list[str], environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    descriptors()
    process = subprocess.Popen(command, env={**os.environ, **environment}, stdout=sys.stderr)
    try:
        yield process
    finally:
        process.kill()  # a node that is told to end would wait for its pages
        process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def _healthy(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=1) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
