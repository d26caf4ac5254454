"""One line to Redis, on which a node both publishes and hears: RESP3 tells answers and pushed messages apart.

A node hears back all that it publishes to parties of its own, so a message may cost microseconds only: parsed and packed by
hiredis in C, written together once in each turn of the event loop, answers to PUBLISH read and forgotten.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable
from typing import Any, Final, cast
from urllib.parse import unquote, urlsplit

import hiredis

log = logging.getLogger(__name__)

MOST_WAITING: Final = 8 * 1024 * 1024
"""How many bytes may wait to be written; more is not accepted."""

PORT: Final = 6_379


class Line(asyncio.Protocol):
    """A connection; ``hear`` is called with every pushed message, a list whose first item says its kind."""

    def __init__(self, hear: Callable[[list[Any]], None]) -> None:
        loop = asyncio.get_running_loop()
        self.lost: asyncio.Future[None] = loop.create_future()
        self._loop = loop
        self._hear = hear
        self._reader = hiredis.Reader()
        self._transport: asyncio.Transport | None = None
        self._out: list[bytes] = []
        self._heard_at = loop.time()

    @property
    def full(self) -> bool:
        """Whether so much waits to be written that no more is accepted."""
        return self._transport is not None and self._transport.get_write_buffer_size() > MOST_WAITING

    def silent_for(self) -> float:
        """Return the seconds since the last word from Redis."""
        return self._loop.time() - self._heard_at

    def send(self, *command: str | bytes) -> None:
        """Send a command; nobody waits for the answer."""
        if not self._out:
            self._loop.call_soon(self._flush)
        self._out.append(hiredis.pack_command(command))  # type: ignore[arg-type]

    def close(self) -> None:
        """Write what waits, and close."""
        self._flush()
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's own is none by birth

    def data_received(self, data: bytes) -> None:
        """Hear what is pushed; an error on a line like this (a password that is wrong) ends it."""
        self._heard_at = self._loop.time()
        self._reader.feed(data)
        while (word := self._reader.gets()) is not False:
            if isinstance(word, hiredis.PushNotification):
                self._hear(list(word))
            elif isinstance(word, hiredis.ReplyError) and self._transport is not None:
                log.error("Redis refuses: %s", word)
                self._transport.close()

    def connection_lost(self, _: Exception | None) -> None:
        """Say that the line is lost."""
        if not self.lost.done():
            self.lost.set_result(None)

    def _flush(self) -> None:
        out, self._out = self._out, []
        if out and self._transport is not None and not self._transport.is_closing():
            self._transport.write(b"".join(out))


async def connect(url: str, hear: Callable[[list[Any]], None]) -> Line:
    """Return a line to the Redis of a URL: ``redis://``, ``rediss://`` (TLS) or ``unix://``.

    Raises:
        OSError: it cannot be reached.
    """
    at, loop = urlsplit(url), asyncio.get_running_loop()
    if at.scheme == "unix":
        _, line = await loop.create_unix_connection(lambda: Line(hear), at.path)
    else:
        safe = ssl.create_default_context() if at.scheme == "rediss" else None
        _, line = await loop.create_connection(
            lambda: Line(hear), at.hostname or "localhost", at.port or PORT, ssl=safe
        )
    who = ("AUTH", unquote(at.username or "default"), unquote(at.password)) if at.password else ()
    line.send("HELLO", "3", *who)
    return line
