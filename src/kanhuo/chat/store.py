"""Lines and pictures of chats as rows."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, String, Table, bindparam, func, select

from kanhuo.calls.terms import Side
from kanhuo.chat.model import Said
from kanhuo.kernel.clock import Millis
from kanhuo.shell.database import Row, Statement, Transaction, metadata

SAID: Final = Table(
    "chat_lines",
    metadata,
    Column("call", String, primary_key=True),
    Column("n", Integer, primary_key=True),
    Column("key", String, nullable=False),
    Column("side", String, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("text", String),
    Column("picture", String),
)
Index("one_line_for_each_key", SAID.c.call, SAID.c.side, SAID.c.key, unique=True)

PICTURES: Final = Table(
    "pictures",
    metadata,
    Column("id", String, primary_key=True),
    Column("call", String, nullable=False, index=True),
    Column("side", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("data", LargeBinary, nullable=False),
)

_columns = (SAID.c.n, SAID.c.key, SAID.c.side, SAID.c.at, SAID.c.text, SAID.c.picture)
_add = Statement(SAID.insert().values({c.name: bindparam(c.name) for c in SAID.c}))
_last = Statement(select(func.coalesce(func.max(SAID.c.n), 0)).where(SAID.c.call == bindparam("call")))
_same = Statement(
    select(*_columns).where(
        SAID.c.call == bindparam("call"), SAID.c.side == bindparam("side"), SAID.c.key == bindparam("key")
    )
)
_after = Statement(
    select(*_columns).where(SAID.c.call == bindparam("call"), SAID.c.n > bindparam("after")).order_by(SAID.c.n)
)
_keep = Statement(PICTURES.insert().values({c.name: bindparam(c.name) for c in PICTURES.c}))
_picture = Statement(select(PICTURES.c.call, PICTURES.c.kind, PICTURES.c.data).where(PICTURES.c.id == bindparam("id")))
_owner = Statement(select(PICTURES.c.call, PICTURES.c.side).where(PICTURES.c.id == bindparam("id")))
_pictures = Statement(select(func.count()).where(PICTURES.c.call == bindparam("call")))


def add(tx: Transaction, call: str, said: Said) -> None:
    """Write what was said."""
    row = {"call": call, "n": said.n, "key": said.key, "side": said.side.value, "at": said.at}
    tx.change(_add, row | {"text": said.text, "picture": said.picture})


def last(tx: Transaction, call: str) -> int:
    """Return the number of the last thing said; 0 where nothing was."""
    return int((tx.first(_last, {"call": call}) or (0,))[0])


def same(tx: Transaction, call: str, side: Side, key: str) -> Said | None:
    """Return what this side said under this key before."""
    row = tx.first(_same, {"call": call, "side": side.value, "key": key})
    return None if row is None else _said(row)


def after(tx: Transaction, call: str, n: int) -> list[Said]:
    """Return what was said after number ``n``."""
    return [_said(row) for row in tx.all(_after, {"call": call, "after": n})]


def keep(tx: Transaction, picture: str, call: str, side: Side, kind: str, data: bytes, at: Millis) -> None:
    """Keep a picture."""
    tx.change(_keep, {"id": picture, "call": call, "side": side.value, "kind": kind, "at": at, "data": data})


def picture(tx: Transaction, id: str) -> tuple[str, str, bytes] | None:
    """Return a picture's call, media type and bytes."""
    row = tx.first(_picture, {"id": id})
    return None if row is None else (row[0], row[1], row[2])


def owner(tx: Transaction, picture: str) -> tuple[str, Side] | None:
    """Return the call and side a picture was uploaded from."""
    row = tx.first(_owner, {"id": picture})
    return None if row is None else (row[0], Side(row[1]))


def pictures(tx: Transaction, call: str) -> int:
    """Return how many pictures a call has."""
    return int((tx.first(_pictures, {"call": call}) or (0,))[0])


def _said(row: Row) -> Said:
    n, key, side, at, text, picture = row
    return Said(n=n, key=key, side=Side(side), at=at, text=text, picture=picture)
