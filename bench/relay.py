"""Signalling beside peers: candidates passed between two pages, flat out and at a steady rate, in interleaved rounds."""

from __future__ import annotations

from contextlib import AsyncExitStack

from bench.contenders import contenders
from bench.figures import Aim, Figures, Rounds, quantile
from bench.lanes import drive
from bench.options import Options

RATE = 2_000
"""Messages a second, all lanes together."""

ROUNDS = 7
WARM_UP = 2.0
"""Seconds that each server is run before it is measured: Node compiles what is hot."""


async def run(options: Options) -> Figures:
    seconds, count = (1.0, 1) if options.short else (3.0, ROUNDS)
    rounds = Rounds()
    async with AsyncExitStack() as stack:
        running = []
        for contender in contenders():
            server = await stack.enter_async_context(contender.serving(options))
            lanes = await contender.lanes(server)
            running.append((contender.name, server, lanes))
            await drive(server, lanes, WARM_UP if not options.short else 0.5, None)
        for _ in range(count):
            for name, server, lanes in running:
                full = await drive(server, lanes, seconds, None)
                rounds.add(name, "messages_per_s", full.messages / full.took)
                rounds.add(name, "cpu_ms_per_1000", full.cpu_ms_per_1000)
                rounds.add(name, "utilisation", full.cpu / full.took)
            for name, server, lanes in running:
                slow = await drive(server, lanes, seconds, RATE)
                rounds.add(name, "cpu_ms_per_1000_at_2000_per_s", slow.cpu_ms_per_1000)
                rounds.add(name, "ms_p50_at_2000_per_s", quantile(slow.times, 0.5) * 1_000)
                rounds.add(name, "ms_p99_at_2000_per_s", quantile(slow.times, 0.99) * 1_000)
    figures = Figures()
    figures.values = rounds.told({"rounds": count})
    for name, at in (("peerserver", 0.8), ("node_ws", 1.0)):
        for what in ("cpu_ms_per_1000", "cpu_ms_per_1000_at_2000_per_s"):
            ratio = rounds.ratio("kanhuo", name, what)
            if ratio is not None:
                figures.values[f"{what}_over_{name}"] = ratio
                figures.aims[f"{what}_over_{name}"] = Aim("≤", at)
    return figures
