"""What may be asked of calls: read, decide, write, journal, commit, and only then tell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from kanhuo.accounts.model import Party
from kanhuo.calls import store, units, verdicts
from kanhuo.calls.events import Accept, Command, ConfirmMedia, Decline, HangUp, Lose, Regain
from kanhuo.calls.memory import Memory
from kanhuo.calls.messages import CallView
from kanhuo.calls.model import Call
from kanhuo.calls.showing import Desk, Showing
from kanhuo.calls.terms import DeclineWhy, Media, Outcome, RatingWhy, Side, State
from kanhuo.calls.units import Change, Moment
from kanhuo.calls.views import rings_here, side_of
from kanhuo.catalogue.policy import card_of, digest
from kanhuo.kernel.clock import Millis
from kanhuo.kernel.errors import Code, Refused, not_now, not_yours
from kanhuo.kernel.ids import CALL, new_id
from kanhuo.presence.policy import BLINK
from kanhuo.presence.service import CHANGED as STAFF_CHANGED
from kanhuo.presence.service import UNASKED
from kanhuo.shell.alarm import attempt
from kanhuo.shell.bus import Topic

CHANGED: Final = Topic("calls.changed", Call)
"""News: a call, as it is after a commit."""

COMMITTED: Final = Topic("calls.committed", Change)
"""News for this node alone: a change that it has committed. No other node tells of the same one."""

READ_AGAIN: Final[Millis] = 15_000
"""How often a node among many reads the calls of its own pages again: news travels at most once, and a node may die, or lose
its answer from the database, between a commit and the telling."""

LOOK_AROUND: Final[Millis] = 1_000
"""How often waiting calls are looked at even though nothing seems to have changed: a crash may have come between."""


class Calls:
    """The calls of every merchant. In memory are those of parties whose pages are connected to this node."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._memory = Memory(desk.bus)
        self.showing = Showing(desk)
        self._unsettled: set[str] = set()
        self._to_assign: set[str] = set()
        self._looked_at: Millis = 0
        self._read_at: Millis = 0
        self._reread_after = READ_AGAIN
        self._reachable: frozenset[str] = frozenset()
        desk.bus.subscribe(STAFF_CHANGED, self._on_staff)
        desk.bus.subscribe(CHANGED, self._on_change)
        desk.bus.on_return(self._on_return)

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
        unkept = None if desk.cards.kept(call.card) else card
        made, changes = await desk.db.write(units.ask, call, key, unkept, await self.moment(party.merchant, now))
        desk.cards.remember(call.card, card)
        await self.tell(changes)
        if not changes:
            self._memory.note(made)
            await self.showing.show(made)
        self._memory.carry(made, Side.BUYER, device)
        return made

    async def accept(self, party: Party, device: str, call: str, media: Media) -> None:
        """Let an agent take a call on one of her devices; of many who try, one wins.

        Raises:
            Refused: ``not_yours`` for all others, ``not_now`` once the call is over, ``not_found``.
        """
        accepted = await self.give(call, Accept(party.id, device, media))
        self._memory.carry(accepted, Side.AGENT, device)

    async def decline(self, party: Party, call: str, why: DeclineWhy) -> None:
        """Let an agent pass a call on.

        Raises:
            Refused: ``not_yours``, ``not_now``, ``not_found``.
        """
        await self.give(call, Decline(party.id, why))

    async def hang_up(self, party: Party, call: str) -> None:
        """End a call from either side, in whatever state it is.

        Raises:
            Refused: ``not_yours``, ``not_found``.
        """
        known = await self.of(party, call)
        await self.give(call, HangUp(side_of(known, party)))

    async def media_up(self, party: Party, call: str) -> None:
        """Note that one side sees or hears the other.

        Raises:
            Refused: ``not_yours``, ``not_now``, ``not_found``.
        """
        known = await self.of(party, call)
        await self.give(call, ConfirmMedia(side_of(known, party)))

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
        await self._desk.db.write_alone(units.wrap_up, call, party.id, outcome, note, now)
        self._desk.presence.rest(party.merchant, party.id, now)

    # What the network tells

    async def lost(self, party: Party, device: str) -> None:
        """Note that a party's page is gone: its socket was lost and has not come back at once."""
        call = await self.live_of(party)
        if call is not None and self._was_carrier(call, party, device):
            side = side_of(call, party)
            self._memory.let_go(call.id, side)
            await self.give(call.id, Lose(side))

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
        if self._memory.carrier(call, side) is None or side in known.missing:
            known = await self.give(call, Regain(side))
        self._memory.carry(known, side, device)
        return known

    def let_go(self, party: Party, device: str) -> tuple[str, Side] | None:
        """Note that a device's page has moved to another node; return the call and the side that it carries, if it does."""
        call = self._memory.of_party(party.id)
        side = None if call is None else side_of(call, party)
        if call is None or side is None or self._memory.carrier(call.id, side) != device:
            return None
        self._memory.let_go(call.id, side)
        return call.id, side

    async def hand_over(self, call: str, side: Side, to: str) -> None:
        """Let another node carry one side of a call: its page is there, and nobody has to miss it."""
        await self._desk.db.write(store.hand_over, call, side, self._desk.nodes.me, to)

    def of_party(self, party: str) -> Call | None:
        """Return the call that a party who is connected here is in, or waits for."""
        return self._memory.of_party(party)

    def going_on(self, party: Party) -> bool:
        """Return whether a party whose page is connected here is in a call, or waits for one, now."""
        return self._memory.of_party(party.id) is not None

    async def live_of(self, party: Party) -> Call | None:
        """Return the call that a party is in, or waits for, now, wherever her pages are connected."""
        find = store.live_of_agent if party.answers else store.live_of_buyer
        return await self._desk.db.read(find, party.id)

    def left(self, party: str) -> None:
        """Note that no page of a party is connected here any more."""
        self._memory.left(party)

    async def welcome(self, party: Party, device: str) -> CallView | None:
        """Return the view of the party's call that goes on, for a page that connects anew."""
        call = await self.live_of(party)
        if call is None:
            return None
        self._memory.note(call)
        if party.answers and call.state is State.RINGING and Side.AGENT in call.missing:
            call = await self.give(call.id, Regain(Side.AGENT))
        return await self.showing.view(call, party, device)

    # What time brings

    async def beat(self) -> None:
        """Let time act: expire what is due, ring whoever has become free, bring queues and desks up to date."""
        desk = self._desk
        desk.presence.sweep()
        for node in await desk.nodes.beat():
            await attempt(self._take_over(node))
        reachable = desk.nodes.lately(BLINK)
        if reachable != self._reachable:  # whose agents count has changed, and nobody else tells of it
            self._reachable = reachable
            desk.outlooks.forget_all()
        now = desk.clock.now()
        for call, merchant in await desk.db.read(store.due, now):
            await attempt(self._expire(call, merchant), call)
        if now - self._looked_at >= LOOK_AROUND:
            self._looked_at = now
            self._to_assign.update(await desk.db.read(store.merchants_with_waiting))
            if desk.db.shared and (not desk.bus.connected or now - self._read_at >= self._reread_after):
                self._read_at, self._reread_after = now, READ_AGAIN
                await attempt(self._read_again())
        await self._regain_who_is_here()
        for merchant in self._to_assign | self._unsettled:
            await self._settle(merchant)

    async def recover(self) -> None:
        """After a start: take over what nodes that have died since carried; both sides have their time to come back."""
        desk = self._desk
        dead = await desk.nodes.open()
        if desk.nodes.living == {desk.nodes.me}:
            await desk.db.write(units.wait_anew, await self.moment())
        for node in dead:
            await self._take_over(node)

    # What other slices read

    async def get(self, call: str) -> Call:
        """Return a call.

        Raises:
            Refused: ``not_found``.
        """
        known = self._memory.get(call)
        return known if known is not None else await self._desk.db.read(units.found, call)

    async def of(self, party: Party, call: str) -> Call:
        """Return a call that a party takes part in.

        Raises:
            Refused: ``not_found``, ``not_yours``.
        """
        known = await self.get(call)
        side_of(known, party)
        return known

    def states_here(self) -> Mapping[str, int]:
        """Return how many calls are in which state, of those whose buyer's page is connected here."""
        return self._memory.states()

    def live(self, call: str) -> Call | None:
        """Return a call that goes on, from memory."""
        return self._memory.get(call)

    async def listed(self, party: Party, before: Millis, most: int) -> list[verdicts.Listed]:
        """Return the calls of a party's merchant asked for before an instant, newest first."""
        return await self._desk.db.read(verdicts.listed, party.merchant, before, most)

    # How it is done

    async def moment(self, merchant: str | None = None, now: Millis | None = None) -> Moment:
        """Return what a unit has to know; with the people of a merchant where it may ring one of them."""
        desk = self._desk
        staff = UNASKED if merchant is None else await desk.reach.staff(merchant)
        now = desk.clock.now() if now is None else now
        return Moment(now, desk.patience, desk.nodes.me, staff, desk.reach.by_shop)

    async def tell(self, changes: list[Change]) -> None:
        """Tell what has been committed: first every node, so that whoever is told finds the memory right, then people."""
        for change in changes:
            self._unsettled.add(change.after.merchant)
            if change.after.state is State.ENDED:
                self._to_assign.add(change.after.merchant)
            left = change.before.agent if change.before is not None else None
            parties = {change.after.buyer, change.after.agent, left} - {None}
            self._desk.bus.publish(CHANGED, change.after, *(party for party in parties if party))
            self._desk.bus.here(COMMITTED, change)
        for change in changes:
            await self.showing.show(change.after, change.before)

    async def give(self, call: str, command: Command) -> Call:
        """Give a command to a call, and tell whom it concerns what came of it.

        Raises:
            Refused: ``not_found``, ``not_yours`` or ``not_now``; nothing has changed then.
        """
        known, db = self._memory.get(call), self._desk.db
        before = known if known is not None else await self.get(call)
        # a ring that is declined passes on at once; who waits for an agent in a talk is looked after by the next beat
        if isinstance(command, Decline | HangUp) and before.state is State.RINGING:
            after, changes = await db.write(units.move, call, command, await self.moment(before.merchant))
        elif isinstance(command, Accept | ConfirmMedia | HangUp):
            after, changes = await db.write_alone(units.step, call, command, await self.moment(), known)
        else:
            after, changes = await db.write(units.move, call, command, await self.moment())
        self._memory.note(after)
        await self.tell(changes)
        if not changes and (known is None or known.version < after.version):
            await self.showing.show(after, known)  # it changed elsewhere while the bus was away
        return after

    async def _expire(self, call: str, merchant: str) -> None:
        await self.tell(await self._desk.db.write(units.expire, call, await self.moment(merchant)))

    async def _settle(self, merchant: str) -> None:
        """Do what a merchant needs; what comes meanwhile waits for the next beat, and so does what fails."""
        rings, shows = merchant in self._to_assign, merchant in self._unsettled
        self._to_assign.discard(merchant)
        self._unsettled.discard(merchant)
        if not await attempt(self._bring_up_to_date(merchant, rings=rings, shows=shows)):
            self._to_assign |= {merchant} if rings else set()
            self._unsettled |= {merchant} if shows else set()

    async def _bring_up_to_date(self, merchant: str, *, rings: bool, shows: bool) -> None:
        """Ring whoever has become free, where somebody may have; show queue and desks, where they may have changed."""
        line, changes = await self._desk.db.read(store.line, merchant), list[Change]()
        if rings and (line.waiting or line.ringing):
            changes = await self._desk.db.write(units.assign, merchant, await self.moment(merchant))
            await self.tell(changes)
        if shows:
            now = await self._desk.db.read(store.line, merchant) if changes else line
            await self.showing.show_queue(merchant, now)

    async def _take_over(self, node: str) -> None:
        looked_at = units.TAKEN_OVER
        while looked_at == units.TAKEN_OVER:
            looked_at, changes = await self._desk.db.write(units.take_over, node, await self.moment())
            await self.tell(changes)
        if not await self._desk.db.read(store.carries, node):  # else another node is at the rest, and may yet fail
            await self._desk.nodes.forget(node)

    async def _read_again(self) -> None:
        """Where news may have been missed: read the calls of all who are connected here, and show what is new of them."""
        desk = self._desk
        now_live = {call.id: call for call in await desk.db.read(store.of_parties, desk.bus.attended())}
        ended = [call for call in self._memory if call not in now_live]
        for call in [*now_live.values(), *[await desk.db.read(units.found, call) for call in ended]]:
            known = self._memory.get(call.id)
            if known is None or known.version < call.version:
                desk.bus.here(CHANGED, call)
                await self.showing.show(call, known)

    async def _regain_who_is_here(self) -> None:
        """Whoever is taken for missing by another node, and has her page here, is not missing."""
        for call, side in self._memory.present_though_missing():
            await attempt(self.give(call.id, Regain(side)), call.id)

    def _on_change(self, call: Call) -> None:
        self._memory.note(call)
        if call.agent is not None and call.ended_at is not None and call.answered_at is not None:
            until = call.ended_at + self._desk.patience.wrap_up
            self._desk.presence.rest_here(call.merchant, call.agent, until)
        rung = call.agent if call.state is State.RINGING else None
        if rung and self._desk.bus.attends(rung) and not self._desk.presence.stands_here(call.merchant, rung):
            self._to_assign.add(call.merchant)  # she went off duty here while another node let it ring

    def _on_return(self) -> None:
        self._reread_after = self._looked_at = 0

    def _was_carrier(self, call: Call, party: Party, device: str) -> bool:
        if party.answers and call.state is State.RINGING:
            return False  # presence knows all her devices, and withdraws the ring
        return self._memory.carrier(call.id, side_of(call, party)) in (None, device)

    def _on_staff(self, merchant: str) -> None:
        self._to_assign.add(merchant)
        self._unsettled.add(merchant)
