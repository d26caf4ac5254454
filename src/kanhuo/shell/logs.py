"""What is logged, and how: one JSON object a line for machines, a readable line for people.

A log holds ids and kinds of failure, never names, words, descriptions, tokens or addresses. Whoever logs keeps to that; what
exceptions say cannot be trusted with it (a database quotes the row that it refuses, a decoder the text), so of an exception
stand the kind and the places in the code here, and its words only where they are the operating system's or SQLite's own.

Own formatters of a few lines, not ``python-json-logger``: that one renders exceptions as they come and takes any ``extra``,
and most of it would have to be taken back.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import sys
import traceback
from datetime import UTC, datetime
from typing import Any, Final, TextIO

import msgspec

_OURS: Final = "kanhuo"
log = logging.getLogger(__name__)


class ForMachines(logging.Formatter):
    """One JSON object a line."""

    def __init__(self, node: str) -> None:
        super().__init__()
        self._node = node

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line: dict[str, str] = {
            "at": _instant(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            "node": self._node,
        }
        call = getattr(record, "call", None)
        if call is not None:
            line["call"] = str(call)
        if record.exc_info and record.exc_info[1] is not None:
            line["exception"] = told(record.exc_info[1])
        return msgspec.json.encode(line).decode()


class ForPeople(logging.Formatter):
    """A readable line, and one more for each place of an exception."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the lines."""
        call = getattr(record, "call", None)
        about = f" [{call}]" if call is not None else ""
        line = f"{_instant(record)} {record.levelname.lower():7} {record.name}: {record.getMessage()}{about}"
        if record.exc_info and record.exc_info[1] is not None:
            line += "\n    " + told(record.exc_info[1]).replace(" < ", "\n    < ")
        return line


def begin(node: str, form: str = "", stream: TextIO = sys.stdout) -> None:
    """Log to a stream: ``json`` or ``text``, or what suits it. Whatever logged before stops."""
    machines = form == "json" or (not form and not stream.isatty())
    handler = logging.StreamHandler(stream)
    handler.setFormatter(ForMachines(node) if machines else ForPeople())
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.getLogger(_OURS).setLevel(logging.INFO)
    logging.captureWarnings(capture=True)


def guard(loop: asyncio.AbstractEventLoop) -> None:
    """Let nothing that the event loop has to say hold more than kinds and places."""
    loop.set_exception_handler(_unhandled)


def told(failure: BaseException) -> str:
    """Return kind and places of an exception and of what it came from, the innermost place first."""
    parts = []
    seen: BaseException | None = failure
    while seen is not None:
        frames = traceback.extract_tb(seen.__traceback__)[::-1]
        places = " < ".join(f"{_short(frame.filename)}:{frame.lineno} {frame.name}" for frame in frames)
        parts.append(f"{_kind(seen)} at {places}" if places else _kind(seen))
        seen = seen.__cause__ or (None if seen.__suppress_context__ else seen.__context__)
    return " from ".join(parts)


def _kind(failure: BaseException) -> str:
    name = type(failure).__qualname__
    if isinstance(failure, OSError) and failure.strerror:
        return f"{name}({failure.strerror})"
    if isinstance(failure, sqlite3.Error):
        return f"{name}({failure})"  # names of tables and columns, never values
    state = getattr(failure, "sqlstate", None) or getattr(failure, "code", None)
    return f"{name}({state})" if isinstance(state, str) else name


def _short(path: str) -> str:
    return path.rpartition("/src/")[2].rpartition("/site-packages/")[2]


def _instant(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _unhandled(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    log.error("something failed outside of any request", exc_info=context.get("exception"))
