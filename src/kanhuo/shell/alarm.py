"""The alarm: asks again and again whether something is due.

Deadlines live in the database, in a ``due`` column, so a restart loses none. The alarm only provides the beat; it is late
by its period at most.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from kanhuo.kernel.clock import Millis
from kanhuo.shell.metrics import Metrics

log = logging.getLogger(__name__)


class Alarm:
    """Calls one function at a steady beat until stopped; a failing beat is logged and the next one comes."""

    def __init__(
        self, beat: Callable[[], Awaitable[None]], *, every: Millis = 200, metrics: Metrics | None = None
    ) -> None:
        self._beat = beat
        self._metrics = metrics
        self._every = every / 1_000
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to beat."""
        self._task = asyncio.create_task(self._run(), name="kanhuo-alarm")

    async def stop(self) -> None:
        """End; a beat that is under way is broken off."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def _run(self) -> None:
        asked = time.perf_counter()
        while True:
            await asyncio.sleep(self._every)
            began = time.perf_counter()
            await attempt(self._beat())
            ended = time.perf_counter()
            if self._metrics is not None:
                self._metrics.lag.observe(max(0.0, began - asked - self._every))
                self._metrics.beat.observe(ended - began)
            asked = time.perf_counter()


async def pause(length: Millis) -> None:
    """Let time pass for somebody outside who gives no sign, such as a balancer that looks now and then."""
    await asyncio.sleep(length / 1_000)


async def attempt(work: Awaitable[object], call: str | None = None) -> bool:
    """Do one of many things that time brings; return whether it succeeded. What fails is logged and keeps nothing else up."""
    try:
        await work
    except Exception:
        log.exception("something that was due failed; it is tried again", extra={"call": call})
        return False
    return True
