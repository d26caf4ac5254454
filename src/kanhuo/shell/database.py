"""The database: plain synchronous functions on a transaction, run where the engine likes them best.

A *unit of work* is a function that takes a :class:`Transaction` first, reads, decides and writes. It never awaits and keeps
nothing but what it returns, so it may be run again: where two units race for the same rows, one wins and the other is
decided anew. A shop keeps everything in one SQLite file (``shell/sqlite.py``), a marketplace in PostgreSQL
(``shell/postgres.py``); the stores of all slices are the same for both.

SQLAlchemy Core describes tables and builds statements; their text is compiled once for each engine and run on the raw
driver, because *executing* through SQLAlchemy costs three to four times as much.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Concatenate, Final, ParamSpec, Protocol, TypeAlias, TypeVar

from sqlalchemy import MetaData, bindparam, func
from sqlalchemy.dialects import sqlite
from sqlalchemy.dialects.postgresql import asyncpg
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import ClauseElement
from sqlalchemy.sql.functions import Function
from sqlalchemy.types import TypeEngine

from kanhuo.kernel.errors import Code, Refused, Stale

P = ParamSpec("P")
R = TypeVar("R")
Row: TypeAlias = tuple[Any, ...]
Parameters: TypeAlias = Mapping[str, object]

metadata: Final = MetaData()
"""Every table of every slice; the migrations are checked against it."""

ATTEMPTS: Final = 3
"""How often a unit of work is decided again where somebody else was faster."""

BACKLOG: Final = 4_096
"""How many units of work may wait; beyond it, requests are refused at once rather than answered minutes later."""

_SQLITE: Final = sqlite.dialect(paramstyle="named")
_POSTGRES: Final = asyncpg.dialect()  # type: ignore[no-untyped-call]


class Statement:
    """A statement built with SQLAlchemy Core, compiled to the text of each engine once, when it is first run there."""

    __slots__ = ("_clause", "_named", "_numbered")

    def __init__(self, clause: ClauseElement) -> None:
        self._clause = clause
        self._named: tuple[str, dict[str, Any]] | None = None
        self._numbered: tuple[str, tuple[str, ...], dict[str, Any]] | None = None

    def named(self, parameters: Parameters | None) -> tuple[str, Parameters]:
        """Return SQLite's text and the values by name."""
        if self._named is None:
            compiled = self._clause.compile(dialect=_SQLITE)
            assert isinstance(compiled, SQLCompiler)
            self._named = str(compiled), _constants(compiled)
        text, constants = self._named
        return text, {**constants, **(parameters or {})} if constants else parameters or {}

    def numbered(self, parameters: Parameters | None) -> tuple[str, list[object]]:
        """Return PostgreSQL's text and the values in the order of their numbers."""
        if self._numbered is None:
            compiled = self._clause.compile(dialect=_POSTGRES)
            assert isinstance(compiled, SQLCompiler)
            self._numbered = str(compiled), tuple(compiled.positiontup or ()), _constants(compiled)
        text, names, constants = self._numbered
        values = {**constants, **(parameters or {})} if constants else parameters or {}
        return text, [values[name] for name in names]


def procedure(name: str, **parameters: type[TypeEngine[Any]]) -> Function[Any]:
    """Return a call of a procedure that PostgreSQL keeps, with its parameters in their order (see ``Transaction.far``)."""
    made: Function[Any] = getattr(func, name)(*(bindparam(each, type_=kind) for each, kind in parameters.items()))
    return made


def _constants(compiled: SQLCompiler) -> dict[str, Any]:
    return {name: bind.value for name, bind in compiled.binds.items() if not bind.required}


class Transaction(Protocol):
    """What a store works on. It lives for one unit of work and is never kept."""

    far: bool
    """Whether each statement is a journey to another process: then procedures of the engine take several at once."""

    def all(self, statement: Statement, parameters: Parameters | None = None) -> list[Row]:
        """Return every row."""

    def first(self, statement: Statement, parameters: Parameters | None = None) -> Row | None:
        """Return the first row, or ``None``."""

    def change(self, statement: Statement, parameters: Parameters | None = None) -> int:
        """Run an INSERT, UPDATE or DELETE; return how many rows it touched."""


Work: TypeAlias = Callable[[Transaction], R]


class Database(ABC):
    """One database, whichever engine keeps it."""

    shared: bool = False
    """Whether other nodes may work on it at the same time."""

    @abstractmethod
    async def open(self) -> None:
        """Connect. The schema must exist already (``kanhuo migrate``)."""

    @abstractmethod
    async def close(self) -> None:
        """Finish what was accepted, then close."""

    async def write(self, work: Callable[Concatenate[Transaction, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run a unit of work and return its result once it is durable; where somebody was faster, decide it again.

        Raises:
            Refused: ``overloaded`` where too many units wait already, the engine cannot be reached, or others were faster
                each time; and whatever ``work`` raises, with nothing written.
        """
        return await _anew(self._write, lambda tx: work(tx, *args, **kwargs))

    async def write_alone(self, work: Callable[Concatenate[Transaction, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run a unit of work that writes by one statement at most: it needs no transaction, which saves two journeys.

        Raises:
            Refused: as :meth:`write`.
        """
        return await _anew(self._write_alone, lambda tx: work(tx, *args, **kwargs))

    async def read(self, work: Callable[Concatenate[Transaction, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run a reading function and return its result; each of its statements sees what has been committed by then.

        Raises:
            Refused: ``overloaded`` where the engine cannot be reached.
        """
        return await self._read(lambda tx: work(tx, *args, **kwargs))

    async def snapshot(self, work: Callable[Concatenate[Transaction, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run a reading function of which all statements see one and the same state.

        Raises:
            Refused: ``overloaded`` where the engine cannot be reached.
        """
        return await self._snapshot(lambda tx: work(tx, *args, **kwargs))

    @abstractmethod
    async def _write(self, work: Work[R]) -> R: ...

    async def _write_alone(self, work: Work[R]) -> R:
        return await self._write(work)

    @abstractmethod
    async def _read(self, work: Work[R]) -> R: ...

    @abstractmethod
    async def _snapshot(self, work: Work[R]) -> R: ...


async def _anew(run: Callable[[Work[R]], Awaitable[R]], work: Work[R]) -> R:
    for _ in range(ATTEMPTS):
        try:
            return await run(work)
        except Stale:
            continue
    raise Refused(Code.OVERLOADED, "too many at once want this; try again")
