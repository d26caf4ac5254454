"""Who is on duty on other nodes. Each node writes what its own devices add up to; readers put it together.

In Redis, one hash for each merchant holds a field for each agent and node. What a dead node wrote is left out by whoever
reads it. Nothing here must not be lost: every node writes its part again when Redis returns, and from time to time.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, Protocol

import msgspec
from redis.asyncio import Redis
from redis.exceptions import RedisError

from kanhuo.kernel.clock import MINUTE, Millis
from kanhuo.shell.redis import PREFIX

log = logging.getLogger(__name__)

KEPT: Final[Millis] = 10 * MINUTE
"""For how long Redis keeps a merchant's hash that nobody writes to any more."""

BATCH: Final = 500
_NOBODY: Final = ""
"""Stands for the agent in the field that says since when a node has had nobody on duty."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What one node knows of one agent on duty. Instants in milliseconds since the epoch."""

    idle_since: Millis
    rest_until: Millis


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

    async def elsewhere(self, merchant: str) -> Elsewhere:
        """Return what the other nodes know."""

    async def close(self) -> None:
        """Let go of where it is kept."""


class Alone:
    """The roster of a single node: there is nobody else."""

    def put(self, merchant: str, agent: str, entry: Entry | None, now: Millis) -> None:
        """Nobody else reads it."""

    async def elsewhere(self, merchant: str) -> Elsewhere:  # noqa: ARG002 - a Roster's
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
        self._out: dict[tuple[str, str], Entry | Millis | None] = {}
        self._writing: asyncio.Task[None] | None = None

    def put(self, merchant: str, agent: str, entry: Entry | None, now: Millis) -> None:
        """Write an agent's entry, or with ``None`` that she has gone; what is put in one turn is written together."""
        self._out[merchant, agent] = entry
        if entry is None:
            self._out[merchant, _NOBODY] = now
        if self._writing is None or self._writing.done():
            self._writing = asyncio.ensure_future(self._write())

    async def elsewhere(self, merchant: str) -> Elsewhere:
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
        for field, value in fields.items():
            agent, _, node = field.decode().partition(" ")
            if agent == _NOBODY:
                left_at = max(left_at, int(value))
            elif node != self._me and node in living:
                on_duty.append((agent, _entry(value)))
        return Elsewhere(tuple(on_duty), left_at)

    async def close(self) -> None:
        """Finish what is being written, and close the connections."""
        if self._writing is not None:
            await asyncio.gather(self._writing, return_exceptions=True)
        await self._redis.aclose()

    async def _write(self) -> None:
        while self._out:
            batch = dict(list(self._out.items())[:BATCH])
            for name in batch:
                del self._out[name]
            pipeline = self._redis.pipeline(transaction=False)
            for (merchant, agent), entry in batch.items():
                key, field = _key(merchant), f"{agent} {self._me}"
                if entry is None:
                    pipeline.hdel(key, field)
                else:
                    pipeline.hset(key, field, str(entry) if isinstance(entry, int) else _pack(entry))
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
