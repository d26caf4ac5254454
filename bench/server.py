"""One server process with its own folder, and what it costs."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from kanhuo.accounts.model import Merchant
from kanhuo.accounts.passes import mint
from kanhuo.app import build
from kanhuo.config import Settings
from kanhuo.kernel.clock import SystemClock

KEY = "the secret of the bench's own shop, long enough"
CONTEXT = {"kind": "product", "ref": "sku-1", "title": "Fuji apples, 5 kg", "price": "¥39.90"}
TICKS = os.sysconf("SC_CLK_TCK")


def pass_(role: str, sub: str, merchant: str) -> str:
    claims = {"role": role, "sub": sub, "merchant": merchant}
    own = {"name": sub} if role == "agent" else {"context": CONTEXT}
    return mint(KEY, {**claims, **own}, audience="kanhuo", now=SystemClock().now(), life=3_600_000)


@dataclass
class Measured:
    process: subprocess.Popen[bytes]
    port: int

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/socket"

    def cpu(self) -> float:
        """Seconds of processor time so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def memory(self) -> int:
        """Resident bytes."""
        return int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@asynccontextmanager
async def serving(merchants: int = 1) -> AsyncIterator[Measured]:
    """Serve ``mer_0`` … from a process of its own, pinned to the last core; the client keeps the others."""
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder)
        app = build(Settings(data=data, pass_key=KEY))
        await app.db.open()
        await asyncio.gather(
            *(app.accounts.put_merchant(Merchant(id=f"mer_{n}", name=f"Shop {n}")) for n in range(merchants))
        )
        await app.db.close()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        cores = sorted(os.sched_getaffinity(0))
        environment = {**os.environ, "KANHUO_DATA": folder, "KANHUO_PASS_KEY": KEY, "KANHUO_MESSAGE_RATE": "1e9"}
        process = subprocess.Popen(
            [sys.executable, "-m", "kanhuo.cli", "serve", "--port", str(port)],
            env=environment,
            preexec_fn=lambda: os.sched_setaffinity(0, {cores[-1]}),  # noqa: PLW1509 - no threads have been started here
        )
        os.sched_setaffinity(0, set(cores[:-1]) or set(cores))
        try:
            while not await asyncio.to_thread(_answers, port):
                await asyncio.sleep(0.05)
            yield Measured(process, port)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(20)
            os.sched_setaffinity(0, set(cores))


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=1) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
