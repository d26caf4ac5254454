"""Context cards, mostly from memory: a card is shown many times during its call."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from kanhuo.catalogue import store
from kanhuo.catalogue.messages import Card, card_on_the_wire
from kanhuo.catalogue.model import ContextCard
from kanhuo.kernel.errors import Code, Refused
from kanhuo.shell.database import Database

REMEMBERED: Final = 4_096


class Cards:
    """The cards of calls."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._known: OrderedDict[str, Card] = OrderedDict()

    def kept(self, digest: str) -> bool:
        """Whether a card is known to be kept in the database."""
        return digest in self._known

    def remember(self, digest: str, card: ContextCard) -> None:
        """Keep a card at hand that is kept in the database."""
        self._known[digest] = card_on_the_wire(card)
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)

    async def on_the_wire(self, digest: str) -> Card:
        """Return a card as clients receive it.

        Raises:
            Refused: ``not_found``.
        """
        if digest not in self._known:
            card = await self._db.read(store.get, digest)
            if card is None:
                raise Refused(Code.NOT_FOUND, "there is no such card")
            self.remember(digest, card)
        return self._known[digest]
