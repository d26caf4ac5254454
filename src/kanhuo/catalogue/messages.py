"""The context card on the wire."""

from __future__ import annotations

from kanhuo.catalogue.model import ContextCard, Kind
from kanhuo.shell.wire import Part


class CardLine(Part, frozen=True):
    """One row of the card."""

    label: str
    value: str


class Card(Part, frozen=True, kw_only=True):
    """What the call is about; an immutable snapshot."""

    kind: Kind
    ref: str
    title: str
    picture: str | None = None
    price: str | None = None
    lines: tuple[CardLine, ...] = ()


def card_on_the_wire(card: ContextCard) -> Card:
    """Return the card as clients receive it."""
    return Card(
        kind=card.kind,
        ref=card.ref,
        title=card.title,
        picture=card.picture,
        price=card.price,
        lines=tuple(CardLine(line.label, line.value) for line in card.lines),
    )
