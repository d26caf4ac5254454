"""The journal: what happened, in order, sealed by a hash chain for each subject (a call, an account).

A line is written in the same transaction as the state it reports. It holds ids and reasons, never names, faces or words,
so that erasing a person breaks no seal. It is the audit trail, the evidence, and the feed of everything that learns from
calls without calls knowing of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    bindparam,
    select,
    text,
    tuple_,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.expression import ColumnElement

from kanhuo.kernel.chain import GENESIS, link
from kanhuo.kernel.clock import Millis
from kanhuo.shell.database import Statement, Transaction, metadata, procedure

LINES: Final = Table(
    "journal",
    metadata,
    Column("seq", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("chain", String, nullable=False),
    Column("n", Integer, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("kind", String, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("batch", BigInteger, nullable=False, server_default=text("0")),
    Index("one_line_for_each_number", "chain", "n", unique=True),
    Index("journal_in_order", "batch", "seq").ddl_if(dialect="postgresql"),
    sqlite_autoincrement=True,
)
"""``batch`` is the transaction that wrote the line, by PostgreSQL's own number; SQLite has one writer and needs none."""

HEADS: Final = Table(
    "journal_heads",
    metadata,
    Column("chain", String, primary_key=True),
    Column("n", Integer, nullable=False),
    Column("digest", LargeBinary, nullable=False),
)
"""The last line of each chain: found without searching, and a chain cut short is noticed."""

_head = Statement(select(HEADS.c.n, HEADS.c.digest).where(HEADS.c.chain == bindparam("chain")).with_for_update())
_append = Statement(
    LINES.insert().values({name: bindparam(name) for name in ("chain", "n", "at", "kind", "body", "digest")})
)
_append_there = Statement(select(procedure("append_line", chain=String, at=BigInteger, kind=String, body=LargeBinary)))
"""The same in one round trip, by a procedure that PostgreSQL keeps."""

_upsert = insert(HEADS).values({c.name: bindparam(c.name) for c in HEADS.c})
_set_head = Statement(
    _upsert.on_conflict_do_update(
        index_elements=[HEADS.c.chain], set_={"n": _upsert.excluded.n, "digest": _upsert.excluded.digest}
    )
)
_everything = Statement(
    select(LINES.c.seq, LINES.c.chain, LINES.c.n, LINES.c.at, LINES.c.kind, LINES.c.body, LINES.c.digest)
    .where(LINES.c.seq > bindparam("after"))
    .order_by(LINES.c.seq)
    .limit(bindparam("most"))
)


class _Settled(ColumnElement[int]):
    """The oldest transaction that is still under way: what lies before it is complete, and nothing will join it."""

    type = BigInteger()
    inherit_cache = True


@compiles(_Settled)
def _settled(_: _Settled, compiler: SQLCompiler, **__: object) -> str:
    if compiler.dialect.name == "postgresql":
        return "pg_snapshot_xmin(pg_current_snapshot())::text::bigint"
    return "1"  # one writer: whatever can be seen is complete


_following = Statement(
    select(LINES.c.batch, LINES.c.seq, LINES.c.chain, LINES.c.n, LINES.c.at, LINES.c.kind, LINES.c.body, LINES.c.digest)
    .where(
        tuple_(LINES.c.batch, LINES.c.seq)
        > tuple_(bindparam("batch", type_=BigInteger), bindparam("seq", type_=BigInteger)),
        LINES.c.batch < _Settled(),
    )
    .order_by(LINES.c.batch, LINES.c.seq)
    .limit(bindparam("most"))
)
_of_chain = Statement(
    select(LINES.c.seq, LINES.c.chain, LINES.c.n, LINES.c.at, LINES.c.kind, LINES.c.body, LINES.c.digest)
    .where(LINES.c.chain == bindparam("chain"))
    .order_by(LINES.c.n)
)
_all_heads = Statement(select(HEADS.c.chain, HEADS.c.n, HEADS.c.digest))


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the journal."""

    seq: int
    chain: str
    n: int
    at: Millis
    kind: str
    body: bytes
    digest: bytes


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """How far a reader of the journal has come."""

    batch: int = 0
    seq: int = 0


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result of checking a journal: how much was read and, where it is broken, the first broken line."""

    lines: int
    chains: int
    broken: str | None = None


def line_of(event: object) -> tuple[str, bytes]:
    """Return the kind and the body of an event's line."""
    return type(event).__name__, msgspec.json.encode(event)


def append(tx: Transaction, chain: str, event: object, at: Millis) -> None:
    """Write what happened to ``chain`` at instant ``at``; ``event`` is a dataclass whose name and fields are the line."""
    kind, body = line_of(event)
    if tx.far:
        tx.first(_append_there, {"chain": chain, "at": at, "kind": kind, "body": body})
        return
    head = tx.first(_head, {"chain": chain})
    n, previous = (head[0] + 1, head[1]) if head else (1, GENESIS)
    digest = link(previous, chain, n, at, kind, body)
    tx.change(_append, {"chain": chain, "n": n, "at": at, "kind": kind, "body": body, "digest": digest})
    tx.change(_set_head, {"chain": chain, "n": n, "digest": digest})


def lines_of(tx: Transaction, chain: str) -> list[Line]:
    """Return the lines of one chain, oldest first."""
    return [Line(*row) for row in tx.all(_of_chain, {"chain": chain})]


def following(tx: Transaction, after: Position, most: int) -> list[tuple[Position, Line]]:
    """Return the lines behind a position, oldest first, for whoever learns from the journal.

    Many nodes write at once, so numbers are not given in the order of commits. A line is returned only once every
    transaction before its own is over: no line ever turns up behind a position that has been passed, and a call's lines
    come in their order.
    """
    rows = tx.all(_following, {"batch": after.batch, "seq": after.seq, "most": most})
    return [(Position(batch, line[0]), Line(*line)) for batch, *line in rows]


def decode(line: Line) -> dict[str, Any]:
    """Return the fields of a line's event."""
    return msgspec.json.decode(line.body, type=dict[str, Any])


def verify(tx: Transaction) -> Verdict:
    """Recompute every digest; name the first line that does not fit, in the order of writing."""
    heads: dict[str, tuple[int, bytes]] = {}
    count = 0
    for line in _lines(tx):
        count += 1
        n, previous = heads.get(line.chain, (0, GENESIS))
        if line.n != n + 1:
            return Verdict(count, len(heads), f"line {line.seq} ({line.chain} #{line.n}): #{n + 1} was expected here")
        if link(previous, line.chain, line.n, line.at, line.kind, line.body) != line.digest:
            return Verdict(count, len(heads), f"line {line.seq} ({line.chain} #{line.n}): its digest does not match")
        heads[line.chain] = (line.n, line.digest)
    recorded = {chain: (n, digest) for chain, n, digest in tx.all(_all_heads)}
    for chain in sorted(recorded.keys() | heads.keys()):
        if recorded.get(chain) != heads.get(chain):
            last = heads.get(chain, (0, GENESIS))[0]
            return Verdict(count, len(heads), f"{chain} #{last + 1}: the chain ends before its recorded end")
    return Verdict(count, len(heads))


def _bytes(value: object) -> bytes:
    """Return a column's bytes; SQLite would let a forger store anything in it."""
    return value if isinstance(value, bytes) else repr(value).encode()


def _lines(tx: Transaction, page: int = 1000) -> Iterator[Line]:
    after = 0
    while rows := tx.all(_everything, {"after": after, "most": page}):
        for seq, chain, n, at, kind, body, digest in rows:
            yield Line(seq, chain, n, at, kind, _bytes(body), _bytes(digest))
        after = rows[-1][0]
