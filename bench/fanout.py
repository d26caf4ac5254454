"""One node tells many: one party with many devices, and a thousand parties with one each.

With ``--bus`` and ``--database`` the pages are on one node and another tells them; else both are one process.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack

from bench.figures import Figures, Rounds, quantile
from bench.options import Options
from bench.page import Page, page
from bench.publisher import PATH
from bench.server import Measured, another, merchant, pass_, serving

DEVICES = 64
"""Pages of one party: as many as the reception keeps."""

PARTIES = 1_000
AT_ONCE = 20
"""How often the devices of one party are told in one go, flat out."""

EVERY = 0.1
"""Seconds between two tellings where the time each takes is measured."""

ROUNDS = 5


class Audience:
    """Pages that count what they are told; ``times`` are the seconds from telling to hearing."""

    def __init__(self, pages: Sequence[Page]) -> None:
        self.parties = list(dict.fromkeys(one.party for one in pages))
        self.size = len(pages)
        self.times: list[float] = []
        self._waiting = 0
        self._all = asyncio.Event()
        for one in pages:
            one.heard = self._heard

    async def told(self, line: http.client.HTTPConnection, times: int) -> None:
        """Have everybody told something, and wait until all have heard it."""
        self._waiting += times * self.size
        self._all.clear()
        await asyncio.to_thread(_post, line, {"parties": self.parties, "times": times})
        async with asyncio.timeout(30):
            await self._all.wait()

    def _heard(self, message: dict[str, object], at: float) -> None:
        if message["type"] == "chat.line":
            sent = message["at"]
            assert isinstance(sent, int)
            self.times.append(at - sent / 1e6)
            self._waiting -= 1
            if not self._waiting:
                self._all.set()


def _post(line: http.client.HTTPConnection, body: dict[str, object]) -> None:
    line.request("POST", PATH, json.dumps(body), {"Content-Type": "application/json"})
    answer = line.getresponse()
    said = answer.read()
    if answer.status != 201:
        raise RuntimeError(f"{answer.status}: {said!r}")


async def run(options: Options) -> Figures:
    seconds, count = (1.0, 1) if options.short else (3.0, ROUNDS)
    if options.bus and not options.database:
        raise SystemExit("two nodes need one database: give --database with --bus")
    rounds = Rounds()
    async with AsyncExitStack() as stack:
        pages = await stack.enter_async_context(serving(1, options, "bench.publisher"))
        teller = pages
        if options.bus:
            teller = await stack.enter_async_context(another(pages.environment, "bench.publisher"))
        nodes = {pages.port: pages, teller.port: teller}.values()
        line = http.client.HTTPConnection("127.0.0.1", teller.port)
        agent, buyer = (
            pass_("agent", "busy", merchant(0)),
            [pass_("buyer", f"b-{n}", merchant(0)) for n in range(PARTIES)],
        )
        devices = Audience([await page(pages.url, agent, f"device-{n}") for n in range(DEVICES)])
        parties = Audience([await page(pages.url, token, "phone") for token in buyer])
        for _ in range(count):
            for name, audience, at_once in (("devices", devices, AT_ONCE), ("parties", parties, 1)):
                await _flat_out(rounds, name, (audience, line, at_once), seconds, list(nodes))
                await _paced(rounds, name, audience, line, seconds)
        line.close()
    figures = Figures()
    figures.values = rounds.told({"rounds": count, "nodes": len(nodes), "devices": DEVICES, "parties": PARTIES})
    return figures


async def _flat_out(
    rounds: Rounds,
    name: str,
    what: tuple[Audience, http.client.HTTPConnection, int],
    seconds: float,
    nodes: list[Measured],
) -> None:
    audience, line, at_once = what
    cpu, began, told = sum(node.cpu() for node in nodes), time.perf_counter(), 0
    while time.perf_counter() - began < seconds:
        await audience.told(line, at_once)
        told += at_once * audience.size
    took = time.perf_counter() - began
    cpu = sum(node.cpu() for node in nodes) - cpu
    rounds.add("kanhuo", f"{name}_deliveries_per_s", told / took)
    rounds.add("kanhuo", f"{name}_cpu_ms_per_1000", cpu / told * 1e6)


async def _paced(
    rounds: Rounds, name: str, audience: Audience, line: http.client.HTTPConnection, seconds: float
) -> None:
    audience.times = []
    for _ in range(int(seconds / EVERY)):
        await audience.told(line, 1)
        await asyncio.sleep(EVERY)
    rounds.add("kanhuo", f"{name}_ms_p50", quantile(audience.times, 0.5) * 1_000)
    rounds.add("kanhuo", f"{name}_ms_p99", quantile(audience.times, 0.99) * 1_000)
