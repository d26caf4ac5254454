"""The simulation, against closed forms, against what was measured, and against itself."""

from __future__ import annotations

import numpy as np
import pytest
import simpy

from kanhuo.simulation.capacity import Demand
from kanhuo.simulation.costs import Costs
from kanhuo.simulation.engines import Node, Partition, Process
from kanhuo.simulation.queueing import erlang_c, mean_wait, waits_longer
from kanhuo.simulation.scale import Outcome, Scenario, of_the_day, simulate
from kanhuo.simulation.storm import Storm, storm

FREE = Costs(
    lifecycle_cpu=0,
    lifecycle_pg_cpu=0,
    relay_cpu=0,
    idle_cpu=0,
    ping_cpu=0,
    hello_cpu=0,
    availability_cpu=0,
    node_cpu=0,
)
"""Engines that cost nothing: what is left are people."""


def _interval(values: list[float]) -> tuple[float, float]:
    """Return mean and half the 99 % interval, over independent runs (Student's t with 7 degrees of freedom)."""
    return float(np.mean(values)), 3.50 * float(np.std(values, ddof=1)) / len(values) ** 0.5


def _people(seed: int, agents: int, calls: float) -> Outcome:
    demand = Demand(agents=agents, calls=calls, talk=100, ring=0, wrap_up=0, patience=float("inf"))
    return simulate(
        Scenario(
            demand=demand, costs=FREE, seed=seed, nodes=1, seconds=5_000 + 4_000 / calls, warm=5_000, staff=[agents], accepts=1,
            queue=float("inf"), sync=0, bus=0,
        )
    )  # fmt: skip


@pytest.mark.parametrize(("agents", "load"), [(1, 0.6), (5, 3.5), (12, 9.0)])
def test_waits_are_those_of_erlang_c(agents: int, load: float) -> None:
    outcomes = [_people(seed, agents, load / 100) for seed in range(8)]
    waits = [np.array([wait for _, wait in outcome.waits]) for outcome in outcomes]
    for seen, formula in (
        ([float(np.mean(some > 1e-9)) for some in waits], erlang_c(agents, load)),
        ([float(np.mean(some)) for some in waits], mean_wait(agents, load, 100)),
        ([float(np.mean(some > 20)) for some in waits], waits_longer(agents, load, 100, 20)),
    ):
        mean, half = _interval(seen)
        assert abs(mean - formula) <= half
        assert half < formula / 2  # else nothing would be shown


def test_a_node_is_a_queue_with_one_server() -> None:
    times: list[list[float]] = []
    for seed in range(8):
        env, chance = simpy.Environment(), np.random.default_rng(seed)
        node, spent = Node(env, chance), list[float]()

        def one(env: simpy.Environment, node: Node, spent: list[float]) -> Process:
            began = env.now
            yield from node.work(1.0)
            spent.append(env.now - began)

        def arrive(env: simpy.Environment, node: Node, spent: list[float], chance: np.random.Generator) -> Process:
            while True:
                yield env.timeout(float(chance.exponential(1 / 0.7)))
                env.process(one(env, node, spent))

        env.process(arrive(env, node, spent, chance))
        env.run(until=20_000)
        times.append(spent)
    mean, half = _interval([float(np.mean(spent)) for spent in times])
    assert abs(mean - 1 / (1 - 0.7)) <= half  # M/M/1: service / (1 - load)


def test_what_waits_for_the_disk_goes_together() -> None:
    env = simpy.Environment()
    partition = Partition(env, np.random.default_rng(1), unit=0.0, sync=1.0)
    done: list[float] = []

    def write(at: float) -> Process:
        yield env.timeout(at)
        yield partition.commit()
        done.append(env.now)

    for at in (0.0, 0.1, 0.5, 0.9):
        env.process(write(at))
    env.run(until=10)
    assert done == [1.0, 2.0, 2.0, 2.0]
    assert partition.groups == 2


def test_the_time_to_the_ring_is_the_measured_one() -> None:
    # two nodes with PostgreSQL and Redis at 12 calls a second, each message by itself: 4.6 ms in the middle, 12.2 ms at p99
    calm = Costs(lifecycle_cpu=Costs().lifecycle_cpu_calm)
    demand = Demand(agents=2_400, calls=12, signals=0, views=0)
    told = simulate(Scenario(demand=demand, costs=calm, nodes=2, seconds=150, warm=30)).told()
    assert 2.3 <= told["ring_ms_p50"] <= 9.2
    assert 6.1 <= told["ring_ms_p99"] <= 24.4


def _small(**others: object) -> Outcome:
    return simulate(Scenario(demand=Demand(agents=300, calls=1.5, largest=50), seconds=240, warm=60, **others))  # type: ignore[arg-type]


def test_the_same_seed_tells_the_same() -> None:
    assert _small(seed=3).told() == _small(seed=3).told()
    assert _small(seed=3).told() != _small(seed=4).told()


def test_every_call_ends_once_and_a_burst_makes_queues() -> None:
    calm, burst = _small(), _small(burst=(60.0, 180.0, 2.5))
    assert sum(calm.ends.values()) == len(calm.waits)
    assert burst.told()["merchants_with_queue"] > calm.told()["merchants_with_queue"]
    assert max(burst.waits, key=lambda wait: wait[1])[1] <= 181 + 3 * 25
    assert _small(accepts=0.0).told()["share_no_answer"] > 0.5


def test_a_killed_node_cuts_pages_off_and_a_drained_one_does_not() -> None:
    killed, drained = _small(lost_at=120.0), _small(drained_at=120.0)
    assert len(killed.returns) > 50
    assert max(killed.returns) < 5
    assert drained.returns == []


def test_calls_follow_the_day() -> None:
    quiet, most = of_the_day(4 / 24), of_the_day(20.5 / 24)
    assert quiet < 0.1
    assert 0.95 < most <= 1
    assert float(np.mean([of_the_day(n / 1_000) for n in range(1_000)])) == pytest.approx(
        Demand().load_factor, abs=0.03
    )


def test_pages_that_return_spread_out_do_not_queue() -> None:
    at_once, spread = storm(Storm(pages=4_000)), storm(Storm(pages=4_000, spread=10.0))
    assert max(n for _, n in spread.queues) < max(n for _, n in at_once.queues) / 10
    assert at_once.told()["away_p50_s"] < spread.told()["away_p50_s"]


def test_a_flood_of_hellos_feeds_itself_unless_the_gone_are_dropped() -> None:
    flood, dropped = storm(Storm(pages=8_000)), storm(Storm(pages=8_000, given_up_is_dropped=True))
    assert flood.told()["hellos_per_page"] > 1.2
    assert dropped.told()["away_longest_s"] < flood.told()["away_longest_s"]
