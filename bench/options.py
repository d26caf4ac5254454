"""What a bench is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from tests.support import engines


@dataclass(frozen=True)
class Options:
    short: bool = False
    """A few seconds, to see that it runs; its figures are rough."""
    nodes: int = 0
    """How many processes serve, on PostgreSQL and Redis; 0: one, on SQLite and without a bus."""
    database: str = ""
    """URL that the server gets as ``KANHUO_DATABASE``; empty: the bench's own engine, or a SQLite file in a new folder."""
    bus: str = ""
    """URL that the server gets as ``KANHUO_BUS``; empty: the bench's own, or none."""
    seed: int | None = None
    """The one schedule that ``chaos`` plays, again and again."""
    engines: tuple[tuple[str, int], ...] = ()
    """The bench's own engines and their process ids."""

    @property
    def environment(self) -> dict[str, str]:
        given = {"KANHUO_DATABASE": self.database, "KANHUO_BUS": self.bus}
        return {name: value for name, value in given.items() if value}


@contextmanager
def with_engines(options: Options) -> Iterator[Options]:
    """Run the engines that are asked for and not given, as Debian configures them, for as long as the block lasts."""
    if not options.nodes or options.database:
        yield options
        return
    with engines.postgres() as postgres, engines.redis() as redis:
        assert postgres.process is not None
        assert redis.process is not None
        pids = (("postgresql", postgres.process.pid), ("redis", redis.process.pid))
        yield replace(options, database=postgres.database(), bus=redis.url, engines=pids)
