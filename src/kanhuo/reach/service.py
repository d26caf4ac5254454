"""Ringing agents beyond their open pages: who can be, and when they are knocked at.

Knocks are rows. Every node looks for what is due and sends what it has claimed, so a node that dies in between costs a few
seconds and loses nothing; what is sent twice shows once, because a notification is named after its call.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, replace
from heapq import heappop, heappush
from typing import Any, Final

from kanhuo.accounts.model import Party
from kanhuo.accounts.service import SIGNED_OUT
from kanhuo.kernel.clock import HOUR, MINUTE, SECOND, Clock, Millis
from kanhuo.presence.service import DUTY, Duty, PresenceBook, Staff
from kanhuo.reach import store
from kanhuo.reach.endpoints import CHANGED, tell
from kanhuo.reach.model import Endpoint, Kind, Knock, Recalled, Rung, State, evolve
from kanhuo.reach.policy import UNANSWERED, Verdict, lasts, outcome, reaches
from kanhuo.reach.sending import SHOP, Reply, Sender
from kanhuo.shell import journal
from kanhuo.shell.alarm import attempt
from kanhuo.shell.bus import Bus, Topic
from kanhuo.shell.database import Database, Transaction

log = logging.getLogger(__name__)

REMEMBERED: Final = 100_000
"""How many merchants' reachable people are kept in memory."""

DOUBTED: Final[Millis] = 2 * SECOND
"""For how long they are believed while the bus is away."""

LOOKED_UP: Final[Millis] = MINUTE
"""For how long they are believed at all: sessions end by themselves."""

LOOK_AROUND: Final[Millis] = SECOND
"""How often knocks are looked for that nobody here expects."""

AT_ONCE: Final = 64
"""How many knocks a node sends at a time."""

SEEN_AGAIN: Final[Millis] = HOUR
"""How often it is written down that an agent is still on duty."""

_BY_SHOP: Final = Endpoint(id=SHOP, merchant="", agent="", url="", made_at=0, kind=Kind.WEBHOOK)

REACHED: Final = Topic("reach.reached", Knock)
"""News for this node alone: a knock whose message stands where she reads it."""


@dataclass(frozen=True, slots=True)
class Knocked:
    """A push service, a robot or the shop has taken the ring; ``after`` the beginning of the ring, in milliseconds."""

    agent: str
    rung: Rung
    endpoint: str
    after: Millis


@dataclass(frozen=True, slots=True)
class KnockFailed:
    """A device could not be knocked at."""

    agent: str
    rung: Rung
    endpoint: str
    why: Verdict


@dataclass(frozen=True, slots=True)
class _Known:
    """A merchant's people with devices, and when each who is on duty was seen last."""

    people: Mapping[str, Millis | None]
    read_at: Millis


