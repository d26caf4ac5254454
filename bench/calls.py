"""Whole lifecycles: ask, ring, accept, both media up, hang up, note. Every step durable in the journal before it is told."""

from __future__ import annotations

import asyncio
import itertools
import time

from bench.figures import Aim, Figures, quantile
from bench.options import Options
from bench.page import Page, page
from bench.server import Measured, merchant, pass_, serving

PAIRS = 50
BEAT_EVERY = 15
"""Seconds between heartbeats of an agent's page."""

_keys = (f"k-{n}" for n in itertools.count())


async def lifecycle(buyer: Page, agent: Page) -> float:
    """Run one call; return the seconds from asking to the ring at the agent's."""
    began = time.perf_counter()
    asked = buyer.ask("call.ask", key=next(_keys), media="video")
    ring = await agent.state("ringing")
    delivered = time.perf_counter() - began
    call = ring["call"]
    await asked
    agent.ask("call.accept", call=call, media="video")
    await buyer.state("connecting", call)
    await asyncio.gather(buyer.ask("call.media_up", call=call), agent.ask("call.media_up", call=call))
    await buyer.ask("call.hang_up", call=call)
    await agent.state("ended", call)
    await agent.ask("call.wrap_up", call=call, outcome="skipped")
    return delivered


async def people(server: Measured, pairs: int) -> list[tuple[Page, Page]]:
    made = []
    for n in range(pairs):
        agent = await page(server.url, pass_("agent", f"agent-{n}", merchant(n)))
        agent.send("presence.beat", duty=True, foreground=True)
        buyer = await page(server.url, pass_("buyer", f"buyer-{n}", merchant(n)), "phone")
        made.append((buyer, agent))
    return made


async def beat(pairs: list[tuple[Page, Page]]) -> None:
    """Keep the agents present, as their pages do."""
    while True:
        await asyncio.sleep(BEAT_EVERY)
        for _, agent in pairs:
            agent.send("presence.beat", duty=True, foreground=True)


async def closed_loop(pairs: list[tuple[Page, Page]], seconds: float) -> tuple[int, float]:
    until = time.perf_counter() + seconds
    done = 0

    async def one(buyer: Page, agent: Page) -> None:
        nonlocal done
        while time.perf_counter() < until:
            await lifecycle(buyer, agent)
            done += 1

    began = time.perf_counter()
    await asyncio.gather(*(one(*pair) for pair in pairs))
    return done, time.perf_counter() - began


async def paced(pairs: list[tuple[Page, Page]], rate: float, seconds: float) -> list[float]:
    """Start calls at a steady rate, whatever the server does; return the times to the ring."""
    free = asyncio.Queue[tuple[Page, Page]]()
    for pair in pairs:
        free.put_nowait(pair)
    times: list[float] = []
    tasks = []

    async def one() -> None:
        pair = await free.get()
        times.append(await lifecycle(*pair))
        free.put_nowait(pair)

    began = time.perf_counter()
    for k in range(int(rate * seconds)):
        await asyncio.sleep(max(0.0, began + k / rate - time.perf_counter()))
        tasks.append(asyncio.create_task(one()))
    await asyncio.gather(*tasks)
    return times


async def run(options: Options) -> Figures:
    seconds = 4 if options.short else 20
    async with serving(PAIRS, options) as server:
        pairs = await people(server, PAIRS)
        beating = asyncio.create_task(beat(pairs))
        await closed_loop(pairs, 1)
        cpu = server.cpu()
        done, took = await closed_loop(pairs, seconds)
        cpu = server.cpu() - cpu
        times = await paced(pairs, 100, seconds)
        beating.cancel()
    figures = Figures()
    figures.values = {
        "lifecycles_per_s": done / took,
        "server_cpu_ms_per_call": cpu / done * 1_000,
        "server_utilisation": cpu / took,
        "ring_ms_p50_at_100_per_s": quantile(times, 0.5) * 1_000,
        "ring_ms_p95_at_100_per_s": quantile(times, 0.95) * 1_000,
        "ring_ms_p99_at_100_per_s": quantile(times, 0.99) * 1_000,
        "calls_measured": done + len(times),
    }
    figures.aims = {"lifecycles_per_s": Aim("≥", 500), "ring_ms_p99_at_100_per_s": Aim("≤", 20)}
    return figures
