"""Who can be rung now. Facts live in memory: after a restart every device says hello and beats again within seconds.

A node keeps the devices that are connected to it, writes what they add up to into the roster, and reads there who is on duty
with other nodes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from heapq import heappop, heappush
from typing import Final

from kanhuo.kernel.clock import MINUTE, Clock, Millis
from kanhuo.presence.messages import PresenceOffDuty
from kanhuo.presence.model import Device, Presence, Standing
from kanhuo.presence.policy import beat, due, fold, goes_off, off_duty, without
from kanhuo.presence.store import Entry, Roster, together
from kanhuo.shell.bus import Bus, Topic
from kanhuo.shell.wire import tell

CHANGED: Final = Topic("presence.changed", str)
"""News: the merchant (an id) whose staff has changed on this node."""

RENEWED: Final[Millis] = 3 * MINUTE
"""How often a node writes its whole part of the roster again."""


@dataclass(frozen=True, slots=True)
class Told:
    """What all nodes where an agent's devices are have to know of her."""

    merchant: str
    agent: str
    rest_until: Millis | None = None
    """Until when she wraps up; an instant in the past ends it."""
    off_duty: bool = False
    """She has gone off duty, on all her devices."""


TOLD: Final = Topic("presence.told", Told)


@dataclass(frozen=True, slots=True)
class Duty:
    """What an agent has just said of herself, by a page connected to this node."""

    merchant: str
    agent: str
    duty: bool


DUTY: Final = Topic("presence.duty", Duty)
"""News for this node alone: with every beat that says she is on duty, and once when she goes off."""


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
    away: frozenset[str] = frozenset()
    """Those on duty who have no page open, and have to be reached otherwise."""
    reachable: frozenset[str] = frozenset()
    """Agents who can be knocked at beyond their pages."""
    whole: bool = True
    """``False`` where other nodes cannot be asked: somebody may be on duty there."""


UNASKED: Final = Staff(whole=False)
"""For units that ring nobody: who is on duty has not been looked up."""


