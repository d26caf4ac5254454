"""A cell at work, as a discrete-event simulation: buyers call, agents are rung, talk and wrap up, engines queue, a node is lost.

Every call goes the way of the real one (``calls/model.py``) with the product's own patience (``calls/policy.py``): what each step
costs on its node, in the database and on the bus is the measured cost of a whole call, shared out over its steps.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import exp, inf, pi, sin
from typing import Final

import numpy as np
import simpy
from numpy.random import Generator as Chance

from kanhuo.calls.policy import DEFAULT
from kanhuo.kernel.clock import SECOND
from kanhuo.simulation.capacity import Demand
from kanhuo.simulation.capacity import cell as model
from kanhuo.simulation.costs import MEASURED, Costs
from kanhuo.simulation.engines import Environment, Line, Node, Partition, Process
from kanhuo.simulation.storm import come_back

STEPS: Final = 6
"""Of a call: ask and offer, ring delivered, accept, both media up, end, rested."""

DRAINED: Final = 9.0
"""Seconds over which the pages of a node that ends go to the others: three fifths of 15 (``edge/leaving.py``)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """What is simulated. Times in seconds."""

    demand: Demand = field(default_factory=lambda: Demand(agents=3_000, calls=15))
    costs: Costs = field(default=MEASURED)
    seed: int = 1
    nodes: int = 2
    seconds: float = 900
    warm: float = 240
    """What happens before is not counted: the cell starts empty."""
    background: bool = True
    """Whether engines also do what is not a call's own; without it, a long time can be simulated."""
    day: bool = False
    """Whether calls follow the hours of a day (``seconds`` being one), or come at the rate of the peak."""
    burst: tuple[float, float, float] | None = None
    """From when, for how long, times how much more calls come: a live room ends, say."""
    lost_at: float = inf
    """When a node is killed."""
    drained_at: float = inf
    """When a node is told to end."""
    spread: float = 0.0
    """Seconds over which pages spread their return to another node; today 0."""
    staff: Sequence[int] | None = None
    """The merchants' numbers of agents; without it they are drawn."""
    accepts: float = 0.9
    """Chance that an agent who is rung accepts before the ring ends."""
    queue: float = DEFAULT.queue / SECOND
    ring_limit: float = DEFAULT.ring / SECOND
    offers: int = DEFAULT.offers
    sync: float = 1e-3
    """Seconds of the disk for a group commit. Assumed: the machine of the trials answers in 0.12 ms, from a cache."""
    bus: float = 0.22e-3
    """Seconds from node to node by Redis, median (*server*)."""


@dataclass(slots=True, eq=False)
class Agent:
    """Somebody who answers."""

    node: Node
    idle_since: float = 0.0
    away: bool = False
    """Her page has no line."""
    engaged: bool = False


@dataclass(slots=True, eq=False)
class Merchant:
    """Agents, and who waits for them."""

    agents: list[Agent]
    waiting: deque[simpy.Event] = field(default_factory=deque)
    calls: int = 0
    queued: int = 0


@dataclass(slots=True)
class Outcome:
    """What was seen."""

    rings: list[tuple[float, float]] = field(default_factory=list)
    """For each call that found an agent free: when it was asked for, and the seconds until it rang."""
    waits: list[tuple[float, float]] = field(default_factory=list)
    """For each call: when it was asked for, and the seconds until the first ring, or until the buyer left."""
    ends: Counter[str] = field(default_factory=Counter)
    load: list[tuple[float, float, float]] = field(default_factory=list)
    """At each instant: the share of time in which nodes and the database were busy since the one before."""
    queueing: list[tuple[float, float]] = field(default_factory=list)
    """At each instant: the share of merchants with somebody waiting."""
    returns: list[float] = field(default_factory=list)
    """Seconds that the pages of a lost node were away."""
    by_size: dict[int, tuple[int, int]] = field(default_factory=dict)
    """For each number of agents: calls, and those of them that had to wait."""

    def told(self) -> Mapping[str, float]:
        """Return its figures: seconds and shares."""
        rings, waits = np.array([ring for _, ring in self.rings]), np.array([wait for _, wait in self.waits])
        calls = max(1, sum(self.ends.values()))
        figures = {f"ring_ms_p{q:g}": float(np.percentile(rings, q)) * 1_000 for q in (50, 95, 99) if len(rings)}
        figures |= {f"wait_s_p{q:g}": float(np.percentile(waits, q)) for q in (50, 80, 95) if len(waits)}
        figures["calls"] = float(sum(self.ends.values()))
        figures |= {f"share_{end}": count / calls for end, count in sorted(self.ends.items())}
        figures["rung_within_1_s"] = float(np.mean(waits <= 1)) if len(waits) else 0.0
        figures["rung_within_20_s"] = float(np.mean(waits <= 20)) if len(waits) else 0.0
        figures["nodes_busy"] = float(np.mean([nodes for _, nodes, _ in self.load])) if self.load else 0.0
        figures["partition_busy"] = float(np.mean([busy for _, _, busy in self.load])) if self.load else 0.0
        figures["merchants_with_queue"] = (
            float(np.mean([share for _, share in self.queueing])) if self.queueing else 0.0
        )
        if self.returns:
            figures["back_s_p50"], figures["back_s_longest"] = float(np.median(self.returns)), max(self.returns)
        return figures


