"""Closed forms of queues: Erlang's formulas, and merchants of very different sizes.

A merchant with ``c`` agents and an offered load of ``a`` erlang (calls a second times seconds of work) is M/M/c here; where
buyers who wait lose patience, M/M/c+M.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property
from math import exp


def erlang_b(servers: int, load: float) -> float:
    """Return the share of arrivals that find every server taken where nobody waits (Erlang 1917)."""
    blocked = 1.0
    for n in range(1, servers + 1):
        blocked = load * blocked / (n + load * blocked)
    return blocked


def erlang_c(servers: int, load: float) -> float:
    """Return the share of arrivals that have to wait, in a queue without limit; 1 where the load is too much."""
    if load >= servers:
        return 1.0
    blocked = erlang_b(servers, load)
    return servers * blocked / (servers - load * (1 - blocked))


def mean_wait(servers: int, load: float, service: float) -> float:
    """Return the mean wait of all arrivals, in the unit of ``service``; infinite where the load is too much."""
    if load >= servers:
        return float("inf")
    return erlang_c(servers, load) * service / (servers - load)


def waits_longer(servers: int, load: float, service: float, than: float) -> float:
    """Return the share of arrivals that wait longer than so much time."""
    if load >= servers:
        return 1.0
    return erlang_c(servers, load) * exp(-(servers - load) * than / service)


def queue_share(servers: int, load: float, leaving: float = 0.0) -> float:
    """Return the share of time in which somebody waits; 1 where the load is too much and nobody leaves.

    ``leaving`` is the mean service over the mean patience of who waits (Palm's M/M/c+M, "Erlang A"); 0: nobody leaves.
    """
    if not leaving:
        return erlang_c(servers, load) * load / servers if load < servers else 1.0
    taken = erlang_b(servers, load)
    if not taken:
        return 0.0  # less than a float can say
    # relative weights of all states, the one with every server taken and nobody waiting being 1
    below, weight = 1 / taken, 1.0
    waiting, n = 0.0, 0
    while weight > 1e-9 * (below + waiting):
        n += 1
        weight *= load / (servers + n * leaving)
        waiting += weight
    return waiting / (below + waiting)


def gathered(changes: float, sources: int, every: float) -> float:
    """Return how many tellings a second are left of so many changes, where each source tells once in ``every`` at most.

    Changes come at random (Poisson) to any of the sources; a beat in which at least one came tells once.
    """
    return sources / every * (1 - exp(-changes * every / sources))


@dataclass(frozen=True)
class Sizes:
    """How many agents merchants have: size ``k`` is ``k ** -tail`` as frequent as size 1, up to ``largest``."""

    tail: float = 2.2
    largest: int = 500

    @cached_property
    def shares(self) -> tuple[float, ...]:
        """The share of merchants with 1, 2, … agents."""
        weights = [k**-self.tail for k in range(1, self.largest + 1)]
        whole = sum(weights)
        return tuple(weight / whole for weight in weights)

    @cached_property
    def mean(self) -> float:
        """Agents of a merchant, on average."""
        return sum(k * share for k, share in enumerate(self.shares, start=1))

    def queueing(self, load: float, leaving: float = 0.0) -> float:
        """Return the share of merchants with somebody waiting, at a load of so many erlang for each agent."""
        return _queueing(self, round(load, 3), round(leaving, 3))


@cache
def sizes(tail: float, largest: int) -> Sizes:
    """Return the same sizes for the same numbers: their shares take a while to count."""
    return Sizes(tail, largest)


@cache
def _queueing(of: Sizes, load: float, leaving: float) -> float:
    return sum(share * queue_share(k, k * load, leaving) for k, share in enumerate(of.shares, start=1))
