"""Whole lifecycles: ask, ring, accept, both media up, hang up, note. Every step durable in the journal before it is told.

With ``--nodes 2`` the buyer's page is on one node and the agent's on another, and thousands more agents are on duty.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from contextlib import AsyncExitStack

from bench.figures import Aim, Figures, quantile
from bench.options import Options
from bench.page import Page, page
from bench.server import Measured, another, cpu_of, merchant, pass_, serving

PAIRS = 50
BEAT_EVERY = 15
"""Seconds between heartbeats of an agent's page."""

OTHERS = 10_000
"""Agents who are on duty beside those who are called, where there are several nodes."""

STAFF = 4
"""How many of them each merchant has."""

AT_ONCE = 20

_keys = (f"k-{n}" for n in itertools.count())


async def lifecycle(buyer: Page, agent: Page) -> float:
    """Run one call; return the seconds from asking to the ring at the agent's."""
    began = time.perf_counter()
    asked = await buyer.ask("call.ask", key=next(_keys), media="video")
    call = asked["call"]
    ring = await agent.state("ringing", call)
    agent.ask("call.heard", call=call)  # as the console does at once
    agent.ask("call.accept", call=call, media="video")
    await buyer.state("connecting", call)
    await asyncio.gather(buyer.ask("call.media_up", call=call), agent.ask("call.media_up", call=call))
    await buyer.ask("call.hang_up", call=call)
    await agent.state("ended", call)
    await agent.ask("call.wrap_up", call=call, outcome="skipped")
    return float(ring["heard_at"]) - began


async def people(nodes: list[Measured], pairs: int) -> list[tuple[Page, Page]]:
    """Connect each pair's buyer to one node and her agent to the next."""
    made = []
    for n in range(pairs):
        here, there = nodes[n % len(nodes)], nodes[(n + 1) % len(nodes)]
        agent = await _on_duty(there, f"agent-{n}", merchant(n))
        made.append((await page(here.url, pass_("buyer", f"buyer-{n}", merchant(n)), "phone"), agent))
    return made


async def others(nodes: list[Measured], count: int) -> list[Page]:
    """Let more agents go on duty, of merchants who are not called."""
    made: list[Page] = []
    for first in range(0, count, AT_ONCE):
        names = range(first, min(first + AT_ONCE, count))
        made += await asyncio.gather(
            *(_on_duty(nodes[n % len(nodes)], f"other-{n}", merchant(PAIRS + n // STAFF)) for n in names)
        )
    return made


async def _on_duty(node: Measured, name: str, merchant: str) -> Page:
    agent = await page(node.url, pass_("agent", name, merchant))
    agent.send("presence.beat", duty=True, foreground=True)
    return agent


async def beat(agents: list[Page]) -> None:
    """Keep agents present, as their pages do: not all in the same moment."""
    while True:
        for n, agent in enumerate(agents):
            if n * BEAT_EVERY % len(agents) < BEAT_EVERY:
                await asyncio.sleep(1)
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
    several = options.nodes > 1
    seconds, rates = 4 if options.short else 20, (50, 200) if several else (100,)
    more = (OTHERS // 50 if options.short else OTHERS) if several else 0
    async with AsyncExitStack() as stack:
        nodes = [await stack.enter_async_context(serving(PAIRS + more // STAFF, options))]
        for _ in range(1, options.nodes):
            nodes.append(await stack.enter_async_context(another(nodes[0].environment, pinned=False)))
        pairs = await people(nodes, PAIRS)
        agents = [agent for _, agent in pairs] + await others(nodes, more)
        beating = asyncio.create_task(beat(agents))
        await closed_loop(pairs, 1 if options.short else 10)
        before = _spent(nodes, options)
        done, took = await closed_loop(pairs, seconds)
        spent = {name: at - before[name] for name, at in _spent(nodes, options).items()}
        times = {rate: await paced(pairs, rate, seconds) for rate in rates}
        beating.cancel()
    figures = Figures()
    figures.values = {
        "lifecycles_per_s": done / took,
        **{f"{name}_cpu_ms_per_call": cpu / done * 1_000 for name, cpu in spent.items()},
        "server_utilisation": spent["server"] / took,
        **{
            f"ring_ms_p{q}_at_{rate}_per_s": quantile(took, q / 100) * 1_000
            for rate, took in times.items()
            for q in (50, 95, 99)
        },
        "agents_on_duty": len(agents),
        "calls_measured": done + sum(map(len, times.values())),
    }
    figures.aims = {"lifecycles_per_s": Aim("≥", 500), f"ring_ms_p99_at_{rates[-1]}_per_s": Aim("≤", 20)}
    return figures


def _spent(nodes: list[Measured], options: Options) -> dict[str, float]:
    engines = {name: cpu_of(pid) for name, pid in options.engines}
    return {"server": sum(node.cpu() for node in nodes), **engines}