def of_the_day(part: float) -> float:
    """Return the share of the peak at which calls come, at a part (0 to 1) of the day: little at night, most at half past eight."""
    hour = 24 * part
    evening, afternoon = exp(-(((hour - 20.5) / 2.2) ** 2)), 0.62 * exp(-(((hour - 14) / 3.6) ** 2))
    return min(1.0, 0.06 + 0.12 * max(0.0, sin(pi * (hour - 7) / 16)) + 0.86 * evening + afternoon)


class Cell:
    """A cell, and the people who use it."""

    def __init__(self, asked: Scenario) -> None:
        self.asked = asked
        self.env = Environment()
        self.chance: Chance = np.random.default_rng(asked.seed)
        costs = asked.costs
        self.step = costs.lifecycle_cpu / STEPS
        self.nodes = [Node(self.env, self.chance) for _ in range(asked.nodes)]
        unit = costs.lifecycle_pg_cpu / costs.lifecycle_transactions
        self.partition = Partition(self.env, self.chance, unit=unit, sync=asked.sync)
        self.transactions = costs.lifecycle_transactions / STEPS
        self.bus = Line(self.env, self.chance, asked.bus)
        self.merchants = self._merchants()
        self._all = [agent for merchant in self.merchants for agent in merchant.agents]
        for agent in self._all:
            agent.idle_since = -float(self.chance.random())
        self.seen = Outcome()

    def run(self) -> Outcome:
        """Let time pass; return what was seen."""
        asked = self.asked
        self.env.process(self._arrivals())
        self.env.process(self._watch())
        for node in self.nodes if asked.background else ():
            self.env.process(self._background(node))
        if asked.lost_at < asked.seconds:
            self.env.process(self._end(asked.lost_at, 0.0))
        if asked.drained_at < asked.seconds:
            self.env.process(self._end(asked.drained_at, DRAINED))
        self.env.run(until=asked.seconds)
        for merchant in self.merchants:
            size = len(merchant.agents)
            calls, queued = self.seen.by_size.get(size, (0, 0))
            self.seen.by_size[size] = calls + merchant.calls, queued + merchant.queued
        return self.seen

    def _merchants(self) -> list[Merchant]:
        sizes: list[int] = list(self.asked.staff or ())
        demand, left = self.asked.demand, self.asked.demand.agents
        shares = demand.sizes.shares
        while not self.asked.staff and left > 0:
            drawn = min(left, int(self.chance.choice(len(shares), p=shares)) + 1)
            sizes.append(drawn)
            left -= drawn
        return [Merchant([Agent(self._node()) for _ in range(size)]) for size in sizes]

    def _node(self) -> Node:
        living = [node for node in self.nodes if node.living]
        return living[int(self.chance.integers(len(living)))]

    def _about(self, mean: float) -> float:
        return float(self.chance.exponential(mean)) if 0 < mean < inf else mean

    # Calls

    def _arrivals(self) -> Process:
        """Calls come at random, to each merchant as often as she has agents."""
        asked = self.asked
        weights = np.array([len(merchant.agents) for merchant in self.merchants], dtype=float)
        ends = np.cumsum(weights) / weights.sum()
        most = asked.demand.calls * max(1.0, asked.burst[2] if asked.burst else 1.0)
        while True:
            yield self.env.timeout(self._about(1 / most))
            if self.chance.random() * most < self._rate(self.env.now):
                merchant = self.merchants[int(np.searchsorted(ends, self.chance.random()))]
                self.env.process(self._call(merchant))

    def _rate(self, now: float) -> float:
        asked = self.asked
        rate = asked.demand.calls * (of_the_day(now / asked.seconds) if asked.day else 1.0)
        if asked.burst and asked.burst[0] <= now < asked.burst[0] + asked.burst[1]:
            rate *= asked.burst[2]
        return rate

    def _call(self, merchant: Merchant) -> Process:
        asked, seen, at = self.asked, self.seen, self.env.now
        counted = at >= asked.warm
        merchant.calls += counted
        buyers = self._node()
        leaves = at + min(asked.queue, self._about(asked.demand.patience))
        tried: list[Agent] = []
        rang: float | None = None
        end = "no_answer"
        while end == "no_answer" and len(tried) < min(asked.offers, len(merchant.agents)):
            yield from self._move(buyers)
            asked_at = self.env.now
            agent = yield from self._agent(merchant, tried, leaves)
            if agent is None:
                end = "left_the_queue"
                break
            yield self.bus.delay()
            yield from agent.node.work(self.step)
            if rang is None:
                rang = self.env.now - at
                waited = agent.idle_since > asked_at
                merchant.queued += counted and waited
                if counted and not waited:
                    seen.rings.append((at, rang))
            if self.chance.random() < asked.accepts:
                end = "completed"
                yield from self._talk(merchant, agent, buyers)
            else:
                yield self.env.timeout(asked.ring_limit)
                tried.append(agent)
                self._free(merchant, agent)
        if counted:
            seen.ends[end] += 1
            merchant.queued += rang is None
            seen.waits.append((at, self.env.now - at if rang is None else rang))

    def _move(self, node: Node) -> Process:
        """Take one step of a call: decide on a node, make it durable."""
        yield from node.work(self.step)
        yield self.partition.commit(self.transactions)

    def _agent(self, merchant: Merchant, tried: Sequence[Agent], leaves: float) -> Process:
        """Wait for the agent who has been idle longest, first come first; ``None`` where the buyer leaves before."""
        while True:
            free = [agent for agent in merchant.agents if not (agent.engaged or agent.away or agent in tried)]
            if free:
                chosen = min(free, key=lambda agent: agent.idle_since)
                chosen.engaged = True
                return chosen
            freed = self.env.event()
            merchant.waiting.append(freed)
            yield freed | self.env.timeout(max(0.0, leaves - self.env.now))
            if not freed.triggered:
                merchant.waiting.remove(freed)
                return None
            if self.env.now >= leaves:
                return None

    def _talk(self, merchant: Merchant, agent: Agent, buyers: Node) -> Process:
        demand = self.asked.demand
        yield self.env.timeout(min(self._about(demand.ring), self.asked.ring_limit))
        yield from self._move(agent.node)
        yield from self._move(buyers)
        yield self.env.timeout(self._about(demand.talk))
        yield from self._move(buyers)
        self.env.process(self._rest(merchant, agent))

    def _rest(self, merchant: Merchant, agent: Agent) -> Process:
        yield self.env.timeout(self._about(self.asked.demand.wrap_up))
        yield from self._move(agent.node)
        self._free(merchant, agent)

    def _free(self, merchant: Merchant, agent: Agent) -> None:
        agent.engaged = False
        agent.idle_since = self.env.now
        self._wake(merchant)

    def _wake(self, merchant: Merchant) -> None:
        """Let all who wait look, in their order: the first may have been rung by this agent already."""
        waiting, merchant.waiting = merchant.waiting, deque()
        for freed in waiting:
            freed.succeed()

    # Nodes

    def _background(self, node: Node) -> Process:
        """Do what is not a call's own, in pieces of 2 ms: signalling, desks, pings, pages that connect, looking around."""
        piece = 2e-3
        load = model(self.asked.demand, self.asked.nodes, self.asked.costs)
        cores = (sum(load.cores.values()) - load.cores["calls"]) / self.asked.nodes
        transactions = (sum(load.transactions.values()) - load.transactions["calls"]) / self.asked.nodes
        while cores and node.living:
            yield self.env.timeout(self._about(piece / cores))
            self.env.process(node.work(piece))
            self.partition.commit(transactions * piece / cores, writes=False)

    def _end(self, at: float, over: float) -> Process:
        """End the first node: killed, or its pages sent away one after the other."""
        yield self.env.timeout(at)
        ended = self.nodes[0]
        ended.living = False
        pages = [agent for agent in self._all if agent.node is ended]
        for n, agent in enumerate(pages):
            self.env.process(self._moves(agent, None if not over else over * n / len(pages)))

    def _moves(self, agent: Agent, after: float | None) -> Process:
        """Let an agent's page go to another node: at once and cut off, or in its turn and without a gap."""
        if after is not None:
            yield self.env.timeout(after)
            to = self._node()
            yield from to.work(self.asked.costs.hello_cpu)
            agent.node = to
            return
        cut, agent.away = self.env.now, True
        yield from come_back(self.env, self.chance, self._node, self.asked.costs.hello_cpu, spread=self.asked.spread)
        agent.node, agent.away = self._node(), False
        self.seen.returns.append(self.env.now - cut)
        for merchant in self.merchants:
            if agent in merchant.agents:
                self._wake(merchant)

    def _watch(self) -> Process:
        every = max(1.0, self.asked.seconds / 300)
        nodes = partition = 0.0
        while True:
            yield self.env.timeout(every)
            now_nodes, now_partition = sum(node.busy for node in self.nodes), self.partition.busy
            living = sum(node.living for node in self.nodes)
            if self.env.now >= self.asked.warm:
                busy = (now_nodes - nodes) / every / living
                self.seen.load.append((self.env.now, busy, (now_partition - partition) / every))
                waiting = sum(1 for merchant in self.merchants if merchant.waiting)
                self.seen.queueing.append((self.env.now, waiting / len(self.merchants)))
            nodes, partition = now_nodes, now_partition


def simulate(asked: Scenario) -> Outcome:
    """Run a scenario; the same one gives the same outcome."""
    return Cell(asked).run()
