"""The engines of a cell as servers with queues: nodes, a database partition with group commit, the bus."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, TypeAlias

import simpy
from numpy.random import Generator as Chance

Process: TypeAlias = Generator[simpy.Event, Any, Any]
Environment: TypeAlias = simpy.Environment


class Node:
    """One process on one core: work is done in the order it comes, for exponentially distributed times."""

    def __init__(self, env: Environment, chance: Chance) -> None:
        self._env = env
        self._chance = chance
        self._core = simpy.Resource(env, capacity=1)
        self.living = True
        self.busy = 0.0
        """Seconds of work so far."""
        self.done = 0
        """Pieces of work so far."""

    @property
    def queue(self) -> int:
        """How many wait for the core."""
        return len(self._core.queue)

    def work(self, mean: float, unless: simpy.Event | None = None) -> Process:
        """Do something that takes so many seconds on average, unless something has happened when its turn comes."""
        with self._core.request() as turn:
            yield turn
            if unless is not None and unless.triggered:
                return
            took = float(self._chance.exponential(mean))
            yield self._env.timeout(took)
            self.busy += took
            self.done += 1


class Partition:
    """A PostgreSQL: whatever has come while it was busy is committed together, by one write to the disk."""

    def __init__(self, env: Environment, chance: Chance, *, unit: float, sync: float, cores: int = 2) -> None:
        """``unit`` is the seconds of a core for one transaction, ``sync`` those of the disk for a group."""
        self._env = env
        self._chance = chance
        self._unit = unit / cores
        self._sync = sync
        self._waiting: list[tuple[float, bool, simpy.Event]] = []
        self._wanted = env.event()
        self.busy = 0.0
        self.committed = 0.0
        self.groups = 0
        env.process(self._run())

    def commit(self, transactions: float = 1.0, *, writes: bool = True) -> simpy.Event:
        """Return what happens once so many transactions are durable; those that only read need no disk."""
        durable = self._env.event()
        self._waiting.append((transactions, writes, durable))
        if not self._wanted.triggered:
            self._wanted.succeed()
        return durable

    def _run(self) -> Process:
        while True:
            if not self._waiting:
                self._wanted = self._env.event()
                yield self._wanted
            group, self._waiting = self._waiting, []
            size = sum(transactions for transactions, _, _ in group)
            sync = self._sync if any(writes for _, writes, _ in group) else 0.0
            took = sync + float(self._chance.gamma(size, self._unit))
            yield self._env.timeout(took)
            self.busy += took
            self.committed += size
            self.groups += 1
            for *_, durable in group:
                durable.succeed()


class Line:
    """The bus: a delay, no queue; Redis is far from its limit wherever PostgreSQL is within its own (``capacity.py``)."""

    def __init__(self, env: Environment, chance: Chance, typical: float) -> None:
        self._env = env
        self._chance = chance
        self._typical = typical

    def delay(self) -> simpy.Event:
        """Return what happens once news has gone from one node to another."""
        return self._env.timeout(self._typical * (0.5 + float(self._chance.exponential(0.72))))
