"""What may be asked of calls: read, decide, write, journal, commit, and only then tell."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Final

from kanhuo.accounts.messages import AgentCard, merchant_on_the_wire
from kanhuo.accounts.model import Party
from kanhuo.accounts.service import Accounts
from kanhuo.calls import store, units
from kanhuo.calls.events import Accept, Command, ConfirmMedia, Decline, HangUp, Lose, Regain
from kanhuo.calls.messages import CallView, DeskView, QueueView
from kanhuo.calls.model import ANSWERED, Call
from kanhuo.calls.policy import Patience, wait_guess
from kanhuo.calls.terms import DeclineWhy, Media, Outcome, RatingWhy, Side, State
from kanhuo.calls.units import Change
from kanhuo.calls.views import Facts, agents_view, buyers_view, passed_on, rings_here
from kanhuo.catalogue.policy import card_of, digest
from kanhuo.catalogue.service import Cards
from kanhuo.kernel.clock import Clock, Millis
from kanhuo.kernel.errors import Code, Refused, Stale, not_now, not_yours
from kanhuo.kernel.ids import CALL, new_id
from kanhuo.presence.service import CHANGED as STAFF_CHANGED
from kanhuo.presence.service import PresenceBook, Staff
from kanhuo.shell.alarm import attempt
from kanhuo.shell.bus import Bus
from kanhuo.shell.database import Database
from kanhuo.shell.wire import tell

log = logging.getLogger(__name__)

CHANGED: Final = "calls.changed"
"""News: a :class:`~kanhuo.calls.units.Change`, after its commit."""

ATTEMPTS: Final = 3
"""How often a unit of work is decided again when somebody else was faster."""

LOOK_AROUND: Final[Millis] = 1_000
"""How often waiting calls are looked at even though nothing seems to have changed: a crash may have come between."""


@dataclass(frozen=True, slots=True)
class Desk:
    """The collaborators of :class:`Calls`."""

    db: Database
    bus: Bus
    clock: Clock
    accounts: Accounts
    cards: Cards
    presence: PresenceBook
    patience: Patience


class Calls:
    """The calls of every merchant."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._live: dict[str, Call] = {}
        self._of_party: dict[str, str] = {}
        self._carriers: dict[tuple[str, Side], str] = {}
        self._unsettled: set[str] = set()
        self._to_assign: set[str] = set()
        self._looked_at: Millis = 0
        desk.bus.subscribe(STAFF_CHANGED, self._on_staff)

    # What people ask for

    async def ask(self, party: Party, device: str, key: str, media: Media) -> Call:
        """Begin a buyer's call about what the pass names.

        Raises:
            Refused: ``not_allowed``, ``malformed`` (the context), ``not_found`` (the merchant), ``already_in_call``.
        """
        if party.context is None:
            raise Refused(Code.NOT_ALLOWED, "only a buyer's pass begins a call")
        desk = self._desk
        await desk.accounts.merchant(party.merchant)
        card = card_of(party.context)
        now = desk.clock.now()
        call = Call(
            id=new_id(CALL),
            merchant=party.merchant,
            buyer=party.id,
            card=digest(card),
            media=media,
            asked_at=now,
            since=now,
        )
        desk.cards.remember(call.card, card)
        staff = desk.presence.staff(party.merchant)
        made, changes = await desk.db.write(units.ask, call, key, card, staff, desk.patience)
        await self._tell(changes)
        if not changes:
            await self._show(made)
        self._carry(made, Side.BUYER, device)
        return made

    async def accept(self, party: Party, device: str, call: str, media: Media) -> None:
        """Let an agent take a call on one of her devices; of many who try, one wins.

        Raises:
            Refused: ``not_yours`` for all others, ``not_now`` once the call is over, ``not_found``.
        """
        self._carry(await self._move(call, Accept(party.id, device, media)), Side.AGENT, device)

    async def decline(self, party: Party, call: str, why: DeclineWhy) -> None:
        """Let an agent pass a call on.

        Raises:
            Refused: ``not_yours``, ``not_now``, ``not_found``.
        """
        await self._move(call, Decline(party.id, why))

    async def hang_up(self, party: Party, call: str) -> None:
        """End a call from either side, in whatever state it is.

        Raises:
            Refused: ``not_yours``, ``not_found``.
        """
        known = await self.of(party, call)
        await self._move(call, HangUp(side_of(known, party)))

    async def media_up(self, party: Party, call: str) -> None:
        """Note that one side sees or hears the other.

        Raises:
            Refused: ``not_yours``, ``not_now``, ``not_found``.
        """
        known = await self.of(party, call)
        await self._move(call, ConfirmMedia(side_of(known, party)))

    async def rate(self, party: Party, call: str, stars: int, why: RatingWhy | None) -> None:
        """Keep a buyer's verdict.

        Raises:
            Refused: ``not_yours``, ``not_now`` while the call goes on, ``not_found``.
        """
        now = self._desk.clock.now()
        await self._desk.db.write(units.rate, call, party.id, stars, why, now)

    async def wrap_up(self, party: Party, call: str, outcome: Outcome, note: str) -> None:
        """Keep an agent's note and let her be rung again.

        Raises:
            Refused: ``not_yours``, ``not_now`` while the call goes on, ``not_found``.
        """
        now = self._desk.clock.now()
        await self._desk.db.write(units.wrap_up, call, party.id, outcome, note, now)
        self._desk.presence.rest(party.merchant, party.id, now)

    # What the network tells

    async def lost(self, party: Party, device: str) -> None:
        """Note that a party's page is gone: its socket was lost and has not come back at once."""
        call = self._live.get(self._of_party.get(party.id, ""))
        if call is not None and self._was_carrier(call, party, device):
            await self._move(call.id, Lose(side_of(call, party)))

    async def regained(self, party: Party, device: str, call: str) -> Call:
        """Note that a party's page is back and carries its side of the call.

        Raises:
            Refused: ``not_yours`` (another device carries the call), ``not_now`` (it has ended), ``not_found``.
        """
        known = await self.of(party, call)
        if known.state is State.ENDED:
            raise not_now("the call has ended")
        if party.answers and not rings_here(known, device):
            raise not_yours("another device carries this call")
        side = side_of(known, party)
        self._carry(known, side, device)
        return await self._move(call, Regain(side))

    def going_on(self, party: Party) -> bool:
        """Return whether a party is in a call, or waits for one, now."""
        return self._of_party.get(party.id) in self._live

    async def welcome(self, party: Party, device: str) -> CallView | None:
        """Return the view of the party's call that goes on, for a page that connects anew."""
        call = self._live.get(self._of_party.get(party.id, ""))
        if call is None:
            return None
        if party.answers and call.state is State.RINGING and Side.AGENT in call.missing:
            call = await self._move(call.id, Regain(Side.AGENT))
        return await self._view(call, party, device)

    async def desk(self, party: Party) -> DeskView:
        """Return what an agent's console shows at its top."""
        desk = self._desk
        waiting = await desk.db.read(store.waiting, party.merchant, units.AT_ONCE)
        return self._desk_view(party.id, desk.presence.staff(party.merchant), len(waiting), desk.clock.now())

    # What time brings

    async def beat(self) -> None:
        """Let time act: expire what is due, ring whoever has become free, bring queues and desks up to date."""
        desk = self._desk
        desk.presence.sweep()
        now = desk.clock.now()
        for call in await desk.db.read(store.due, now):
            await attempt(self._expire(call))
        if now - self._looked_at >= LOOK_AROUND:
            self._looked_at = now
            self._to_assign.update(await desk.db.read(store.merchants_with_waiting))
        merchants, self._to_assign = self._to_assign, set()
        for merchant in merchants:
            if not await attempt(self._assign(merchant)):
                self._to_assign.add(merchant)
        merchants, self._unsettled = self._unsettled, set()
        for merchant in merchants:
            if not await attempt(self._show_queue(merchant)):
                self._unsettled.add(merchant)

    async def recover(self) -> None:
        """After a start: take up every live call; both sides have their time to come back."""
        desk = self._desk
        for call in await desk.db.read(store.live):
            self._note(call)
        changes = await desk.db.write(units.recover, desk.patience, desk.clock.now())
        await self._tell(changes)

    # What other slices read

    async def get(self, call: str) -> Call:
        """Return a call.

        Raises:
            Refused: ``not_found``.
        """
        known = self._live.get(call)
        return known if known is not None else await self._desk.db.read(units.found, call)

    async def of(self, party: Party, call: str) -> Call:
        """Return a call that a party takes part in.

        Raises:
            Refused: ``not_found``, ``not_yours``.
        """
        known = await self.get(call)
        side_of(known, party)
        return known

    def live(self, call: str) -> Call | None:
        """Return a call that goes on, from memory."""
        return self._live.get(call)

    def staffing(self, merchant: str) -> tuple[int, int]:
        """Return how many of a merchant's agents are free now, and how many are on duty."""
        staff = self._desk.presence.staff(merchant)
        on_duty = [agent for agent, _ in staff.on_duty]
        return sum(self._is_free(agent, staff) for agent in on_duty), len(on_duty)

    async def listed(self, party: Party, before: Millis, most: int) -> list[store.Listed]:
        """Return the calls of a party's merchant asked for before an instant, newest first."""
        return await self._desk.db.read(store.listed, party.merchant, before, most)

    async def facts(self, call: Call) -> Facts:
        """Return what a view of the call shows beside the call itself."""
        desk = self._desk
        agent = await desk.accounts.agent(call.agent) if call.agent else None
        return Facts(
            card=await desk.cards.on_the_wire(call.card),
            merchant=merchant_on_the_wire(await desk.accounts.merchant(call.merchant)),
            agent=AgentCard(agent.id, agent.name) if agent else None,
        )

    # How it is done

    async def _move(self, call: str, command: Command) -> Call:
        desk = self._desk
        merchant = (await self.get(call)).merchant
        for turn in range(1, ATTEMPTS + 1):
            staff, now = desk.presence.staff(merchant), desk.clock.now()
            try:
                after, changes = await desk.db.write(units.move, call, command, staff, desk.patience, now)
            except Stale:
                if turn == ATTEMPTS:
                    raise Refused(Code.OVERLOADED, "too many at once want this call; try again") from None
                continue
            await self._tell(changes)
            return after
        raise AssertionError("unreachable")

    async def _expire(self, call: str) -> None:
        desk = self._desk
        staff = desk.presence.staff((await self.get(call)).merchant)
        try:
            await self._tell(await desk.db.write(units.expire, call, staff, desk.patience, desk.clock.now()))
        except Stale:
            log.info("call %s changed while it expired; the next beat looks again", call)

    async def _assign(self, merchant: str) -> None:
        desk = self._desk
        staff = desk.presence.staff(merchant)
        await self._tell(await desk.db.write(units.assign, merchant, staff, desk.patience, desk.clock.now()))

    async def _tell(self, changes: list[Change]) -> None:
        """Note every change first, so that whoever is told finds the memory right; then tell."""
        for change in changes:
            self._note(change.after)
            self._unsettled.add(change.after.merchant)
            self._rest(change)
        for change in changes:
            self._desk.bus.publish(CHANGED, change)
            await self._show(change.after, change.before)

    def _note(self, call: Call) -> None:
        before = self._live.pop(call.id, None)
        for party in {call.buyer, call.agent, before.agent if before else None} - {None}:
            if self._of_party.get(party or "") == call.id:
                del self._of_party[party or ""]
        if call.state is State.ENDED:
            for side in Side:
                self._carriers.pop((call.id, side), None)
            return
        self._live[call.id] = call
        self._of_party[call.buyer] = call.id
        if call.agent is not None:
            self._of_party[call.agent] = call.id

    def _rest(self, change: Change) -> None:
        before, after = change.before, change.after
        if before is not None and after.agent is not None and after.state is State.ENDED and before.state in ANSWERED:
            until = self._desk.clock.now() + self._desk.patience.wrap_up
            self._desk.presence.rest(after.merchant, after.agent, until)

    async def _show(self, call: Call, before: Call | None = None) -> None:
        desk = self._desk
        facts = await self.facts(call)
        tell(desk.bus, call.buyer, buyers_view(call, facts, desk.patience))
        if call.agent is not None:
            here = agents_view(call, facts, desk.patience, here=call.reason is None or call.answered_at is not None)
            if call.device is None:
                tell(desk.bus, call.agent, here)
            else:
                tell(desk.bus, call.agent, here, only=call.device)
                tell(desk.bus, call.agent, agents_view(call, facts, desk.patience, here=False), but=call.device)
        if before is not None and before.agent is not None and before.agent != call.agent:
            tell(desk.bus, before.agent, passed_on(call, facts, desk.patience))

    async def _view(self, call: Call, party: Party, device: str) -> CallView:
        facts = await self.facts(call)
        if party.answers:
            return agents_view(call, facts, self._desk.patience, here=rings_here(call, device))
        return buyers_view(call, facts, self._desk.patience)

    async def _show_queue(self, merchant: str) -> None:
        desk = self._desk
        staff, now = desk.presence.staff(merchant), desk.clock.now()
        waiting = await desk.db.read(store.waiting, merchant, units.AT_ONCE)
        usual = await desk.db.read(store.usual_talk, merchant) if waiting else None
        for position, call in enumerate(waiting, start=1):
            wait = wait_guess(position, len(staff.on_duty), usual)
            tell(desk.bus, call.buyer, QueueView(seq=now, call=call.id, position=position, wait_ms=wait))
        for agent, _ in staff.on_duty:
            tell(desk.bus, agent, self._desk_view(agent, staff, len(waiting), now))

    def _desk_view(self, agent: str, staff: Staff, waiting: int, now: Millis) -> DeskView:
        return DeskView(
            seq=now,
            duty=any(agent == other for other, _ in staff.on_duty),
            free=self._is_free(agent, staff),
            waiting=waiting,
            on_duty=len(staff.on_duty),
        )

    def _is_free(self, agent: str, staff: Staff) -> bool:
        return agent not in staff.resting and agent not in self._of_party

    def _carry(self, call: Call, side: Side, device: str) -> None:
        if call.id in self._live:
            self._carriers[call.id, side] = device

    def _was_carrier(self, call: Call, party: Party, device: str) -> bool:
        if party.answers and call.state is State.RINGING:
            return False  # presence knows all her devices, and withdraws the ring
        return self._carriers.get((call.id, side_of(call, party)), device) == device

    def _on_staff(self, merchant: str) -> None:
        self._to_assign.add(merchant)
        self._unsettled.add(merchant)


def side_of(call: Call, party: Party) -> Side:
    """Return which end of a call a party is.

    Raises:
        Refused: ``not_yours`` where it is neither.
    """
    if party.answers:
        if call.agent == party.id:
            return Side.AGENT
    elif call.buyer == party.id:
        return Side.BUYER
    raise not_yours("this call is between others")
