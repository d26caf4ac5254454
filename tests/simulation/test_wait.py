"""What buyers are told of the wait, beside what they wait: a simulated merchant (SimPy), first come, first served."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator
from dataclasses import dataclass

import numpy as np
import pytest
import simpy

from kanhuo.calls.policy import Handling, Wait, wait_guess
from kanhuo.simulation.queueing import erlang_c, mean_wait

TALK = 100_000
"""Milliseconds of a talk with what comes after it, on average."""


@dataclass(frozen=True)
class Told:
    """What one buyer was told when she joined the queue, and how long she waited."""

    wait: Wait | None
    waited: float


def merchant(
    seed: int, agents: int, load: float, *, spread: float = 1.0, patience: float = 0.0, buyers: int = 6_000
) -> list[Told]:
    """Return what the buyers of a merchant were told, those who had to wait and were answered.

    ``spread`` is the coefficient of variation of talks: 1 is exponential, less is lognormal. ``patience`` is how long buyers
    wait on average before they give up; 0: for ever.
    """
    random, world = np.random.default_rng(seed), simpy.Environment()
    desk, last, told = simpy.Resource(world, agents), deque[float](maxlen=20), list[Told]()

    def talk() -> float:
        if spread == 1:
            return float(random.exponential(TALK))
        sigma = np.sqrt(np.log(1 + spread**2))
        return float(random.lognormal(np.log(TALK) - sigma**2 / 2, sigma))

    def buyer() -> Generator[simpy.Event]:
        came, place = world.now, len(desk.queue) + 1
        known = Handling(int(sum(last) / len(last)), len(last)) if last else None
        waits = desk.count == agents
        with desk.request() as turn:
            yield turn | world.timeout(random.exponential(patience)) if patience else turn
            if not turn.triggered:
                return
            if waits and len(last) == 20:
                told.append(Told(wait_guess(place, agents, known), world.now - came))
            length = talk()
            yield world.timeout(length)
            last.append(length)

    def arrivals() -> Generator[simpy.Event]:
        for _ in range(buyers):
            yield world.timeout(random.exponential(TALK / load))
            world.process(buyer())

    world.process(arrivals())
    world.run()
    return told


def covered(told: list[Told]) -> float:
    """Return the share of buyers whose wait was within what they were told."""
    return float(np.mean([one.wait.least <= one.waited <= one.wait.most for one in told if one.wait is not None]))


@pytest.mark.parametrize(("agents", "load"), [(1, 0.7), (3, 2.4), (8, 6.8)])
def test_eight_in_ten_wait_as_long_as_they_were_told(agents: int, load: float) -> None:
    told = [one for seed in range(4) for one in merchant(seed, agents, load)]
    assert len(told) > 3_000
    assert covered(told) == pytest.approx(0.8, abs=0.05)
    longer = float(np.mean([one.waited > one.wait.usual for one in told if one.wait is not None]))
    assert longer == pytest.approx(0.5, abs=0.05), "half wait longer than usual"


@pytest.mark.parametrize(("agents", "load"), [(1, 0.6), (3, 2.0)])
def test_the_simulated_merchant_is_the_one_of_the_formula(agents: int, load: float) -> None:
    told = [one for seed in range(8) for one in merchant(seed, agents, load, buyers=15_000)]
    waited = sum(one.waited for one in told) / (8 * 15_000)
    assert waited == pytest.approx(mean_wait(agents, load, TALK), rel=0.05)
    assert len(told) / (8 * 15_000) == pytest.approx(erlang_c(agents, load), rel=0.05)


def test_where_talks_are_more_alike_more_wait_as_they_were_told() -> None:
    told = [one for seed in range(4) for one in merchant(seed, 3, 2.4, spread=0.6)]
    assert covered(told) > 0.75


def test_nobody_is_told_too_little_because_others_give_up() -> None:
    told = [one for seed in range(4) for one in merchant(seed, 3, 3.5, patience=2 * TALK)]
    too_long = float(np.mean([one.waited > one.wait.most for one in told if one.wait is not None]))
    assert too_long < 0.1
