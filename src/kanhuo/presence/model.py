"""An agent's devices and what they have said of themselves."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from kanhuo.kernel.clock import Millis


class Standing(StrEnum):
    """Can this agent be rung now?"""

    OFF = "off"
    """Not on duty, or no device has been heard of for too long."""
    WRAPPING = "wrapping"
    """Writing up the last call."""
    ON = "on"


@dataclass(frozen=True, slots=True)
class Device:
    """One device (page) of an agent. Instants in milliseconds since the epoch."""

    duty: bool
    foreground: bool
    beat_at: Millis
    detached_at: Millis | None = None
    """When its socket was lost; ``None`` while connected."""


@dataclass(frozen=True, slots=True)
class Presence:
    """All devices of one agent, with what no device knows."""

    devices: tuple[tuple[str, Device], ...] = ()
    rest_until: Millis = 0
    """Until when she wraps up."""
    idle_since: Millis = 0
    """Since when she has had nothing to do: the longest idle is rung first."""
