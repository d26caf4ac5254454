"""Showing people their calls: each side what it may see, those who wait their place, the consoles what goes on."""

from __future__ import annotations

from dataclasses import dataclass

from kanhuo.accounts.messages import AgentCard, merchant_on_the_wire
from kanhuo.accounts.model import Party
from kanhuo.accounts.service import Accounts
from kanhuo.calls import store
from kanhuo.calls.messages import CallView, DeskView
from kanhuo.calls.model import Call
from kanhuo.calls.outlook import Outlooks
from kanhuo.calls.policy import Patience, wait_guess
from kanhuo.calls.store import Line
from kanhuo.calls.views import Facts, agents_view, buyers_view, desk_view, passed_on, queue_view, rings_here
from kanhuo.catalogue.service import Cards
from kanhuo.kernel.clock import Clock
from kanhuo.presence.service import PresenceBook
from kanhuo.reach.service import Reach
from kanhuo.shell.bus import Bus
from kanhuo.shell.database import Database
from kanhuo.shell.nodes import Nodes
from kanhuo.shell.wire import tell


@dataclass(frozen=True, slots=True)
class Desk:
    """What calls work with."""

    db: Database
    bus: Bus
    clock: Clock
    accounts: Accounts
    cards: Cards
    presence: PresenceBook
    reach: Reach
    outlooks: Outlooks
    patience: Patience
    nodes: Nodes


class Showing:
    """Tells people's pages; call it after the commit."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def facts(self, call: Call) -> Facts:
        """Return what a view of the call shows beside the call itself."""
        desk = self._desk
        agent = await desk.accounts.agent(call.agent) if call.agent else None
        return Facts(
            card=await desk.cards.on_the_wire(call.card),
            merchant=merchant_on_the_wire(await desk.accounts.merchant(call.merchant)),
            agent=AgentCard(agent.id, agent.name) if agent else None,
        )

    async def show(self, call: Call, before: Call | None = None) -> None:
        """Show a call to both sides, and to the agent who has it no more that it has gone."""
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

    async def view(self, call: Call, party: Party, device: str) -> CallView:
        """Return a call as a party may see it on a device."""
        facts = await self.facts(call)
        if party.answers:
            return agents_view(call, facts, self._desk.patience, here=rings_here(call, device))
        return buyers_view(call, facts, self._desk.patience)

    async def show_queue(self, merchant: str, line: Line) -> None:
        """Show everybody who waits her place, the consoles the line, and product pages what a buyer would meet."""
        desk = self._desk
        staff, handling = await desk.reach.staff(merchant), await desk.outlooks.handling(merchant)
        now = desk.clock.now()
        desk.outlooks.tell(merchant, line, staff, handling)
        for position, call in enumerate(line.waiting, start=1):
            tell(
                desk.bus,
                call.buyer,
                queue_view(call, position, wait_guess(position, len(staff.on_duty), handling), now),
            )
        for agent, _ in staff.on_duty:
            tell(desk.bus, agent, desk_view(agent, line, staff, now))

    async def desk_of(self, party: Party) -> DeskView:
        """Return what an agent's console shows at its top."""
        desk = self._desk
        line = await desk.db.read(store.line, party.merchant)
        return desk_view(party.id, line, await desk.reach.staff(party.merchant), desk.clock.now())
