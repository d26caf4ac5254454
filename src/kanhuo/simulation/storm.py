"""What happens when a node is lost: all its pages come back at once, to the nodes that are left.

A page opens a socket and says hello; where no welcome comes within 5 s it gives up and tries again after a pause that grows
(``web/src/core/link.ts``). What it asked for is still worked through: a node learns that a page has gone only when it gets there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Final

import numpy as np
import simpy
from numpy.random import Generator as Chance

from kanhuo.simulation.costs import MEASURED, Costs
from kanhuo.simulation.engines import Environment, Node, Process

BACKOFF: Final = (0.0, 0.25, 0.5, 1.0, 2.0, 4.0, 5.0)
"""Seconds before each try, times 0.75 to 1.25: as the pages have it."""

PATIENCE: Final = 5.0
"""Seconds after which a page gives a socket up on which nothing was said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Storm:
    """Pages that lose their node."""

    pages: int = 6_750
    """How many."""
    survivors: int = 4
    """Nodes that are left."""
    load: float = 0.35
    """Share of their cores that other work takes."""
    spread: float = 0.0
    """Seconds over which pages spread their first try; 0: each tries at once, as pages do today."""
    given_up_is_dropped: bool = False
    """Whether a node drops the hello of a page that has gone, instead of working through it."""
    until: float = 90.0
    """Seconds that are simulated; a page that is not back by then counts as so long away."""
    seed: int = 1
    costs: Costs = field(default=MEASURED)


@dataclass(frozen=True, slots=True)
class Return:
    """How the pages came back."""

    away: Sequence[float]
    """Seconds that each page was without a line, in order."""
    until: float
    """Seconds that were simulated."""
    hellos: int
    """Hellos that were worked through."""
    queues: Sequence[tuple[float, int]]
    """How many hellos waited for the survivors, at each instant."""

    def told(self) -> Mapping[str, float]:
        """Return its figures: seconds, and shares of pages."""
        away = np.asarray(self.away)
        return {
            "away_p50_s": float(np.quantile(away, 0.5)),
            "away_p99_s": float(np.quantile(away, 0.99)),
            "away_longest_s": float(away.max()),
            "missing_share": float(np.mean(away > 4)),
            "ring_lost_share": float(np.mean(away > 10)),
            "talk_lost_share": float(np.mean(away > 30)),
            "not_back_share": float(np.mean(away >= self.until)),
            "hellos_per_page": self.hellos / len(away),
        }


def come_back(
    env: Environment,
    chance: Chance,
    choose: Callable[[], Node],
    cost: float,
    *,
    spread: float = 0.0,
    drops: bool = False,
) -> Process:
    """Bring one page back; ends once it is welcomed."""
    for tries in count():
        step = BACKOFF[min(tries, len(BACKOFF) - 1)]
        pause = float(chance.uniform(0, spread)) if not tries and spread else step * float(chance.uniform(0.75, 1.25))
        if pause:
            yield env.timeout(pause)
        gone = env.event()
        welcomed = env.process(_greet(choose(), cost, gone if drops else None))
        yield welcomed | env.timeout(PATIENCE)
        if welcomed.processed:
            return
        gone.succeed()


def _greet(node: Node, cost: float, gone: simpy.Event | None) -> Process:
    yield from node.work(cost, unless=gone)


def storm(asked: Storm) -> Return:
    """Lose a node; return how its pages came back."""
    env, chance = Environment(), np.random.default_rng(asked.seed)
    nodes = [Node(env, chance) for _ in range(asked.survivors)]
    away: list[float] = []
    queues: list[tuple[float, int]] = []
    # what else a node has to do makes everything take longer
    cost = asked.costs.hello_cpu / (1 - asked.load)

    def page() -> Process:
        yield env.process(
            come_back(
                env,
                chance,
                lambda: nodes[int(chance.integers(len(nodes)))],
                cost,
                spread=asked.spread,
                drops=asked.given_up_is_dropped,
            )
        )
        away.append(env.now)

    def watch() -> Process:
        while True:
            queues.append((env.now, sum(node.queue for node in nodes)))
            if len(away) == asked.pages:
                return
            yield env.timeout(0.1)

    for _ in range(asked.pages):
        env.process(page())
    env.process(watch())
    env.run(until=asked.until)
    lost = [asked.until] * (asked.pages - len(away))
    return Return([*sorted(away), *lost], asked.until, sum(node.done for node in nodes), queues)
