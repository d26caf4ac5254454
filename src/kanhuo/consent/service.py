"""Saying yes and taking it back, written before anybody acts on it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from kanhuo.accounts.model import Party
from kanhuo.calls.model import LIVE, Call
from kanhuo.calls.service import CHANGED, Calls
from kanhuo.calls.terms import Side, State
from kanhuo.calls.units import found
from kanhuo.calls.views import side_of
from kanhuo.consent import store
from kanhuo.consent.messages import ConsentsView
from kanhuo.consent.model import Consents, Given, Purpose, Withdrawn, evolve, give, withdraw
from kanhuo.kernel.clock import Clock, Millis
from kanhuo.kernel.errors import Code, Refused, not_now
from kanhuo.shell import journal
from kanhuo.shell.bus import Bus, Topic
from kanhuo.shell.database import Database, Transaction
from kanhuo.shell.wire import tell


@dataclass(frozen=True, slots=True)
class Agreed:
    """What the buyer of a call agrees to since the last commit."""

    call: str
    consents: Consents


AGREED: Final = Topic("consent.agreed", Agreed)
"""News: what the buyer of a call agrees to has changed."""


class ConsentBook:
    """What the buyer of each call agrees to."""

    def __init__(self, db: Database, bus: Bus, clock: Clock, calls: Calls) -> None:
        self._db = db
        self._bus = bus
        self._clock = clock
        self._calls = calls
        self._known: dict[str, Consents] = {}
        bus.subscribe(CHANGED, self._on_change)
        bus.subscribe(AGREED, self._on_agreed)

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
        await self._change(party, call, lambda now_agreed: withdraw(now_agreed, purpose))

    async def of(self, call: str) -> Consents:
        """Return what the buyer of a call agrees to."""
        known = self._known.get(call)
        if known is None or self._bus.shared:  # another node may have heard of it just now
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

    async def _change(self, party: Party, call: str, decide: Callable[[Consents], Given | Withdrawn | None]) -> None:
        known = await self._calls.of(party, call)
        if side_of(known, party) is not Side.BUYER:
            raise Refused(Code.NOT_ALLOWED, "only the buyer can say yes or no to this")
        after = await self._db.write(_write, call, decide, self._clock.now())
        self._bus.publish(AGREED, Agreed(call, after), *(party for party in (known.buyer, known.agent) if party))
        self._show(known, after)

    def _show(self, call: Call, consents: Consents) -> None:
        view = on_the_wire(call.id, consents)
        tell(self._bus, call.buyer, view)
        if call.agent is not None:
            tell(self._bus, call.agent, view)

    def _on_change(self, call: Call) -> None:
        if call.state is State.ENDED:
            self._known.pop(call.id, None)

    def _on_agreed(self, agreed: Agreed) -> None:
        known = self._known.get(agreed.call)
        if self._calls.live(agreed.call) is not None and (known is None or known.seq < agreed.consents.seq):
            self._known[agreed.call] = agreed.consents


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