class Reach:
    """Rings agents whose pages are closed, or do not answer."""

    def __init__(
        self,
        db: Database,
        bus: Bus,
        clock: Clock,
        presence: PresenceBook,
        sender: Sender,
    ) -> None:
        self._db = db
        self._bus = bus
        self._clock = clock
        self._presence = presence
        self._sender = sender
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self._duties: dict[str, Duty] = {}
        """What agents have said of being on duty and is still to be written."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._writing: asyncio.Task[None] | None = None
        self._expected: list[Millis] = []
        self._looked_at: Millis = 0
        self._swept_at: Millis = 0
        bus.subscribe(CHANGED, lambda merchant: self._known.pop(merchant, None))
        bus.subscribe(SIGNED_OUT, lambda _: self._known.clear())
        bus.subscribe(DUTY, self._on_duty)
        bus.on_return(self._known.clear)

    # Who can be rung

    async def staff(self, merchant: str) -> Staff:
        """Return the merchant's people as they stand now, with those on duty who have no page open but can be reached."""
        staff, people = await self._presence.staff(merchant), await self._people(merchant)
        if not people:
            return staff
        now, here = self._clock.now(), {agent for agent, _ in staff.on_duty}
        away = tuple(
            (agent, seen_at)
            for agent, seen_at in people.items()
            if seen_at is not None and lasts(seen_at, now) and agent not in here
        )
        return replace(
            staff,
            on_duty=(*staff.on_duty, *away),
            away=frozenset(agent for agent, _ in away),
            reachable=frozenset(people),
            nobody_since=None if away else staff.nobody_since,
        )

    async def on_duty(self, party: Party) -> bool:
        """Return whether an agent who can be reached has gone on duty and not off again, whatever her pages say."""
        seen_at = (await self._people(party.merchant)).get(party.id)
        return seen_at is not None and lasts(seen_at, self._clock.now())

    @property
    def by_shop(self) -> Endpoint | None:
        """The shop's own back end, where it is told of rings."""
        return _BY_SHOP if self._sender.to_shop else None

    # Rings

    async def may_be_knocked_at(self, merchant: str, agent: str) -> bool:
        """Return whether an agent can be knocked at beyond her pages."""
        return agent in await self._people(merchant)

    def planned(self, merchant: str, agent: str, at: Millis) -> None:
        """Look for an agent's knocks at an instant; what nobody expects, because another node died, is found a little later."""
        known = self._known.get(merchant)
        if known is None or agent not in known.people:
            return
        if at <= self._clock.now():
            self.soon(self._send_due())
        else:
            heappush(self._expected, at)

    def over(self, call: str, merchant: str, agent: str, *, missed: bool) -> None:
        """Take back what was sent to an agent's devices: she is not rung any more."""
        known = self._known.get(merchant)
        if known is None or agent in known.people:
            self.soon(self._recall(call, merchant, agent, missed=missed))

    def unanswered(self, call: str, merchant: str, agent: str) -> None:
        """Note that an agent with no page open let a ring go by; after several that she was not shown she is not reachable."""
        self.soon(self._pass_over(call, merchant, agent))

    async def beat(self) -> None:
        """Let time act: write who is on duty, send what is due, forget what is long over."""
        now = self._clock.now()
        if self._duties and (self._writing is None or self._writing.done()):
            self._writing = self.soon(self._write_duties())
        if now - self._looked_at >= LOOK_AROUND or (self._expected and self._expected[0] <= now):
            self._looked_at = now
            while self._expected and self._expected[0] <= now:
                heappop(self._expected)
            await self._send_due()
        if now - self._swept_at >= store.KEPT:
            self._swept_at = now
            await attempt(self._db.write(store.forget, now))

    async def close(self) -> None:
        """Leave what is being sent to other nodes, or to the next start."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._sender.close()

    def soon(self, work: Coroutine[Any, Any, object]) -> asyncio.Task[None]:
        """Do something beside; what fails is logged."""
        task = asyncio.create_task(_done(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    # How it is done

    async def _people(self, merchant: str) -> Mapping[str, Millis | None]:
        now, known = self._clock.now(), self._known.get(merchant)
        believed = LOOKED_UP if self._bus.connected else DOUBTED
        if known is None or now - known.read_at >= believed:
            people = await self._db.read(store.reachable, merchant, now, self._sender.to_shop)
            known = _Known({agent: self._still(agent, seen_at) for agent, seen_at in people.items()}, now)
            self._known[merchant] = known
            self._known.move_to_end(merchant)
            if len(self._known) > REMEMBERED:
                self._known.popitem(last=False)
        return known.people

    def _still(self, agent: str, seen_at: Millis | None) -> Millis | None:
        """Return when an agent was seen last, unless she has gone off duty and it is only still to be written."""
        said = self._duties.get(agent)
        return seen_at if said is None or said.duty else None

    def _on_duty(self, said: Duty) -> None:
        known = self._known.get(said.merchant)
        if known is None:
            self._duties[said.agent] = said
            return
        if not self._sender.to_shop and said.agent not in known.people:
            return  # she has nothing that would ring
        seen_at = known.people.get(said.agent)
        if not said.duty:
            self._known[said.merchant] = _Known({**known.people, said.agent: None}, known.read_at)
        if not said.duty or seen_at is None or self._clock.now() - seen_at >= SEEN_AGAIN:
            self._duties[said.agent] = said

    async def _write_duties(self) -> None:
        """Write one after the other: after a start everybody says so at once, and nothing else has to wait for it."""
        for agent, said in list(self._duties.items()):
            await self._write_duty(said)
            if self._duties.get(agent) is said:
                del self._duties[agent]

    async def _write_duty(self, said: Duty) -> None:
        if not self._sender.to_shop and said.agent not in await self._people(said.merchant):
            return
        if said.duty:
            await self._db.write(store.take_up, said.agent, said.merchant, self._clock.now())
        else:
            await self._db.write(store.lay_down, said.agent)
        tell(self._bus, said.merchant)

    async def _recall(self, call: str, merchant: str, agent: str, *, missed: bool) -> None:
        if agent not in await self._people(merchant):
            return
        await self._db.write(_recall, call, agent, missed, self._clock.now())
        await self._send_due()

    async def _pass_over(self, call: str, merchant: str, agent: str) -> None:
        if await self._db.write(_unanswered, call, agent):
            tell(self._bus, merchant)

    async def _send_due(self) -> None:
        now, due = self._clock.now(), await self._db.read(store.next_due)
        if due is None or due > now:
            if due is not None and (not self._expected or due < self._expected[0]):
                heappush(self._expected, due)
            return
        for knock in await self._db.write(store.claim, now, AT_ONCE):
            self.soon(self._knock(knock))

    async def _knock(self, knock: Knock) -> None:
        endpoint = _BY_SHOP if knock.endpoint == SHOP else await self._db.read(store.endpoint, knock.endpoint)
        reply = Reply(Verdict.GONE) if endpoint is None else await self._sender.deliver(endpoint, knock)
        if endpoint is not None and reply.meant is Verdict.GONE and endpoint.kind is Kind.PUSH:
            await self._db.write(store.remove, endpoint.id, endpoint.agent)
            tell(self._bus, endpoint.merchant)
        after = await self._db.write(_tried, knock, reply, self._clock.now())
        if after is None:
            return
        if after.due is not None:
            heappush(self._expected, after.due)
        if reply.meant is Verdict.TAKEN and after.state is State.SENT and reaches(after.rung):
            self._bus.here(REACHED, after)


async def _done(work: Coroutine[Any, Any, object]) -> None:
    await attempt(work)


def _tried(tx: Transaction, before: Knock, reply: Reply, now: Millis) -> Knock | None:
    """Write what a try has come to and return the knock as it is now, unless the ring was over or shown in the meantime."""
    knock = store.knock(tx, before.id)
    if knock is None or (knock.state is not before.state and knock.state is not State.HEARD):
        return None
    after = evolve(knock, outcome(knock, reply.meant, reply.wait, now), now)
    store.put(tx, knock, after)
    if before.state is not State.PLANNED:
        return after
    if after.state is State.FAILED:
        journal.append(tx, knock.call, KnockFailed(knock.agent, knock.rung, knock.endpoint, reply.meant), now)
    elif reply.meant is Verdict.TAKEN:
        taken = Knocked(knock.agent, knock.rung, knock.endpoint, now - knock.planned_at)
        journal.append(tx, knock.call, taken, now)
    return after


def _recall(tx: Transaction, call: str, agent: str, missed: bool, now: Millis) -> None:  # noqa: FBT001 - a unit's
    for knock in store.of_call(tx, call):
        if knock.agent == agent and knock.state in (State.PLANNED, State.SENT, State.HEARD):
            store.put(tx, knock, evolve(knock, Recalled(missed), now))


def _unanswered(tx: Transaction, call: str, agent: str) -> bool:
    """Count a ring that was not shown; return whether the agent is not taken for reachable any more."""
    if any(knock.shown for knock in store.of_call(tx, call) if knock.agent == agent):
        return False
    tired = store.unanswered(tx, agent) >= UNANSWERED
    if tired:
        store.lay_down(tx, agent)
    return tired
