"""Several workers on one machine: several nodes, each a process of its own, on one port.

The parent serves nobody. It keeps the address, which it has bound without listening there, starts the workers, starts one
again that dies, and passes on the signal to end. Each worker listens for itself (``SO_REUSEPORT``): the kernel spreads
connections among those that listen, so a dead one gets none, where with one inherited socket whoever wakes first takes most.
A worker holds one end of a pipe; when the parent is gone, whatever it died of, its workers end too.
"""

from __future__ import annotations

import asyncio
import logging
import os
import platform
import signal
import socket
import sys
from asyncio.subprocess import Process
from collections.abc import Mapping, Sequence
from typing import Final

from kanhuo.config import Settings
from kanhuo.shell import logs

log = logging.getLogger(__name__)

SOONEST: Final = 0.25
SLOWEST: Final = 30.0
"""Seconds before a worker that has died is started again: twice as long each time, from the first up to the second."""

STEADY: Final = 10.0
"""A worker that has lived for so many seconds is started again as soon as the first time."""


def refusal(settings: Settings) -> str | None:
    """Return why several workers cannot serve as it is set, in one sentence."""
    if not settings.database:
        return "several workers need PostgreSQL (KANHUO_DATABASE=postgresql://…), because SQLite serves one process"
    if not settings.bus:
        return "several workers need Redis (KANHUO_BUS=redis://…), over which they tell each other what has happened"
    return None


def bound(host: str, port: int) -> list[socket.socket]:
    """Return sockets that hold an address together with others of ours, one for each of a name's addresses.

    Raises:
        OSError: somebody else has it.
    """
    held: list[socket.socket] = []
    infos = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    for family, kind, protocol, _, address in dict.fromkeys(infos):
        one = socket.socket(family, kind, protocol)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        given = held[0].getsockname()[1] if held and not port else port
        one.bind((address[0], given, *address[2:]))
        held.append(one)
    return held


def serve(settings: Settings, count: int) -> int:
    """Serve with so many workers until told to end; return the worst of their exit codes."""
    name = settings.node or platform.node()
    logs.begin(name, settings.log)
    held = bound(settings.host, settings.port)
    port: int = held[0].getsockname()[1]
    command = [sys.executable, "-m", "kanhuo.cli", "serve", "--host", settings.host, "--port", str(port)]
    environments = [
        {
            **os.environ,
            "KANHUO_NODE": f"{name}-w{n}",
            "KANHUO_METRICS_PORT": str(settings.metrics_port + n - 1 if settings.metrics_port else 0),
        }
        for n in range(1, count + 1)
    ]
    try:
        return asyncio.run(_Workers(command, environments).run())
    finally:
        for one in held:
            one.close()


class _Workers:
    """All workers, from start to end."""

    def __init__(self, command: Sequence[str], environments: Sequence[Mapping[str, str]]) -> None:
        self._command = command
        self._environments = environments
        self._leash, self._held = os.pipe()
        self._running: set[Process] = set()
        self._ending = asyncio.Event()

    async def run(self) -> int:
        loop = asyncio.get_running_loop()
        for which in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(which, self._end, which)
        codes = await asyncio.gather(*(self._keep(environment) for environment in self._environments))
        return max(codes)

    async def _keep(self, environment: Mapping[str, str]) -> int:
        """Keep one worker running; return the exit code with which it ended when it was told to."""
        name, wait, loop = environment["KANHUO_NODE"], SOONEST, asyncio.get_running_loop()
        while True:
            began = loop.time()
            code = await self._run(environment)
            if self._ending.is_set():
                return code
            if loop.time() - began >= STEADY:
                wait = SOONEST
            log.error("worker %s ended with %d: it is started again in %.2f s", name, code, wait)
            try:
                await asyncio.wait_for(self._ending.wait(), wait)
            except TimeoutError:
                wait = min(2 * wait, SLOWEST)
            else:
                return code

    async def _run(self, environment: Mapping[str, str]) -> int:
        process = await asyncio.create_subprocess_exec(
            *self._command,
            "--leash",
            str(self._leash),
            env=environment,
            pass_fds=(self._leash,),
            start_new_session=True,  # a terminal's Ctrl-C comes to the parent alone, which passes it on
        )
        self._running.add(process)
        if self._ending.is_set():
            process.send_signal(signal.SIGTERM)
        code = await process.wait()
        self._running.discard(process)
        return code if code >= 0 else 128 - code

    def _end(self, which: signal.Signals) -> None:
        """Pass a signal on to all workers: they drain in parallel, and a second one cuts it short."""
        self._ending.set()
        for process in self._running:
            process.send_signal(which)
