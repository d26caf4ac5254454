"""Context cards as rows: each distinct card once, named by its digest, never changed."""

from __future__ import annotations

from typing import Final

import msgspec
from sqlalchemy import Column, LargeBinary, String, Table, bindparam, select
from sqlalchemy.dialects.postgresql import insert

from kanhuo.catalogue.model import ContextCard
from kanhuo.shell.database import Statement, Transaction, metadata

CARDS: Final = Table(
    "cards",
    metadata,
    Column("digest", String, primary_key=True),
    Column("body", LargeBinary, nullable=False),
)

_put = Statement(insert(CARDS).values({c.name: bindparam(c.name) for c in CARDS.c}).on_conflict_do_nothing())
_get = Statement(select(CARDS.c.body).where(CARDS.c.digest == bindparam("digest")))


def put(tx: Transaction, digest: str, card: ContextCard) -> None:
    """Keep a card, unless it is kept already."""
    tx.change(_put, {"digest": digest, "body": msgspec.json.encode(card)})


def get(tx: Transaction, digest: str) -> ContextCard | None:
    """Return a card by its digest."""
    row = tx.first(_get, {"digest": digest})
    return None if row is None else msgspec.json.decode(row[0], type=ContextCard)
