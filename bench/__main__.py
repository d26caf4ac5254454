"""Runs one bench and prints its figures."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
from collections.abc import Callable, Coroutine
from typing import Any

from bench import calls, first_frame, idle, relay
from bench.figures import Figures

BENCHES: dict[str, Callable[[bool], Coroutine[Any, Any, Figures]]] = {
    "calls": calls.run,
    "relay": relay.run,
    "idle": idle.run,
    "first-frame": first_frame.run,
}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("name", choices=BENCHES)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--short", action="store_true")
    chosen = parser.parse_args()
    figures: Figures = asyncio.run(BENCHES[chosen.name](chosen.short))
    machine = f"{platform.system()} {platform.release()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    if chosen.json:
        print(json.dumps({"bench": chosen.name, "machine": machine, **figures.told()}))
        return
    print(f"{chosen.name} on {machine}")
    for name, value in figures.values.items():
        aim = figures.aims.get(name)
        print(f"  {name:<36} {value:>12.3f}" + (f"   aim {aim.sign} {aim.at:g}" if aim else ""))


if __name__ == "__main__":
    main()
