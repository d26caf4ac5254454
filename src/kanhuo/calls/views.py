"""A call as one party may see it."""

from __future__ import annotations

from dataclasses import dataclass

from kanhuo.accounts.messages import AgentCard, MerchantCard
from kanhuo.accounts.model import Party
from kanhuo.calls.messages import CallView, DeskView, QueueView
from kanhuo.calls.model import Call
from kanhuo.calls.policy import Patience, Wait, deadline
from kanhuo.calls.store import Line
from kanhuo.calls.terms import Side, State
from kanhuo.catalogue.messages import Card
from kanhuo.kernel.clock import Millis
from kanhuo.kernel.errors import not_yours
from kanhuo.presence.service import Staff


@dataclass(frozen=True, slots=True)
class Facts:
    """What a view shows beside the call itself."""

    card: Card
    merchant: MerchantCard
    agent: AgentCard | None = None


def buyers_view(call: Call, facts: Facts, patience: Patience) -> CallView:
    """Return the call as its buyer sees it; who answers is told with the answer."""
    return _view(call, Side.BUYER, facts, patience, agent=facts.agent if call.answered_at else None, here=True)


def agents_view(call: Call, facts: Facts, patience: Patience, *, here: bool) -> CallView:
    """Return the call as the agent who is rung, or answered, sees it on a device."""
    return _view(call, Side.AGENT, facts, patience, agent=facts.agent, here=here)


def passed_on(call: Call, facts: Facts, patience: Patience) -> CallView:
    """Return the last view for an agent whose offer has ended: fall silent."""
    return _view(call, Side.AGENT, facts, patience, agent=None, here=False)


def desk_view(agent: str, line: Line, staff: Staff, now: Millis) -> DeskView:
    """Return what an agent's console shows at its top."""
    return DeskView(
        seq=now,
        duty=any(agent == other for other, _ in staff.on_duty),
        free=agent not in staff.resting and agent not in line.engaged,
        waiting=len(line.waiting),
        on_duty=len(staff.on_duty),
    )


def queue_view(call: Call, position: int, wait: Wait | None, now: Millis) -> QueueView:
    """Return where a waiting call stands."""
    if wait is None:
        return QueueView(seq=now, call=call.id, position=position)
    return QueueView(
        seq=now, call=call.id, position=position, wait_ms=wait.usual, least_ms=wait.least, most_ms=wait.most
    )


def rings_here(call: Call, device: str) -> bool:
    """Whether a device of the call's agent carries the call, or may still accept it."""
    return call.state is State.RINGING or call.device == device


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


def _view(call: Call, side: Side, facts: Facts, patience: Patience, *, agent: AgentCard | None, here: bool) -> CallView:
    return CallView(
        seq=call.version,
        call=call.id,
        side=side,
        state=call.state,
        media=call.media,
        card=facts.card,
        merchant=facts.merchant,
        asked_at=call.asked_at,
        since=call.since,
        due=deadline(call, patience),
        offers=len(call.tried),
        agent=agent,
        here=here,
        answer=call.answer,
        missing=call.missing,
        answered_at=call.answered_at,
        connected_at=call.connected_at,
        ended_at=call.ended_at,
        reason=call.reason,
    )
