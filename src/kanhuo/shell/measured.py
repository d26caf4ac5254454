"""A database as seen from outside: how long its units of work take and what becomes of them."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from prometheus_client import Histogram

from kanhuo.kernel.errors import Code, Refused, Stale
from kanhuo.shell.database import Database, Work
from kanhuo.shell.metrics import Metrics

R = TypeVar("R")


class Around(Database):
    """Another database, unchanged: what watches one builds on this."""

    def __init__(self, inner: Database) -> None:
        self.shared = inner.shared
        self._inner = inner

    async def open(self) -> None:
        """Connect. The schema must exist already (``kanhuo migrate``)."""
        await self._inner.open()

    async def close(self) -> None:
        """Finish what was accepted, then close."""
        await self._inner.close()

    async def _write(self, work: Work[R]) -> R:
        return await self._inner._write(work)  # noqa: SLF001 - one database in another's clothes

    async def _write_alone(self, work: Work[R]) -> R:
        return await self._inner._write_alone(work)  # noqa: SLF001

    async def _read(self, work: Work[R]) -> R:
        return await self._inner._read(work)  # noqa: SLF001

    async def _snapshot(self, work: Work[R]) -> R:
        return await self._inner._snapshot(work)  # noqa: SLF001


class Measured(Around):
    """A database whose units of work are counted and timed, at some 2 µs each."""

    def __init__(self, inner: Database, metrics: Metrics) -> None:
        super().__init__(inner)
        self.units = 0
        """How many units of work have been handed in and are not yet done."""
        self._metrics = metrics
        self._writes, self._reads, self._snapshots = (
            metrics.unit.labels(kind) for kind in ("write", "read", "snapshot")
        )

    async def _write(self, work: Work[R]) -> R:
        return await self._timed(self._inner._write, work, self._writes)  # noqa: SLF001

    async def _write_alone(self, work: Work[R]) -> R:
        return await self._timed(self._inner._write_alone, work, self._writes)  # noqa: SLF001

    async def _read(self, work: Work[R]) -> R:
        return await self._timed(self._inner._read, work, self._reads)  # noqa: SLF001

    async def _snapshot(self, work: Work[R]) -> R:
        return await self._timed(self._inner._snapshot, work, self._snapshots)  # noqa: SLF001

    async def _timed(self, run: Callable[[Work[R]], Awaitable[R]], work: Work[R], seconds: Histogram) -> R:
        began = time.perf_counter()
        self.units += 1
        try:
            return await run(work)
        except Stale:
            self._metrics.stale.inc()
            raise
        except Refused as refusal:
            if refusal.code is Code.OVERLOADED:
                self._metrics.failed.labels("overloaded").inc()
            raise
        except Exception:
            self._metrics.failed.labels("error").inc()
            raise
        finally:
            self.units -= 1
            seconds.observe(time.perf_counter() - began)
