"""Rings beyond the open page: what was knocked at says that one has arrived, and is told when it is over."""

from __future__ import annotations

from kanhuo.accounts.model import Party
from kanhuo.calls import units
from kanhuo.calls.events import Decline, Declined, Heard, Offered, RingExpired, RingUnheard
from kanhuo.calls.service import COMMITTED, Calls
from kanhuo.calls.showing import Desk
from kanhuo.calls.terms import DeclineWhy, State
from kanhuo.calls.units import Change, knocked_at
from kanhuo.kernel.errors import Code, Refused
from kanhuo.reach import store as knocks
from kanhuo.reach.model import Knock, Rung
from kanhuo.reach.policy import AFTER_RING
from kanhuo.reach.service import REACHED
from kanhuo.shell import journal


class Ringing:
    """Joins calls with the knocking at agents."""

    def __init__(self, desk: Desk, calls: Calls) -> None:
        self._desk = desk
        self._calls = calls
        desk.bus.subscribe(COMMITTED, self._on_change)
        desk.bus.subscribe(REACHED, self._on_reached)

    async def heard(self, party: Party, device: str, call: str) -> None:
        """Note that an agent's page shows the ring; nobody knocks elsewhere for a little longer.

        Raises:
            Refused: ``not_yours``, ``not_found``.
        """
        desk, known = self._desk, await self._calls.of(party, call)
        if known.state is not State.RINGING:
            return  # it has been answered already
        moment = await self._calls.moment()
        if not known.unheard and not await desk.reach.may_be_knocked_at(party.merchant, party.id):
            after = moment.now - known.since
            await desk.db.write_alone(journal.append, call, Heard(party.id, Rung.SOCKET, device, after), moment.now)
            return
        await self._calls.tell(await desk.db.write(units.heard, call, party.id, Rung.SOCKET, device, moment))
        desk.reach.planned(party.merchant, party.id, known.since + AFTER_RING)

    async def knocked(self, knock: str) -> bool:
        """Note that the ring is shown by what was knocked at; return whether there is nothing to show any more."""
        over, changes = await self._desk.db.write(units.knocked, knock, await self._calls.moment())
        await self._calls.tell(changes)
        return over

    async def later(self, knock: str) -> None:
        """Let an agent pass a call on without opening her page.

        Raises:
            Refused: ``not_found``; ``not_now`` where she is not rung any more.
        """
        known = await self._desk.db.read(knocks.knock, knock)
        if known is None:
            raise Refused(Code.NOT_FOUND, "this ring is long over")
        await self._calls.give(known.call, Decline(known.agent, DeclineWhy.OTHER))

    def _on_reached(self, knock: Knock) -> None:
        self._desk.reach.soon(self._reached(knock))

    async def _reached(self, knock: Knock) -> None:
        unit = self._desk.db.write(
            units.heard, knock.call, knock.agent, knock.rung, knock.endpoint, await self._calls.moment()
        )
        await self._calls.tell(await unit)

    def _on_change(self, change: Change) -> None:
        before, after, reach = change.before, change.after, self._desk.reach
        if isinstance(change.event, Offered):
            reach.planned(after.merchant, change.event.agent, knocked_at(after))
        if before is None or before.state is not State.RINGING or after.state is State.RINGING or before.agent is None:
            return
        missed = after.answered_at is None and not isinstance(change.event, Declined)
        reach.over(before.id, before.merchant, before.agent, missed=missed)
        if isinstance(change.event, RingUnheard | RingExpired) and (before.unheard or before.heard_at is not None):
            reach.unanswered(before.id, before.merchant, before.agent)
