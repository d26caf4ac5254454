"""A node of kanhuo with one more route, by which the bench makes it tell parties something. Run by ``bench.fanout``."""

from __future__ import annotations

import argparse
import asyncio
import time
from dataclasses import replace

import msgspec
from litestar import post

from kanhuo.app import build, server
from kanhuo.calls.terms import Side
from kanhuo.chat.messages import ChatLine
from kanhuo.config import from_environment
from kanhuo.shell.bus import Bus
from kanhuo.shell.wire import tell

PATH = "/bench/tell"
TEXT = "x" * 200


class Tell(msgspec.Struct, frozen=True):
    parties: list[str]
    times: int = 1


class Told(msgspec.Struct, frozen=True):
    lines: int


def tell_all(bus: Bus, asked: Tell, n: int) -> None:
    """Tell every party one line; ``at`` is the machine's monotonic clock, in µs."""
    for party in asked.parties:
        at = int(time.perf_counter() * 1e6)
        tell(bus, party, ChatLine(call="bench", n=n, side=Side.BUYER, at=at, key="bench", text=TEXT))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("serve")
    parser.add_argument("--port", type=int)
    found: list[Bus] = []

    @post(PATH)
    async def told(data: Tell) -> Told:
        for n in range(data.times):
            tell_all(found[0], data, n)
            await asyncio.sleep(0)
        return Told(data.times * len(data.parties))

    app = build(replace(from_environment(), port=parser.parse_args().port), more=[told])
    found.append(app.bus)
    server(app).run()


if __name__ == "__main__":
    main()