class PresenceBook:
    """Keeps the presence of every agent connected to this node."""

    def __init__(self, clock: Clock, bus: Bus, roster: Roster) -> None:
        self._clock = clock
        self._bus = bus
        self._roster = roster
        self._agents: dict[str, dict[str, Presence]] = {}
        self._standing: dict[str, dict[str, Standing]] = {}
        self._empty_since: dict[str, Millis] = {}
        self._due: list[tuple[Millis, str, str]] = []
        """A heap: when to look at an agent again. ``_next`` holds which entry of each agent still counts."""
        self._next: dict[str, Millis] = {}
        self._resting: dict[str, Millis] = {}
        """Until when agents wrap up whose pages are here and have not said yet how they are."""
        self._started_at = self._renewed_at = clock.now()
        bus.subscribe(TOLD, self._on_told)
        bus.on_return(self._write_again)

    def heard(self, merchant: str, agent: str, device: str, *, duty: bool, foreground: bool) -> None:
        """Note a device's beat."""
        now = self._clock.now()
        unheard = Presence(idle_since=now, rest_until=self._resting.pop(agent, 0))
        before, said = self._agents.setdefault(merchant, {}).get(agent, unheard), Device(duty, foreground, now)
        self._put(merchant, agent, beat(before, device, said), now)
        if goes_off(before, device, said):
            self._bus.publish(TOLD, Told(merchant, agent, off_duty=True), agent)
            self._bus.here(DUTY, Duty(merchant, agent, duty=False))
            tell(self._bus, agent, PresenceOffDuty(), but=device)
        elif duty:
            self._bus.here(DUTY, Duty(merchant, agent, duty=True))

    def detached(self, merchant: str, agent: str, device: str) -> None:
        """Note that a device's socket was lost."""
        now = self._clock.now()
        before = self._agents.get(merchant, {}).get(agent)
        if before is not None:
            devices = tuple((n, replace(d, detached_at=now) if n == device else d) for n, d in before.devices)
            self._put(merchant, agent, replace(before, devices=devices), now)

    def moved(self, merchant: str, agent: str, device: str) -> None:
        """Note that a device goes on at another node: it counts here until it is heard of there."""
        self.detached(merchant, agent, device)
        presence = self._agents.get(merchant, {}).get(agent)
        if presence is not None and presence.rest_until > self._clock.now():
            self.rest(merchant, agent, presence.rest_until)

    def rest(self, merchant: str, agent: str, until: Millis) -> None:
        """Let an agent wrap up until an instant; one in the past makes her free at once and the last in line."""
        self._bus.publish(TOLD, Told(merchant, agent, rest_until=until), agent)

    def rest_here(self, merchant: str, agent: str, until: Millis) -> None:
        """Note on this node that an agent wraps up until an instant: other nodes learn of it in the same way."""
        self._on_told(Told(merchant, agent, rest_until=until))

    async def staff(self, merchant: str) -> Staff:
        """Return the merchant's people as they stand now, on all nodes."""
        now = self._clock.now()
        others = await self._roster.elsewhere(merchant, now)
        here = self._agents.get(merchant, {})
        known = [(agent, _entry(p)) for agent, p in here.items() if fold(p, now) is not Standing.OFF]
        entries = together([*known, *others.on_duty])
        nobody_since = None if entries else max(self._empty_since.get(merchant, self._started_at), others.left_at)
        return Staff(
            on_duty=tuple((agent, entry.idle_since) for agent, entry in entries.items()),
            resting=frozenset(agent for agent, entry in entries.items() if now < entry.rest_until),
            nobody_since=nobody_since,
            counted_since=self._started_at,
            whole=others.known,
        )

    def stands_here(self, merchant: str, agent: str) -> bool:
        """Return whether an agent is on duty with a page connected to this node."""
        return agent in self._standing.get(merchant, ())

    def on_duty_here(self) -> int:
        """Return how many agents are on duty with a page connected to this node."""
        return sum(map(len, self._standing.values()))

    def sweep(self) -> None:
        """Let time pass: forget silent devices and tell whose standing has changed by it."""
        now = self._clock.now()
        while self._due and self._due[0][0] <= now:
            at, merchant, agent = heappop(self._due)
            presence = self._agents.get(merchant, {}).get(agent)
            if presence is not None and self._next.get(agent) == at:
                del self._next[agent]
                self._put(merchant, agent, without(presence, now), now)
        if now - self._renewed_at >= RENEWED:
            self._write_again()

    def _on_told(self, told: Told) -> None:
        now = self._clock.now()
        before = self._agents.get(told.merchant, {}).get(told.agent)
        if before is None:
            if told.rest_until is not None and self._bus.attends(told.agent):
                self._resting[told.agent] = told.rest_until
            return
        if told.off_duty:
            self._put(told.merchant, told.agent, off_duty(before), now)
        if told.rest_until is not None:
            idle_since = max(told.rest_until, now)
            self._put(
                told.merchant, told.agent, replace(before, rest_until=told.rest_until, idle_since=idle_since), now
            )

    def _put(self, merchant: str, agent: str, presence: Presence, now: Millis) -> None:
        self._look_again(merchant, agent, due(presence, now))
        standings = self._standing.setdefault(merchant, {})
        before, after = standings.get(agent, Standing.OFF), fold(presence, now)
        if before is Standing.OFF and after is not before:
            presence = replace(presence, idle_since=now)
        known = self._agents.setdefault(merchant, {})
        written = known.get(agent)
        if presence.devices:
            known[agent] = presence
        else:
            known.pop(agent, None)
        if after is not Standing.OFF and (
            written is None or before is not after or _entry(written) != _entry(presence)
        ):
            self._roster.put(merchant, agent, _entry(presence), now)
        if before is after:
            return
        if after is Standing.OFF:
            standings.pop(agent)
            self._roster.put(merchant, agent, None, now)
            if not standings:
                self._empty_since[merchant] = now
        else:
            standings[agent] = after
        self._bus.here(CHANGED, merchant)

    def _write_again(self) -> None:
        """Write this node's whole part of the roster: Redis may have lost it."""
        self._renewed_at = now = self._clock.now()
        for merchant, standings in self._standing.items():
            for agent in standings:
                self._roster.put(merchant, agent, _entry(self._agents[merchant][agent]), now)

    def _look_again(self, merchant: str, agent: str, at: Millis | None) -> None:
        if at is None:
            self._next.pop(agent, None)
        elif at < self._next.get(agent, at + 1):
            self._next[agent] = at
            heappush(self._due, (at, merchant, agent))


def _entry(presence: Presence) -> Entry:
    return Entry(presence.idle_since, presence.rest_until)
