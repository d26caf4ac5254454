"""What one call costs PostgreSQL, Redis and the wire, counted: the ground of ``kanhuo.simulation.costs``.

``python -m tests.simulation.counts`` prints the counts and, beside them, processor times, which are only worth something on a
quiet machine. Two nodes: the buyers' pages are on one, the agents' on the other.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from picows import WSFrame, WSTransport

from bench.calls import lifecycle
from bench.options import Options
from bench.page import Page
from bench.page import page as connect
from bench.server import Measured, another, cpu_of, merchant, pass_, serving
from tests.support import engines

PEPPER = "what both nodes know, and nobody else does"
PAIRS = 20
SETTLED = 1.5
"""Seconds until PostgreSQL has written down what it has counted."""


@dataclass(frozen=True)
class House:
    """Two nodes and their engines."""

    postgres: engines.Postgres
    redis: engines.Redis
    url: str
    nodes: tuple[Measured, Measured]

    async def seen(self) -> dict[str, float]:
        """Return every counter as it stands."""
        await asyncio.sleep(SETTLED)
        return await asyncio.to_thread(self._seen)

    def _seen(self) -> dict[str, float]:
        commits, wal, size = (
            float(self.postgres.sql(text, self.url))
            for text in (
                "SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()",
                "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')",
                "SELECT pg_database_size(current_database())",
            )
        )
        assert self.postgres.process is not None
        assert self.redis.process is not None
        return {
            "at": time.monotonic(),
            "transactions": commits,
            "wal": wal,
            "stored": size,
            **self._redis(),
            "frames": Counting.frames,
            "bytes_out": Counting.bytes,
            "pg_cpu": cpu_of(self.postgres.process.pid),
            "redis_cpu": cpu_of(self.redis.process.pid),
            "nodes_cpu": sum(node.cpu() for node in self.nodes),
        }

    def _redis(self) -> dict[str, float]:
        asked = ["redis-cli", "-p", str(self.redis.port), "info"]
        info: dict[str, str] = {}
        for section in ("commandstats", "stats"):
            told = subprocess.run([*asked, section], check=True, capture_output=True, text=True).stdout
            info |= dict(line.split(":", 1) for line in told.splitlines() if ":" in line)

        def calls(name: str) -> float:
            return float(info.get(f"cmdstat_{name}", "calls=0,").split("calls=")[1].split(",")[0])

        return {
            "publishes": calls("publish"),
            "roster": calls("hgetall") + calls("hset") + calls("pexpire"),
            "redis_in": float(info["total_net_input_bytes"]),
        }


class Counting:
    """What pages have heard, all together."""

    frames = 0
    bytes = 0


async def page(url: str, token: str, device: str) -> Page:
    """Connect a page whose frames are counted."""
    opened = await connect(url, token, device)
    heard = opened.on_ws_frame

    def count(transport: WSTransport, frame: WSFrame) -> None:
        Counting.frames += 1
        Counting.bytes += len(frame.get_payload_as_bytes())
        heard(transport, frame)

    opened.on_ws_frame = count  # type: ignore[method-assign,assignment]
    return opened


@contextmanager
def everything_as_it_was() -> Iterator[None]:
    """Let the bench bind this process to cores and the nodes share their secret, for a while."""
    cores, pepper = os.sched_getaffinity(0), os.environ.get("KANHUO_PEPPER")
    os.environ["KANHUO_PEPPER"] = PEPPER
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)
        if pepper is None:
            del os.environ["KANHUO_PEPPER"]


async def counted(
    postgres: engines.Postgres, redis: engines.Redis, calls: int = 60, rate: float = 12
) -> dict[str, float]:
    """Return what one call costs, and what two nodes cost in a second without any."""
    url = postgres.database()
    async with serving(PAIRS, Options(database=url, bus=redis.url)) as one, another(one.environment) as two:
        house = House(postgres, redis, url, (one, two))
        before, after = await house.seen(), await house.seen()
        idle = {name: (after[name] - before[name]) / (after["at"] - before["at"]) for name in after}
        pairs = []
        for n in range(PAIRS):
            agent = await page(two.url, pass_("agent", f"agent-{n}", merchant(n)), "desk")
            agent.send("presence.beat", duty=True, foreground=True)
            pairs.append((await page(one.url, pass_("buyer", f"buyer-{n}", merchant(n)), "phone"), agent))
        before = await house.seen()
        began = time.monotonic()
        under_way = []
        for n in range(calls):
            await asyncio.sleep(max(0.0, began + n / rate - time.monotonic()))
            under_way.append(asyncio.create_task(lifecycle(*pairs[n % PAIRS])))
        await asyncio.gather(*under_way)
        after = await house.seen()
    long = after["at"] - before["at"]
    whole = {name: (after[name] - before[name] - idle[name] * long) / calls for name in after if name != "at"}
    return whole | {"idle_transactions": idle["transactions"] / 2, "idle_cpu": idle["nodes_cpu"] / 2}


def main() -> None:
    """Print what was counted."""
    with everything_as_it_was(), engines.postgres() as postgres, engines.redis() as redis:
        told = asyncio.run(counted(postgres, redis, calls=int(sys.argv[1]) if sys.argv[1:] else 300))
    sys.stdout.write(json.dumps(told, indent=2) + "\n")


if __name__ == "__main__":
    main()
