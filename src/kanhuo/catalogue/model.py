"""The context card: what the call is about, as the agent sees it, frozen at the moment of the tap."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """From where on the shopping path the call was started."""

    PRODUCT = "product"
    CART = "cart"
    ORDER = "order"
    CASE = "case"
    CHAT = "chat"
    LINK = "link"


@dataclass(frozen=True, slots=True)
class Line:
    """One row of the card, such as ``Size: L`` or ``Ordered: 2 × Fuji apples``. Already in the buyer's language."""

    label: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextCard:
    """Immutable snapshot of the product, cart, order or case the call is about. Never a phone number or an address."""

    kind: Kind
    ref: str
    """The shop's own identifier of the thing."""
    title: str
    picture: str | None = None
    """Address of a picture: on our own origin, or on one the platform has allowed."""
    price: str | None = None
    """As shown to the buyer, with its currency: ``¥39.90``."""
    lines: tuple[Line, ...] = ()
