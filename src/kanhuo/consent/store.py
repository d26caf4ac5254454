"""The ledger of consents: one row for each yes, closed when it is taken back."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Column, Integer, String, Table, bindparam, select, update

from kanhuo.consent.model import Consents, Given, Purpose, Withdrawn
from kanhuo.kernel.clock import Millis
from kanhuo.shell.database import Statement, Transaction, metadata

LEDGER: Final = Table(
    "consents",
    metadata,
    Column("call", String, primary_key=True),
    Column("seq", Integer, primary_key=True),
    Column("purpose", String, nullable=False),
    Column("given_at", BigInteger, nullable=False),
    Column("withdrawn_at", BigInteger),
    Column("withdrawn_seq", Integer),
)

_of_call = Statement(
    select(LEDGER.c.seq, LEDGER.c.purpose, LEDGER.c.withdrawn_seq)
    .where(LEDGER.c.call == bindparam("call"))
    .order_by(LEDGER.c.seq)
)
_open = Statement(
    LEDGER.insert().values(
        {name: bindparam(name) for name in ("call", "seq", "purpose", "given_at")},
    )
)
_close = Statement(
    update(LEDGER)
    .where(
        LEDGER.c.call == bindparam("the_call"),
        LEDGER.c.purpose == bindparam("the_purpose"),
        LEDGER.c.withdrawn_at.is_(None),
    )
    .values(withdrawn_at=bindparam("withdrawn_at"), withdrawn_seq=bindparam("withdrawn_seq"))
)


def of_call(tx: Transaction, call: str) -> Consents:
    """Return what the buyer of a call agrees to."""
    seq, purposes = 0, set()
    for given, purpose, withdrawn in tx.all(_of_call, {"call": call}):
        seq = max(seq, given, withdrawn or 0)
        if withdrawn is None:
            purposes.add(Purpose(purpose))
    return Consents(seq, frozenset(purposes))


def put(tx: Transaction, call: str, event: Given | Withdrawn, seq: int, at: Millis) -> None:
    """Write a yes, or the end of one; ``seq`` numbers the changes of a call's consents."""
    match event:
        case Given(purpose):
            tx.change(_open, {"call": call, "seq": seq, "purpose": purpose.value, "given_at": at})
        case Withdrawn(purpose):
            row = {"the_call": call, "the_purpose": purpose.value, "withdrawn_at": at, "withdrawn_seq": seq}
            tx.change(_close, row)
