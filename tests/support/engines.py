"""PostgreSQL and Redis from Debian's packages, started by the tests on free ports and ended with them."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_POSTGRES: Final = next(iter(sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)), Path("/usr/bin"))
"""Debian keeps the server's programs out of the path, one folder for each version."""

_USER: Final = "postgres" if os.getuid() == 0 else pwd.getpwuid(os.getuid()).pw_name
"""PostgreSQL refuses to run as root."""


def free_port() -> int:
    """Return a TCP port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Engine:
    """A server of somebody else's, which can be killed, frozen and started again on the same port with the same data."""

    def __init__(
        self, command: list[str], port: int, ready: Callable[[], bool], user: str | None, folder: Path
    ) -> None:
        self._command = command
        self._ready = ready
        self._user = user
        self._log = folder / "log"
        self.port = port
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start, and return once it answers."""
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                self._command, stdout=log, stderr=log, user=self._user, start_new_session=True, extra_groups=[]
                if self._user
                else None,
            )  # fmt: skip
        until = time.monotonic() + 20
        while not self._ready():
            if self.process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(self._log.read_text())

    def kill(self) -> None:
        """End it as a power cut would."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End it in an orderly way."""
        self._end(signal.SIGINT)

    def _end(self, which: signal.Signals) -> None:
        if self.process is not None and self.process.poll() is None:
            if which is signal.SIGKILL:
                os.killpg(self.process.pid, which)
            else:
                self.process.send_signal(which)
            self.process.wait(20)
        self.process = None


class Postgres(Engine):
    """A PostgreSQL cluster of its own, in memory where the machine allows."""

    def __init__(self, folder: Path) -> None:
        data, port = str(folder / "data"), free_port()
        if _USER == "postgres":
            shutil.chown(folder, _USER)
        made = ["-D", data, "-U", "kanhuo", "-A", "trust", "-E", "UTF8", "--no-sync", "--locale=C"]
        subprocess.run(
            [str(_POSTGRES / "initdb"), *made],
            check=True,
            capture_output=True,
            user=_USER if os.getuid() == 0 else None,
            cwd=folder,
        )
        options = {"port": port, "listen_addresses": "127.0.0.1", "unix_socket_directories": str(folder)}
        command = [str(_POSTGRES / "postgres"), "-D", data]
        for name, value in options.items():
            command += ["-c", f"{name}={value}"]
        self._made = 0
        super().__init__(command, port, self._answers, _USER if os.getuid() == 0 else None, folder)

    @property
    def url(self) -> str:
        """The URL of the cluster's own database."""
        return f"postgresql://kanhuo@127.0.0.1:{self.port}/postgres"

    def database(self) -> str:
        """Make a new database; return its URL."""
        self._made += 1
        name = f"kanhuo_{self._made}"
        self.sql(f"CREATE DATABASE {name}")
        return f"postgresql://kanhuo@127.0.0.1:{self.port}/{name}"

    def sql(self, text: str, url: str = "") -> str:
        """Run a statement with the engine's own client; return what it prints."""
        done = subprocess.run(
            ["psql", "-XAtq", url or self.url, "-c", text], check=True, capture_output=True, text=True
        )
        return done.stdout.strip()

    def _answers(self) -> bool:
        asked = [str(_POSTGRES / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        return subprocess.run(asked, check=False).returncode == 0


class Redis(Engine):
    """A Redis server of its own, which keeps nothing on disk."""

    HOST: str = "127.0.0.1"

    def __init__(self, folder: Path, *options: str) -> None:
        port = free_port()
        command = [
            "redis-server",
            "--port",
            str(port),
            "--bind",
            self.HOST,
            "--save",
            "",
            "--dir",
            str(folder),
            *options,
        ]
        super().__init__(command, port, self._answers, None, folder)

    @property
    def url(self) -> str:
        """Where nodes find it."""
        return f"redis://{self.HOST}:{self.port}/0"

    def empty(self) -> None:
        """Forget everything."""
        assert self._ask("flushall") == b"OK\n"

    def _answers(self) -> bool:
        return self._ask("ping").startswith((b"PONG", b"NOAUTH"))

    def _ask(self, what: str) -> bytes:
        asked = ["redis-cli", "-h", self.HOST, "-p", str(self.port), what]
        return subprocess.run(asked, check=False, capture_output=True).stdout


class FarRedis(Redis):
    """A Redis in a network namespace of its own, with an address for each node, so that each may be cut off in silence.

    It asks for a namespace around the tests as well, which ``scripts/test`` makes.
    """

    HOST = "10.78.0.2"

    def __init__(self, folder: Path, nodes: int) -> None:
        around = subprocess.run(["ip", "link", "show", "kh0"], check=False, capture_output=True)
        assert around.returncode == 0, "run it by scripts/test, which makes a network namespace"
        self._around = subprocess.Popen(
            ["unshare", "-n", "sleep", "infinity"], start_new_session=True, stdout=subprocess.DEVNULL
        )
        outside = Path("/proc/self/ns/net").readlink()
        while Path(f"/proc/{self._around.pid}/ns/net").readlink() == outside:
            assert self._around.poll() is None
        _ip(f"link add khr0 type veth peer name eth0 netns {self._around.pid}")
        _ip("addr add 10.78.0.1/24 dev khr0")
        _ip("link set khr0 up")
        for command in ("link set lo up", f"addr add {self.HOST}/24 dev eth0", "link set eth0 up"):
            self._inside(command)
        for node in range(nodes):
            self.mend(node)
        super().__init__(folder, "--bind", "*", "--protected-mode", "no")
        self._command = ["nsenter", "-t", str(self._around.pid), "-n", *self._command]

    def url_of(self, node: int) -> str:
        """Where one node finds it."""
        return f"redis://{self._address(node)}:{self.port}/0"

    def cut(self, node: int) -> None:
        """Let whatever passes between it and a node be lost."""
        self._inside(f"addr del {self._address(node)}/32 dev eth0")

    def mend(self, node: int) -> None:
        """Let a node reach it again."""
        self._inside(f"addr add {self._address(node)}/32 dev eth0")

    def stop(self) -> None:
        """End it, and its namespace with it."""
        self.kill()
        self._around.kill()
        self._around.wait(20)

    def _inside(self, command: str) -> None:
        _ip(command, "nsenter", "-t", str(self._around.pid), "-n")

    @staticmethod
    def _address(node: int) -> str:
        return f"10.78.0.{11 + node}"


def _ip(command: str, *within: str) -> None:
    subprocess.run([*within, "ip", *command.split()], check=True, capture_output=True)


@contextmanager
def postgres() -> Iterator[Postgres]:
    """Run PostgreSQL for as long as the block lasts."""
    with tempfile.TemporaryDirectory(prefix="kanhuo-postgres-") as folder:
        Path(folder).chmod(0o755)
        engine = Postgres(Path(folder))
        engine.start()
        try:
            yield engine
        finally:
            engine.stop()


@contextmanager
def redis(*options: str) -> Iterator[Redis]:
    """Run Redis for as long as the block lasts."""
    with tempfile.TemporaryDirectory(prefix="kanhuo-redis-") as folder:
        engine = Redis(Path(folder), *options)
        engine.start()
        try:
            yield engine
        finally:
            engine.kill()


@contextmanager
def far_redis(nodes: int) -> Iterator[FarRedis]:
    """Run Redis behind a strait for as long as the block lasts."""
    with tempfile.TemporaryDirectory(prefix="kanhuo-redis-") as folder:
        engine = FarRedis(Path(folder), nodes)
        engine.start()
        try:
            yield engine
        finally:
            engine.stop()
