"""Who is on duty on other nodes. Each node writes what its own devices add up to; readers put it together.

In Redis, one hash for each merchant holds a field for each agent and node. What a dead node wrote is left out by whoever
reads it, and in the end removed. Nothing here must not be lost: every node writes its part again when Redis returns, and from
time to time.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

import msgspec
from redis.asyncio import Redis
from redis.exceptions import RedisError

from kanhuo.kernel.clock import MINUTE, Millis
from kanhuo.shell.redis import PREFIX

log = logging.getLogger(__name__)

KEPT: Final[Millis] = 10 * MINUTE
"""For how long a field counts that nobody writes to any more; longer by far than it takes until it is written again."""

BATCH: Final = 500
_NOBODY: Final = ""
"""Stands for the agent in the field that says since when a node has had nobody on duty."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What one node knows of one agent on duty. Instants in milliseconds since the epoch."""

    idle_since: Millis
    rest_until: Millis
    written_at: Millis = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """What other nodes know of a merchant's people."""

    on_duty: tuple[tuple[str, Entry], ...] = ()
    left_at: Millis = 0
    """When the last of those who are no longer on duty went."""
    known: bool = True
    """``False`` where the other nodes cannot be asked now."""


class Roster(Protocol):
    """Where a node writes who is on duty with it, and reads who is with others."""

    def put(self, merchant: str, agent: str, entry: Entry | None, now: Millis) -> None:
        """Write an agent's entry, or with ``None`` that she has gone."""

    async def elsewhere(self, merchant: str, now: Millis) -> Elsewhere:
        """Return what the other nodes know."""

    async def close(self) -> None:
        """Let go of where it is kept."""


class Alone:
    """The roster of a single node: there is nobody else."""

    def put(self, merchant: str, agent: str, entry: Entry | None, now: Millis) -> None:
        """Nobody else reads it."""

    async def elsewhere(self, merchant: str, now: Millis) -> Elsewhere:  # noqa: ARG002 - a Roster's
        """Return that nobody is elsewhere."""
        return Elsewhere()

    async def close(self) -> None:
        """Nothing is held."""


_pack: Final = msgspec.msgpack.Encoder().encode
_entry: Final = msgspec.msgpack.Decoder(Entry).decode


class RedisRoster:
    """The roster that nodes share through Redis."""

    def __init__(
        self, redis: Redis, me: str, living: Callable[[], frozenset[str]], reachable: Callable[[], bool]
    ) -> None:
        """``living`` returns the nodes whose entries count, ``reachable`` whether it is worth asking Redis at all."""
        self._redis = redis
        self._reachable = reachable
        self._me = me
        self._living = living
        self._out: dict[tuple[str, str], bytes | int | None] = {}
        """What is to be written, by merchant and field; ``None`` takes a field out."""
        self._writing: asyncio.Task[None] | None = None

    def put(self, merchant: str, agent: str, entry: Entry | None, now: Millis) -> None:
        """Write an agent's entry, or with ``None`` that she has gone; what is put in one turn is written together."""
        self._out[merchant, f"{agent} {self._me}"] = None if entry is None else _pack(replace(entry, written_at=now))
        if entry is None:
            self._out[merchant, f"{_NOBODY} {self._me}"] = now
        self._write_soon()

    async def elsewhere(self, merchant: str, now: Millis) -> Elsewhere:
        """Return what the other nodes that live have written."""
        if not self._reachable():
            return Elsewhere(known=False)
        try:
            fields: dict[bytes, bytes] = await self._redis.hgetall(_key(merchant))  # type: ignore[assignment]
        except (RedisError, OSError):
            return Elsewhere(known=False)
        living = self._living()
        on_duty: list[tuple[str, Entry]] = []
        left_at: Millis = 0
        for name, value in fields.items():
            agent, _, node = name.decode().partition(" ")
            entry = None if agent == _NOBODY else _entry(value)
            written_at = int(value) if entry is None else entry.written_at
            if node not in living and now - written_at >= KEPT:
                self._out[merchant, name.decode()] = None
                self._write_soon()
            elif entry is None:
                left_at = max(left_at, written_at)
            elif node != self._me and node in living:
                on_duty.append((agent, entry))
        return Elsewhere(tuple(on_duty), left_at)

    async def close(self) -> None:
        """Finish what is being written, and close the connections."""
        if self._writing is not None:
            await asyncio.gather(self._writing, return_exceptions=True)
        await self._redis.aclose()

    def _write_soon(self) -> None:
        if self._writing is None or self._writing.done():
            self._writing = asyncio.ensure_future(self._write())

    async def _write(self) -> None:
        while self._out:
            batch = dict(list(self._out.items())[:BATCH])
            for place in batch:
                del self._out[place]
            pipeline = self._redis.pipeline(transaction=False)
            for (merchant, name), value in batch.items():
                if value is None:
                    pipeline.hdel(_key(merchant), name)
                else:
                    pipeline.hset(_key(merchant), name, value)
            for merchant in {merchant for merchant, _ in batch}:
                pipeline.pexpire(_key(merchant), KEPT)
            try:
                await pipeline.execute()
            except (RedisError, OSError) as failure:
                log.info("who is on duty could not be written (%s); it is when the bus returns", type(failure).__name__)
                self._out.clear()


def _key(merchant: str) -> str:
    return f"{PREFIX}staff:{merchant}"


def together(entries: Iterable[tuple[str, Entry]]) -> dict[str, Entry]:
    """Return one entry for each agent: she is idle since the latest that any node knows, and rests as long."""
    found: dict[str, Entry] = {}
    for agent, entry in entries:
        other = found.get(agent, entry)
        found[agent] = Entry(max(entry.idle_since, other.idle_since), max(entry.rest_until, other.rest_until))
    return found
