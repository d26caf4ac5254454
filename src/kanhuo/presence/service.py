"""Who can be rung now. Facts live in memory: after a restart every device says hello and beats again within seconds."""

from __future__ import annotations

from dataclasses import dataclass, replace
from heapq import heappop, heappush

from kanhuo.kernel.clock import Clock, Millis
from kanhuo.presence.messages import PresenceOffDuty
from kanhuo.presence.model import Device, Presence, Standing
from kanhuo.presence.policy import beat, due, fold, goes_off, without
from kanhuo.shell.bus import Bus
from kanhuo.shell.wire import tell

CHANGED = "presence.changed"
"""News: the merchant (an id) whose staff has changed."""


@dataclass(frozen=True, slots=True)
class Staff:
    """A merchant's people at one moment: agents on duty with the instant since when each has been idle."""

    on_duty: tuple[tuple[str, Millis], ...] = ()
    resting: frozenset[str] = frozenset()
    """Those on duty who are wrapping up."""
    nobody_since: Millis | None = None
    """Since when nobody has been on duty; ``None`` while somebody is."""
    counted_since: Millis = 0
    """When this process began to count: who is there may not have said so yet."""


class PresenceBook:
    """Keeps the presence of every agent connected to this process."""

    def __init__(self, clock: Clock, bus: Bus) -> None:
        self._clock = clock
        self._bus = bus
        self._agents: dict[str, dict[str, Presence]] = {}
        self._standing: dict[str, dict[str, Standing]] = {}
        self._empty_since: dict[str, Millis] = {}
        self._due: list[tuple[Millis, str, str]] = []
        """A heap: when to look at an agent again. ``_next`` holds which entry of each agent still counts."""
        self._next: dict[str, Millis] = {}
        self._started_at = clock.now()

    def heard(self, merchant: str, agent: str, device: str, *, duty: bool, foreground: bool) -> None:
        """Note a device's beat."""
        now = self._clock.now()
        before, said = (
            self._agents.setdefault(merchant, {}).get(agent, Presence(idle_since=now)),
            Device(duty, foreground, now),
        )
        self._put(merchant, agent, beat(before, device, said), now)
        if goes_off(before, device, said):
            tell(self._bus, agent, PresenceOffDuty(), but=device)

    def detached(self, merchant: str, agent: str, device: str) -> None:
        """Note that a device's socket was lost."""
        now = self._clock.now()
        before = self._agents.get(merchant, {}).get(agent)
        if before is not None:
            devices = tuple((n, replace(d, detached_at=now) if n == device else d) for n, d in before.devices)
            self._put(merchant, agent, replace(before, devices=devices), now)

    def rest(self, merchant: str, agent: str, until: Millis) -> None:
        """Let an agent wrap up until an instant; one in the past makes her free at once and the last in line."""
        now = self._clock.now()
        before = self._agents.get(merchant, {}).get(agent)
        if before is not None:
            self._put(merchant, agent, replace(before, rest_until=until, idle_since=max(until, now)), now)

    def staff(self, merchant: str) -> Staff:
        """Return the merchant's people as they stand now."""
        now = self._clock.now()
        standing = {agent: fold(p, now) for agent, p in self._agents.get(merchant, {}).items()}
        on_duty = tuple(
            (agent, self._agents[merchant][agent].idle_since) for agent, s in standing.items() if s is not Standing.OFF
        )
        resting = frozenset(agent for agent, s in standing.items() if s is Standing.WRAPPING)
        nobody_since = None if on_duty else self._empty_since.get(merchant, self._started_at)
        return Staff(on_duty, resting, nobody_since, self._started_at)

    def sweep(self) -> None:
        """Let time pass: forget silent devices and tell whose standing has changed by it."""
        now = self._clock.now()
        while self._due and self._due[0][0] <= now:
            at, merchant, agent = heappop(self._due)
            presence = self._agents.get(merchant, {}).get(agent)
            if presence is not None and self._next.get(agent) == at:
                del self._next[agent]
                self._put(merchant, agent, without(presence, now), now)

    def _put(self, merchant: str, agent: str, presence: Presence, now: Millis) -> None:
        self._look_again(merchant, agent, due(presence, now))
        standings = self._standing.setdefault(merchant, {})
        before, after = standings.get(agent, Standing.OFF), fold(presence, now)
        if presence.devices:
            self._agents[merchant][agent] = presence
        else:
            self._agents[merchant].pop(agent, None)
        if before is after:
            return
        if after is Standing.OFF:
            standings.pop(agent)
            if not standings:
                self._empty_since[merchant] = now
        else:
            standings[agent] = after
        if before is Standing.OFF:
            self._agents[merchant][agent] = replace(presence, idle_since=now)
        self._bus.publish(CHANGED, merchant)

    def _look_again(self, merchant: str, agent: str, at: Millis | None) -> None:
        if at is None:
            self._next.pop(agent, None)
        elif at < self._next.get(agent, at + 1):
            self._next[agent] = at
            heappush(self._due, (at, merchant, agent))
