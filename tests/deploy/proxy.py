"""haproxy from Debian's packages, with the very file that is deployed, in front of nodes of the test's."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.support.process import free_ports

CONFIG = Path(__file__).parents[2] / "deploy/haproxy.cfg"
CHECK = ["haproxy", "-c", "-f", str(CONFIG)]


class Proxy:
    """A running haproxy."""

    def __init__(self, folder: Path, nodes: Sequence[int], config: Path = CONFIG) -> None:
        assert shutil.which("haproxy"), "install Debian's package haproxy"
        self._config = config
        (self.port,) = free_ports(1)
        self.environment = {
            **os.environ,
            "KANHUO_PROXY_BIND": f"127.0.0.1:{self.port}",
            **{f"KANHUO_PROXY_NODE_{n}": f"127.0.0.1:{port}" for n, port in enumerate(nodes, 1)},
        }
        self._log = folder / "haproxy.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/socket"

    @property
    def log(self) -> str:
        return self._log.read_text()

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                ["haproxy", "-db", "-f", str(self._config)], env=self.environment, stdout=log, stderr=log
            )

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)

    async def asked(self, path: str, *headers: str, method: str = "GET") -> tuple[int, str]:
        """Ask on a connection of its own; return status and body."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            lines = [f"{method} {path} HTTP/1.1", "Host: call.example.com", "Connection: close", *headers]
            writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
            answer = (await reader.read()).decode()
        finally:
            writer.close()
        head, _, body = answer.partition("\r\n\r\n")
        return int(head.split()[1]), body
