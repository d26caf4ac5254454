"""Calls over HTTP: the merchant's list, and what devices say that were knocked at."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import JSONBody, QueryParameter

from kanhuo.accounts.messages import AgentCard
from kanhuo.accounts.model import Party
from kanhuo.accounts.policy import Act, allow
from kanhuo.calls.ringing import Ringing
from kanhuo.calls.service import Calls
from kanhuo.calls.terms import Media, Outcome, Reason, State
from kanhuo.calls.verdicts import Listed
from kanhuo.catalogue.messages import Card
from kanhuo.reach.messages import KnockAnswer, KnockHeard


class CallSummary(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A call in the merchant's list."""

    call: str
    asked_at: int
    state: State
    media: Media
    card: Card
    offers: int
    reason: Reason | None = None
    agent: AgentCard | None = None
    answered_at: int | None = None
    connected_at: int | None = None
    ended_at: int | None = None
    stars: int | None = None
    outcome: Outcome | None = None
    note: str | None = None


class CallList(msgspec.Struct, frozen=True):
    """The merchant's calls, newest first."""

    calls: list[CallSummary]


@get("/v1/calls")
async def list_calls(
    calls: NamedDependency[Calls],
    party: NamedDependency[Party],
    before: Annotated[int, QueryParameter(ge=0, le=2**53)] = 2**53,
    limit: Annotated[int, QueryParameter(ge=1, le=200)] = 50,
) -> CallList:
    """Return the calls of the signed-in agent's merchant asked for before an instant, newest first."""
    allow(party, Act.SEE_CALLS)
    return CallList([await _summary(calls, row) for row in await calls.listed(party, before, limit)])


@post("/v1/knocks/heard", status_code=200)
async def heard(ringing: NamedDependency[Ringing], data: JSONBody[KnockHeard]) -> KnockAnswer:
    """Note that a device shows the ring. The knock is unguessable and known to that device alone: nobody signs in for it."""
    return KnockAnswer(over=await ringing.knocked(data.knock))


@post("/v1/knocks/later", status_code=204)
async def later(ringing: NamedDependency[Ringing], data: JSONBody[KnockHeard]) -> None:
    """Pass the call on."""
    await ringing.later(data.knock)


HANDLERS: Final = (list_calls, heard, later)


async def _summary(calls: Calls, row: Listed) -> CallSummary:
    call = row.call
    facts = await calls.showing.facts(call)
    return CallSummary(
        call=call.id,
        asked_at=call.asked_at,
        state=call.state,
        media=call.media,
        card=facts.card,
        offers=len(call.tried),
        reason=call.reason,
        agent=facts.agent if call.answered_at else None,
        answered_at=call.answered_at,
        connected_at=call.connected_at,
        ended_at=call.ended_at,
        stars=row.stars,
        outcome=row.outcome,
        note=row.note,
    )
