"""The one place that asks the time.

Every instant in kanhuo is an integer: milliseconds since the Unix epoch, UTC. Models and policies take it as an argument.
"""

from __future__ import annotations

import time
from typing import Protocol, TypeAlias

Millis: TypeAlias = int
"""An instant (milliseconds since the Unix epoch) or a length of time in milliseconds, as the name says."""

SECOND: Millis = 1_000
MINUTE: Millis = 60 * SECOND
HOUR: Millis = 60 * MINUTE


def nanoseconds() -> int:
    """Return the machine's instant in nanoseconds since the Unix epoch, for traces: nothing is decided by it."""
    return time.time_ns()


class Clock(Protocol):
    """Tells the present instant."""

    def now(self) -> Millis:
        """Return the present instant in milliseconds since the Unix epoch."""


class SystemClock:
    """The machine's wall clock."""

    def now(self) -> Millis:
        """Return the machine's instant in milliseconds since the Unix epoch."""
        return time.time_ns() // 1_000_000
