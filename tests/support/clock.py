"""A clock that stands still until told otherwise."""

from __future__ import annotations

from kanhuo.kernel.clock import Millis


class FakeClock:
    """Starts at a fixed instant; ``pass_`` lets time pass."""

    def __init__(self, start: Millis = 1_790_000_000_000) -> None:
        self._now = start

    def now(self) -> Millis:
        return self._now

    def pass_(self, length: Millis) -> None:
        self._now += length
