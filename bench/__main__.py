"""Runs one bench and prints its figures."""

from __future__ import annotations

import argparse
import json
import os
import platform
from collections.abc import Callable, Coroutine
from typing import Any

import uvloop

from bench import availability, calls, chaos, fanout, first_frame, idle, reach, relay
from bench.figures import Figures
from bench.options import Options, with_engines

BENCHES: dict[str, Callable[[Options], Coroutine[Any, Any, Figures]]] = {
    "calls": calls.run,
    "relay": relay.run,
    "idle": idle.run,
    "availability": availability.run,
    "fanout": fanout.run,
    "first-frame": first_frame.run,
    "chaos": chaos.run,
    "reach": reach.run,
}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("name", choices=BENCHES)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--nodes", type=int, default=0, metavar="N")
    parser.add_argument("--database", default="", metavar="URL")
    parser.add_argument("--bus", default="", metavar="URL")
    parser.add_argument("--seed", type=int, metavar="N")
    chosen = parser.parse_args()
    nodes = chosen.nodes or (2 if chosen.name == "reach" else 0)
    asked = Options(chosen.short, nodes, chosen.database, chosen.bus, chosen.seed)
    with with_engines(asked) as options:
        figures: Figures = uvloop.run(BENCHES[chosen.name](options))
    machine = f"{platform.system()} {platform.release()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    if chosen.json:
        print(json.dumps({"bench": chosen.name, "machine": machine, **figures.told()}))
        return
    print(f"{chosen.name} on {machine}")
    for name, value in figures.values.items():
        aim = figures.aims.get(name)
        print(f"  {name:<48} {value:>12.3f}" + (f"   aim {aim.sign} {aim.at:g}" if aim else ""))


if __name__ == "__main__":
    main()
