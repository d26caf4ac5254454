"""The figures and simulations that ``docs/scale.md`` shows, in one place, so that one command makes them all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from kanhuo.simulation.capacity import Demand, Plan, alone, plan
from kanhuo.simulation.costs import MEASURED, MENDED, Costs
from kanhuo.simulation.scale import Outcome, Scenario, simulate
from kanhuo.simulation.storm import Return, Storm, storm

SCALES = (1_000, 10_000, 100_000, 1_000_000)
"""Agents on duty; the last is replaced by what is asked for."""


@dataclass(frozen=True, slots=True)
class Runs:
    """What was simulated."""

    peak: Outcome
    """A cell at its busiest hour: twice the calls for a minute, later a node is lost."""
    peak_asked: Scenario
    drain: Outcome
    day: Outcome
    day_asked: Scenario
    storms: Mapping[str, Return]

    def told(self) -> dict[str, Mapping[str, float]]:
        """Return their figures."""
        named = {"peak": self.peak.told(), "drain": self.drain.told(), "day": self.day.told()}
        return {**named, **{f"storm: {name}": one.told() for name, one in self.storms.items()}}


def plans(demand: Demand, costs: Costs = MEASURED) -> list[Plan]:
    """Return the plan of a demand, and of a tenth, a hundredth, a thousandth of it."""
    return [plan(demand.part(1_000_000 // scale), costs) for scale in SCALES]


def runs(demand: Demand, seed: int, hurry: float = 1.0) -> Runs:
    """Simulate; ``hurry`` above 1 simulates a shorter time of fewer people."""
    each = demand.calls / demand.agents
    few = round(3_000 / hurry)
    small = replace(demand, agents=few, calls=few * each, largest=min(demand.largest, 200))
    long = 900 / hurry
    base = Scenario(demand=small, seed=seed, nodes=3, seconds=long, warm=long / 4)
    peak = replace(base, burst=(long * 0.4, long / 15, 2.0), lost_at=long * 0.7)
    fewer = round(300 / hurry)
    alone_a_day = replace(small, agents=fewer, calls=fewer * each)
    day = Scenario(demand=alone_a_day, seed=seed, nodes=1, seconds=86_400 / hurry, warm=0, day=True, background=False)
    return Runs(
        simulate(peak),
        peak,
        simulate(replace(base, drained_at=long * 0.5, seconds=long * 0.75)),
        simulate(day),
        day,
        storms(seed, hurry),
    )


def storms(seed: int, hurry: float = 1.0) -> dict[str, Return]:
    """Lose a node with as many pages as the model puts on one, and with twice as many; return how the pages come back."""
    planned, full = round(5_400 / hurry), round(12_000 / hurry)
    base = Storm(pages=planned, survivors=4, seed=seed)
    asked = {
        f"{planned:,} pages, at once": base,
        f"{planned:,} pages, over 8 s": replace(base, spread=8.0),
        f"{full:,} pages, at once": replace(base, pages=full),
        f"{full:,} pages, over 15 s": replace(base, pages=full, spread=15.0),
        f"{full:,} pages, at once, hellos of pages gone dropped": replace(base, pages=full, given_up_is_dropped=True),
    }
    return {name: storm(one) for name, one in asked.items()}


def machine(demand: Demand, found: Runs | None) -> dict[str, Any]:
    """Return everything as plain values, for machines."""
    ways = {"as it is": MEASURED, "mended": MENDED}
    told: dict[str, Any] = {
        name: [
            {
                "agents": one.demand.agents,
                "calls_per_s": one.demand.calls,
                "cells": one.cells,
                "nodes": one.nodes,
                "nodes_per_cell": one.cell.nodes,
                "shares": dict(one.shares),
                "engines_needed_in_one_cell": alone(one.demand, costs),
                "cores_per_cell": dict(one.cell.cores),
                "transactions_per_s_per_cell": dict(one.cell.transactions),
                "redis_commands_per_s_per_cell": dict(one.cell.commands),
                **one.figures,
            }
            for one in plans(demand, costs)
        ]
        for name, costs in ways.items()
    }
    return told if found is None else {**told, "simulated": found.told()}
