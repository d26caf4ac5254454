"""Saying yes and taking it back, written before anybody acts on it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from kanhuo.accounts.model import Party
from kanhuo.calls.model import LIVE, Call
from kanhuo.calls.service import CHANGED, Calls, side_of
from kanhuo.calls.terms import Side, State
from kanhuo.calls.units import Change, found
from kanhuo.consent import store
from kanhuo.consent.messages import ConsentsView
from kanhuo.consent.model import Consents, Given, Purpose, Withdrawn, evolve, give, withdraw
from kanhuo.kernel.clock import Clock, Millis
from kanhuo.kernel.errors import Code, Refused, not_now
from kanhuo.shell import journal
from kanhuo.shell.bus import Bus
from kanhuo.shell.database import Database, Transaction
from kanhuo.shell.wire import tell

WITHDRAWN: Final = "consent.withdrawn"
"""News: ``(call, purpose)``, after the commit."""


class ConsentBook:
    """What the buyer of each call agrees to."""

    def __init__(self, db: Database, bus: Bus, clock: Clock, calls: Calls) -> None:
        self._db = db
        self._bus = bus
        self._clock = clock
        self._calls = calls
        self._known: dict[str, Consents] = {}
        bus.subscribe(CHANGED, self._on_change)

    async def give(self, party: Party, call: str, purpose: Purpose) -> None:
        """Note the buyer's yes.

        Raises:
            Refused: ``not_yours``, ``not_allowed`` (an agent cannot say yes for a buyer), ``not_now``, ``not_found``.
        """
        await self._change(party, call, lambda now_agreed: give(now_agreed, purpose))

    async def withdraw(self, party: Party, call: str, purpose: Purpose) -> None:
        """Note that the buyer takes a yes back.

        Raises:
            Refused: as :meth:`give`.
        """
        if await self._change(party, call, lambda now_agreed: withdraw(now_agreed, purpose)):
            self._bus.publish(WITHDRAWN, (call, purpose))

    async def of(self, call: str) -> Consents:
        """Return what the buyer of a call agrees to."""
        known = self._known.get(call)
        if known is None:
            known = await self._db.read(store.of_call, call)
            if self._calls.live(call) is not None:
                self._known[call] = known
        return known

    def known(self, call: str) -> Consents:
        """Return what the buyer of a call agrees to, as far as it was read; nothing at first."""
        return self._known.get(call, Consents())

    async def view(self, call: str) -> ConsentsView:
        """Return the consents of a call for the wire."""
        return on_the_wire(call, await self.of(call))

    async def _change(self, party: Party, call: str, decide: Callable[[Consents], Given | Withdrawn | None]) -> bool:
        known = await self._calls.of(party, call)
        if side_of(known, party) is not Side.BUYER:
            raise Refused(Code.NOT_ALLOWED, "only the buyer can say yes or no to this")
        before = await self.of(call)
        after = await self._db.write(_write, call, decide, self._clock.now())
        if known.state is not State.ENDED:
            self._known[call] = after
        self._show(known, after)
        return before.seq != after.seq

    def _show(self, call: Call, consents: Consents) -> None:
        view = on_the_wire(call.id, consents)
        tell(self._bus, call.buyer, view)
        if call.agent is not None:
            tell(self._bus, call.agent, view)

    def _on_change(self, change: Change) -> None:
        if change.after.state is State.ENDED:
            self._known.pop(change.after.id, None)


def on_the_wire(call: str, consents: Consents) -> ConsentsView:
    """Return consents as both sides receive them."""
    return ConsentsView(
        seq=consents.seq,
        call=call,
        camera=consents.allows(Purpose.CAMERA),
        microphone=consents.allows(Purpose.MICROPHONE),
    )


def _write(tx: Transaction, call: str, decide: Callable[[Consents], Given | Withdrawn | None], now: Millis) -> Consents:
    if found(tx, call).state not in LIVE:
        raise not_now("the call has ended")
    before = store.of_call(tx, call)
    event = decide(before)
    if event is None:
        return before
    after = evolve(before, event)
    store.put(tx, call, event, after.seq, now)
    journal.append(tx, call, event, now)
    return after
