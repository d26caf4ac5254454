"""Resident memory for each connection that is idle; kanhuo's are agents on duty. Each server is new in each round.

Idle pages are not silent: kanhuo's agents beat every 15 s, PeerServer's clients every 5 s, and so they do here.
"""

from __future__ import annotations

import asyncio

from bench.contenders import Contender, contenders
from bench.figures import Aim, Figures, Rounds
from bench.options import Options
from bench.server import descriptors

SHORT, FULL = 2_000, 20_000
SPARE = 500
"""How many descriptors are left for other things, where the machine allows fewer than are asked for."""

ROUNDS = 5
WARM = 200
"""Connections before the first look at memory: what is loaded once is no connection's."""

AT_ONCE = 100


async def run(options: Options) -> Figures:
    wanted, count = (SHORT, 1) if options.short else (FULL, ROUNDS)
    connections = min(wanted, descriptors() - SPARE) - WARM
    rounds = Rounds()
    for _ in range(count):
        for contender in contenders():
            await _round(contender, connections, options, rounds)
    figures = Figures()
    figures.values = rounds.told({"rounds": count, "connections": connections + WARM})
    figures.aims = {"kib_per_connection": Aim("≤", 12)}
    for name in ("peerserver", "node_ws"):
        ratio = rounds.ratio("kanhuo", name, "kib_per_connection")
        if ratio is not None:
            figures.values[f"kib_per_connection_over_{name}"] = ratio
    return figures


async def _round(contender: Contender, connections: int, options: Options, rounds: Rounds) -> None:
    settle, watched = (1, 1) if options.short else (25, 15)
    async with contender.serving(options) as server:
        held = [await contender.idler(server, n) for n in range(WARM)]
        alive = asyncio.create_task(contender.keep_alive(held))
        await asyncio.sleep(settle)
        before = server.memory()
        for first in range(WARM, WARM + connections, AT_ONCE):
            names = range(first, min(first + AT_ONCE, WARM + connections))
            held += await asyncio.gather(*(contender.idler(server, n) for n in names))
        await asyncio.sleep(settle)
        after, cpu = server.memory(), server.cpu()
        await asyncio.sleep(watched)
        cpu = (server.cpu() - cpu) / watched
        alive.cancel()
    rounds.add(contender.name, "kib_per_connection", (after - before) / connections / 1024)
    rounds.add(contender.name, "resident_mib", after / 2**20)
    rounds.add(contender.name, "cpu_share_while_idle", cpu)
