"""Ringing agents beyond their open pages: who can be, and the knocking itself.

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

import msgspec

from kanhuo.accounts.model import Party
from kanhuo.accounts.service import SIGNED_OUT
from kanhuo.catalogue.service import Cards
from kanhuo.kernel.clock import HOUR, MINUTE, SECOND, Clock, Millis
from kanhuo.kernel.errors import Code, Refused
from kanhuo.kernel.ids import new_id, new_salt
from kanhuo.presence.service import CHANGED as STAFF_CHANGED
from kanhuo.presence.service import DUTY, Duty, PresenceBook, Staff
from kanhuo.reach import store
from kanhuo.reach.messages import Over, Ring, Subscription, Try
from kanhuo.reach.model import Endpoint, Knock, Recalled, Rung, State, evolve
from kanhuo.reach.policy import UNANSWERED, WITHIN, Verdict, ends, lasts, outcome, verdict
from kanhuo.shell import journal, push
from kanhuo.shell.alarm import attempt
from kanhuo.shell.bus import Bus, Topic
from kanhuo.shell.database import Database, Transaction
from kanhuo.shell.outbound import Answer, Outbound

log = logging.getLogger(__name__)

CHANGED: Final = Topic("reach.changed", str)
"""News for every node: the merchant (an id) whose people can be reached otherwise than before."""

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

PUSH_KEY: Final = "push"


@dataclass(frozen=True, slots=True)
class Knocked:
    """A push service has taken the ring for a device; ``after`` the beginning of the ring, in milliseconds."""

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
        cards: Cards,
        outbound: Outbound,
        contact: str,
    ) -> None:
        """``contact`` is where a push service's people can reach ours: our own origin."""
        self._db = db
        self._bus = bus
        self._clock = clock
        self._presence = presence
        self._cards = cards
        self._outbound = outbound
        self._contact = contact
        self._signer: push.Signer | None = None
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
            by_push=frozenset(agent for agent, _ in away),
            devices=frozenset(people),
            nobody_since=None if away else staff.nobody_since,
        )

    # Devices

    async def public_key(self) -> str:
        """Return the key that browsers subscribe with."""
        return (await self._signed()).public

    async def on_duty(self, party: Party) -> bool:
        """Return whether an agent with devices has gone on duty and not off again, whatever her pages say."""
        seen_at = (await self._people(party.merchant)).get(party.id)
        return seen_at is not None and lasts(seen_at, self._clock.now())

    async def endpoints(self, party: Party) -> list[Endpoint]:
        """Return the devices of an agent that ring without an open page."""
        return await self._db.read(store.endpoints, party.id, self._clock.now())

    async def subscribe(self, party: Party, device: str, subscription: Subscription) -> Endpoint:
        """Let a device ring without an open page.

        Raises:
            Refused: ``malformed`` where the subscription is none.
        """
        try:
            key, secret = push.unb64(subscription.keys.p256dh), push.unb64(subscription.keys.auth)
            push.public_key(key)
        except ValueError as failure:
            raise Refused(Code.MALFORMED, "this is not a push subscription") from failure
        if len(secret) != 16 or not self._outbound.allowed(subscription.endpoint):
            raise Refused(Code.MALFORMED, "this is not the address of a push service")
        made = Endpoint(
            id=new_id("end"),
            merchant=party.merchant,
            agent=party.id,
            device=device,
            url=subscription.endpoint,
            key=key,
            secret=secret,
            session=party.session or "",
            made_at=self._clock.now(),
        )
        staff = await self._presence.staff(party.merchant)
        on_duty = any(agent == party.id for agent, _ in staff.on_duty)
        kept = await self._db.write(_add, made, on_duty)
        self._tell(party.merchant)
        return kept

    async def unsubscribe(self, party: Party, id: str) -> None:
        """Let a device ring no more without an open page.

        Raises:
            Refused: ``not_found``.
        """
        if not await self._db.write(store.remove, id, party.id):
            raise Refused(Code.NOT_FOUND, "you have no such device")
        self._tell(party.merchant)

    async def practise(self, party: Party, id: str) -> None:
        """Show on a device that it rings.

        Raises:
            Refused: ``not_found``; ``not_now`` where its push service does not take the message.
        """
        endpoint = await self._db.read(store.endpoint, id)
        if endpoint is None or endpoint.agent != party.id:
            raise Refused(Code.NOT_FOUND, "you have no such device")
        answer = await self._send(endpoint, Try(), "try", MINUTE)
        if verdict(answer.status) is not Verdict.TAKEN:
            raise Refused(Code.NOT_NOW, "the browser's push service did not take the message")

    # Rings

    async def has_devices(self, merchant: str, agent: str) -> bool:
        """Return whether an agent has devices that ring with no page open."""
        return agent in await self._people(merchant)

    def planned(self, merchant: str, agent: str, at: Millis) -> None:
        """Look for an agent's knocks at an instant; what nobody expects, because another node died, is found a little later."""
        known = self._known.get(merchant)
        if known is None or agent not in known.people:
            return
        if at <= self._clock.now():
            self._spawn(self._send_due())
        else:
            heappush(self._expected, at)

    def over(self, call: str, merchant: str, agent: str, *, missed: bool) -> None:
        """Take back what was sent to an agent's devices: she is not rung any more."""
        known = self._known.get(merchant)
        if known is None or agent in known.people:
            self._spawn(self._recall(call, merchant, agent, missed=missed))

    def unheard(self, merchant: str, agent: str) -> None:
        """Note that no device of an agent showed a ring; after several in a row she is not taken for reachable."""
        self._spawn(self._pass_over(merchant, agent))

    async def beat(self) -> None:
        """Let time act: write who is on duty, send what is due, forget what is long over."""
        now = self._clock.now()
        if self._duties and (self._writing is None or self._writing.done()):
            self._writing = self._spawn(self._write_duties())
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
        await self._outbound.close()

    # How it is done

    async def _people(self, merchant: str) -> Mapping[str, Millis | None]:
        now, known = self._clock.now(), self._known.get(merchant)
        believed = LOOKED_UP if self._bus.connected else DOUBTED
        if known is None or now - known.read_at >= believed:
            known = _Known(await self._db.read(store.reachable, merchant, now), now)
            self._known[merchant] = known
            self._known.move_to_end(merchant)
            if len(self._known) > REMEMBERED:
                self._known.popitem(last=False)
        return known.people

    def _tell(self, merchant: str) -> None:
        self._bus.broadcast(CHANGED, merchant)
        self._bus.here(STAFF_CHANGED, merchant)

    def _on_duty(self, said: Duty) -> None:
        known = self._known.get(said.merchant)
        if known is None:
            self._duties[said.agent] = said
            return
        if said.agent not in known.people:
            return  # she has no device that would ring
        seen_at = known.people[said.agent]
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
        if said.agent not in await self._people(said.merchant):
            return
        if said.duty:
            await self._db.write(store.take_up, said.agent, said.merchant, self._clock.now())
        else:
            await self._db.write(store.lay_down, said.agent)
        self._tell(said.merchant)

    async def _recall(self, call: str, merchant: str, agent: str, *, missed: bool) -> None:
        if agent not in await self._people(merchant):
            return
        await self._db.write(_recall, call, agent, missed, self._clock.now())
        await self._send_due()

    async def _pass_over(self, merchant: str, agent: str) -> None:
        if await self._db.write(_unheard, agent):
            self._tell(merchant)

    async def _send_due(self) -> None:
        now = self._clock.now()
        if not await self._db.read(store.any_due, now):
            return
        for knock in await self._db.write(store.claim, now, AT_ONCE):
            self._spawn(self._knock(knock))

    def _spawn(self, work: Coroutine[Any, Any, object]) -> asyncio.Task[None]:
        task = asyncio.create_task(_done(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _knock(self, knock: Knock) -> None:
        endpoint = await self._db.read(store.endpoint, knock.endpoint)
        answer = Answer(410) if endpoint is None else await self._ring(endpoint, knock)
        meant = verdict(answer.status)
        if endpoint is not None and meant is Verdict.GONE:
            await self._db.write(store.remove, endpoint.id, endpoint.agent)
            self._tell(endpoint.merchant)
        again = await self._db.write(_tried, knock, meant, answer.wait, self._clock.now())
        if again is not None:
            heappush(self._expected, again)

    async def _ring(self, endpoint: Endpoint, knock: Knock) -> Answer:
        card, now = await self._cards.on_the_wire(knock.card), self._clock.now()
        if knock.state is State.RECALLED:
            over = Over(knock.call, knock.missed, card.title)
            return await self._send(endpoint, over, knock.call, HOUR if knock.missed else MINUTE)
        ring = Ring(knock.id, knock.call, card.kind, card.title, card.price, card.picture, knock.media, knock.until)
        return await self._send(endpoint, ring, knock.call, ends(knock) - now, urgent=True)

    async def _send(
        self, endpoint: Endpoint, message: msgspec.Struct, topic: str, life: Millis, *, urgent: bool = False
    ) -> Answer:
        """Send a device a message, in place of what was sent under the same topic and has not arrived (RFC 8030, 5.4)."""
        signer = await self._signed()
        sealed = push.seal(msgspec.json.encode(message), endpoint.key, endpoint.secret, new_salt())
        headers = {
            "Authorization": signer.authorization(endpoint.url, self._clock.now()),
            "Content-Encoding": "aes128gcm",
            "Content-Type": "application/octet-stream",
            "TTL": str(max(1, life // SECOND)),
            "Topic": topic.removeprefix("call_").replace(".", "-")[:32],
            "Urgency": "high" if urgent else "normal",
        }
        return await self._outbound.post(endpoint.url, sealed, headers, WITHIN)

    async def _signed(self) -> push.Signer:
        if self._signer is None:
            kept = await self._db.read(store.key, PUSH_KEY)
            pem = kept if kept is not None else await self._db.write(store.settle_key, PUSH_KEY, push.new_key())
            self._signer = push.Signer.of(pem, self._contact)
        return self._signer


async def _done(work: Coroutine[Any, Any, object]) -> None:
    await attempt(work)


def _add(tx: Transaction, endpoint: Endpoint, on_duty: bool) -> Endpoint:  # noqa: FBT001 - a unit's
    kept = store.add(tx, endpoint)
    if on_duty:  # she may close her page before its next beat
        store.take_up(tx, endpoint.agent, endpoint.merchant, endpoint.made_at)
    return kept


def _tried(tx: Transaction, before: Knock, meant: Verdict, wait: Millis | None, now: Millis) -> Millis | None:
    """Write what a try has come to, unless the ring was over or shown in the meantime; return when to try again."""
    knock = store.knock(tx, before.id)
    if knock is None or (knock.state is not before.state and knock.state is not State.HEARD):
        return None
    after = evolve(knock, outcome(knock, meant, wait, now), now)
    store.put(tx, knock, after)
    if before.state is not State.PLANNED:
        return after.due
    if after.state is State.FAILED:
        journal.append(tx, knock.call, KnockFailed(knock.agent, Rung.PUSH, knock.endpoint, meant), now)
    elif meant is Verdict.TAKEN:
        taken = Knocked(knock.agent, Rung.PUSH, knock.endpoint, now - knock.planned_at)
        journal.append(tx, knock.call, taken, now)
    return after.due


def _recall(tx: Transaction, call: str, agent: str, missed: bool, now: Millis) -> None:  # noqa: FBT001 - a unit's
    for knock in store.of_call(tx, call):
        if knock.agent == agent and knock.state in (State.PLANNED, State.SENT, State.HEARD):
            store.put(tx, knock, evolve(knock, Recalled(missed), now))


def _unheard(tx: Transaction, agent: str) -> bool:
    """Count a ring that was not shown; return whether the agent is not taken for reachable any more."""
    tired = store.unanswered(tx, agent) >= UNANSWERED
    if tired:
        store.lay_down(tx, agent)
    return tired
