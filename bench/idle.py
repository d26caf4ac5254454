"""Resident memory for each agent who is connected, on duty and idle."""

from __future__ import annotations

import asyncio

from bench.figures import Aim, Figures
from bench.page import Page, page
from bench.server import pass_, serving

MERCHANTS = 100


async def run(short: bool) -> Figures:
    count = 2_000 if short else 5_000
    async with serving(MERCHANTS) as server:

        async def connect(n: int) -> Page:
            agent = await page(server.url, pass_("agent", f"agent-{n}", f"mer_{n % MERCHANTS}"))
            agent.send("presence.beat", duty=True, foreground=True)
            return agent

        pages = [await connect(n) for n in range(200)]
        await asyncio.sleep(2)
        before = server.memory()
        for first in range(200, 200 + count, 100):
            pages += await asyncio.gather(*(connect(n) for n in range(first, first + 100)))
        for one in pages:
            one.send_raw({"type": "ping", "got": 2**40})
        await asyncio.sleep(3)
        after = server.memory()
        cpu = server.cpu()
        await asyncio.sleep(5)
        cpu = (server.cpu() - cpu) / 5
    figures = Figures()
    figures.values = {
        "connections": count,
        "kib_per_connection": (after - before) / count / 1024,
        "resident_mib": after / 2**20,
        "cpu_share_while_idle": cpu,
    }
    figures.aims = {"kib_per_connection": Aim("≤", 12)}
    return figures
