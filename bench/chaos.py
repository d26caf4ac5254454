"""Random schedules of people and failures on three nodes, PostgreSQL and Redis: what has to hold, counted.

``--seed N`` plays one schedule alone, as often as ``ROUNDS`` says: real processes do not interleave the same way twice.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path
from statistics import median

from bench.figures import Aim, Figures
from bench.options import Options
from tests.support.chaos import drawn, play
from tests.support.estate import Estate, estate, ground

SCHEDULES = 500
SHORT = 3
ROUNDS = 20
QUIET = 60.0
"""Seconds within which the last deadlines of those who vanished have passed."""


async def run(options: Options) -> Figures:
    if options.seed is not None:
        seeds = [options.seed] * (1 if options.short else ROUNDS)
    else:
        seeds = list(range(1, 1 + (SHORT if options.short else SCHEDULES)))
    with ground() as under, tempfile.TemporaryDirectory(prefix="kanhuo-chaos-") as folder:
        async with estate(Path(folder), under) as opened:
            return await _figures(opened, seeds)


async def _figures(opened: Estate, seeds: list[int]) -> Figures:
    took = []
    for n, seed in enumerate(seeds):
        began = asyncio.get_running_loop().time()
        try:
            await play(opened, drawn(seed))
        except BaseException:
            print(f"schedule {seed} failed: bench/run chaos --seed {seed}", file=sys.stderr)
            errors = [line for node in opened.nodes for line in node.log.splitlines() if '"level":"error"' in line]
            print("\n".join(errors[-5:]), file=sys.stderr)
            raise
        took.append(asyncio.get_running_loop().time() - began)
        if n % 20 == 0:
            print(f"{n + 1} of {len(seeds)} schedules, {median(took):.1f} s each", file=sys.stderr)
    quiet = await opened.until(opened.quiet, QUIET)
    found = await opened.reckoning()
    for fault in found.faults:
        print(fault, file=sys.stderr)
    values = {
        "faults": float(len(found.faults)),
        "schedules": float(len(seeds)),
        "failures": float(sum(len(drawn(seed).faults) for seed in seeds)),
        "calls": float(found.calls),
        **{f"ended_by_{reason}": float(count) for reason, count in sorted(found.reasons.items())},
        "schedule_s_median": median(took),
        "schedule_s_max": max(took),
        "quiet_after_s": quiet,
    }
    return Figures(values, {"faults": Aim("≤", 0)})
