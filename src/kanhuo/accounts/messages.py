"""Merchants and agents on the wire."""

from __future__ import annotations

from kanhuo.accounts.model import Merchant, Role
from kanhuo.shell.wire import Part


class AgentCard(Part, frozen=True):
    """An agent as a buyer sees her."""

    id: str
    name: str


class OpeningHours(Part, frozen=True):
    """A weekday (0 is Monday) with minutes after midnight in the merchant's time zone."""

    weekday: int
    start: int
    end: int


class MerchantCard(Part, frozen=True, kw_only=True):
    """A merchant as a buyer sees it."""

    id: str
    name: str
    picture: str | None = None
    hours: tuple[OpeningHours, ...] = ()
    zone: str = "Asia/Shanghai"


class PartyCard(Part, frozen=True):
    """Whom the server takes this connection for."""

    role: Role
    id: str
    name: str = ""


def merchant_on_the_wire(merchant: Merchant) -> MerchantCard:
    """Return the merchant as clients receive it."""
    return MerchantCard(
        id=merchant.id,
        name=merchant.name,
        picture=merchant.picture,
        hours=tuple(OpeningHours(o.weekday, o.start, o.end) for o in merchant.hours),
        zone=merchant.zone,
    )
