"""The load of a relay: messages of one size from one connection to another, the same for every server.

The client is picows and nothing else: it sends prepared bytes and counts what comes back.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bench.server import Measured

IN_FLIGHT = 8
"""How many messages of a lane may be on their way at once."""

SIZE = 350
"""Bytes of a message as it is sent, about what a trickled candidate has."""

TICK = 0.001
"""Seconds between two looks at what is due, at a given rate."""


def sized(frame: Callable[[str], bytes]) -> bytes:
    """Return the message that ``frame`` makes with a candidate that brings it to ``SIZE`` bytes."""
    text = "candidate:842163049 1 udp 1677729535 203.0.113.7 46154 typ srflx generation 0 network-cost 999 ufrag "
    return frame(text + "E" * (SIZE - len(frame(text))))


class Lane:
    """Messages from one connection to another, in order."""

    def __init__(self, send: Callable[[], None]) -> None:
        """Begin; ``send`` sends the next message."""
        self.count = 0
        """How many have arrived."""
        self.times: list[float] = []
        """Seconds from sending to arriving."""
        self.owed = 0.0
        """How many are to be sent yet."""
        self._send = send
        self._out: deque[float] = deque()

    @property
    def outstanding(self) -> int:
        return len(self._out)

    def push(self) -> None:
        """Send what is owed, as far as there is room."""
        while self.owed > 0 and len(self._out) < IN_FLIGHT and self.open():
            self.owed -= 1
            self._out.append(time.perf_counter())
            self._send()

    def open(self) -> bool:
        """Whether the server would take a message now; a lane that opens later pushes by itself."""
        return True

    def arrived(self) -> None:
        self.times.append(time.perf_counter() - self._out.popleft())
        self.count += 1
        self.push()


@dataclass(frozen=True)
class Load:
    """What one stretch of load came to."""

    messages: int
    took: float
    """Seconds."""
    cpu: float
    """Seconds of the server's processor time."""
    times: list[float]
    """Seconds from sending to arriving."""

    @property
    def cpu_ms_per_1000(self) -> float:
        return self.cpu / self.messages * 1e6


async def drive(server: Measured, lanes: Sequence[Lane], seconds: float, rate: float | None) -> Load:
    """Send over all lanes: ``rate`` messages a second together, evenly, or as fast as they arrive."""
    for lane in lanes:
        lane.times, lane.count = [], 0
    cpu, began = server.cpu(), time.perf_counter()
    if rate is None:
        for lane in lanes:
            lane.owed = math.inf
            lane.push()
        await asyncio.sleep(seconds)
    else:
        await _paced(lanes, seconds, rate)
    cpu, took = server.cpu() - cpu, time.perf_counter() - began
    messages = sum(lane.count for lane in lanes)
    times = [t for lane in lanes for t in lane.times]
    for lane in lanes:
        lane.owed = 0
    async with asyncio.timeout(10):
        while any(lane.outstanding for lane in lanes):
            await asyncio.sleep(0.01)
    return Load(messages, took, cpu, times)


async def _paced(lanes: Sequence[Lane], seconds: float, rate: float) -> None:
    began, sent = time.perf_counter(), 0
    while (now := time.perf_counter() - began) < seconds:
        while sent < now * rate:
            lane = lanes[sent % len(lanes)]
            lane.owed += 1
            lane.push()
            sent += 1
        await asyncio.sleep(TICK)
