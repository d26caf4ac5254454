"""Calls over HTTP: the merchant's list, and whether a call can be answered now."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final

import msgspec
from litestar import Response, get
from litestar.datastructures import CacheControlHeader
from litestar.di import NamedDependency
from litestar.params import QueryParameter

from kanhuo.accounts.messages import AgentCard, OpeningHours, merchant_on_the_wire
from kanhuo.accounts.model import Party
from kanhuo.accounts.policy import Act, allow
from kanhuo.accounts.service import Accounts
from kanhuo.calls.service import Calls
from kanhuo.calls.store import Listed
from kanhuo.calls.terms import Media, Outcome, Reason, State
from kanhuo.catalogue.messages import Card
from kanhuo.kernel.errors import Code, Refused

MOST_MERCHANTS: Final = 50


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


class Can(StrEnum):
    """When a call can be answered."""

    NOW = "now"
    BUSY = "busy"
    LATER = "later"


class MerchantAvailability(msgspec.Struct, frozen=True):
    """What a product page may promise about one merchant."""

    can: Can
    hours: tuple[OpeningHours, ...]
    zone: str


class Availabilities(msgspec.Struct, frozen=True):
    """What a product page may promise, by merchant; unknown merchants are left out."""

    merchants: dict[str, MerchantAvailability]


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


@get("/v1/availability")
async def availability(
    calls: NamedDependency[Calls],
    accounts: NamedDependency[Accounts],
    merchants: Annotated[str, QueryParameter(max_length=4_000)],
) -> Response[Availabilities]:
    """Tell product pages which merchants can answer now. Public, and the same for everybody."""
    names = list(dict.fromkeys(merchants.split(",")))
    if len(names) > MOST_MERCHANTS:
        raise Refused(Code.TOO_MANY, f"ask for {MOST_MERCHANTS} merchants at most")
    found = {}
    for name in names:
        try:
            merchant = merchant_on_the_wire(await accounts.merchant(name))
        except Refused:
            continue
        found[name] = MerchantAvailability(await _can(calls, name), merchant.hours, merchant.zone)
    return Response(
        Availabilities(found),
        headers={
            "Cache-Control": CacheControlHeader(public=True, max_age=5).to_header(),
            "Access-Control-Allow-Origin": "*",
        },
    )


HANDLERS: Final = (list_calls, availability)


async def _can(calls: Calls, merchant: str) -> Can:
    free, on_duty = await calls.staffing(merchant)
    return Can.NOW if free else Can.BUSY if on_duty else Can.LATER


async def _summary(calls: Calls, row: Listed) -> CallSummary:
    call = row.call
    facts = await calls.facts(call)
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
