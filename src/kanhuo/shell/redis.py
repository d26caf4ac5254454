"""The bus of many nodes, by Redis or Valkey.

Each party has a channel, and a node subscribes to those whose pages it holds; one more channel reaches every node. What is
published in one turn of the event loop leaves in one pipeline. Redis delivers at most once: while it is away news is
dropped, every node serves its own pages from its own memory and the database, and when it returns whoever keeps state is
told to tell it again (:meth:`~kanhuo.shell.bus.Bus.on_return`).

A line that was cut says nothing. So every node publishes a beat to itself and gives the line up when it stays unheard.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any, Final, TypeVar

import msgspec
from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.exceptions import RedisError

from kanhuo.kernel.clock import SECOND, Millis
from kanhuo.shell.bus import Bus, Topic

T = TypeVar("T")
log = logging.getLogger(__name__)

BEAT: Final[Millis] = SECOND
UNHEARD: Final[Millis] = 3 * SECOND
"""After this long without a word of Redis, our own beat among them, the line is given up."""

AGAIN: Final[Millis] = SECOND // 4
"""How soon it is tried again."""

BACKLOG: Final = 20_000
"""How much may wait to be sent; more is dropped, as everything is while Redis is away."""

PREFIX: Final = "kanhuo:"
_EVERYBODY: Final = PREFIX + "all"
_BEAT: Final = b""
_FAILURES: Final = (RedisError, OSError, asyncio.TimeoutError)

_pack: Final = msgspec.msgpack.Encoder().encode
_unpack: Final = msgspec.msgpack.Decoder(tuple[str, str, msgspec.Raw]).decode


def client(url: str) -> Redis:
    """Return a client that gives up soon: what waits for Redis is a person."""
    return Redis.from_url(
        url, socket_timeout=UNHEARD / SECOND, socket_connect_timeout=SECOND / SECOND, health_check_interval=0,
        max_connections=64,
    )  # fmt: skip


class RedisBus(Bus):
    """The bus of one node among many."""

    shared = True

    def __init__(self, redis: Redis, node: str) -> None:
        super().__init__()
        self.connected = False
        self._redis = redis
        self._node = node
        self._types: dict[str, type] = {}
        self._decoders: dict[str, msgspec.msgpack.Decoder[Any]] = {}
        self._own = f"{PREFIX}node:{node}"
        self._pubsub: PubSub | None = None
        self._out: list[tuple[str, bytes]] = []
        self._wake = asyncio.Event()
        self._first = asyncio.Event()
        self._confirmed: dict[str, asyncio.Event] = {}
        self._tasks: list[asyncio.Task[None]] = []

    async def open(self) -> None:
        """Join the other nodes; where Redis is away, as soon as it is there."""
        self._tasks = [
            asyncio.create_task(work, name=f"kanhuo-bus-{name}")
            for name, work in (("listen", self._listen()), ("send", self._send()), ("beat", self._beat()))
        ]
        with suppress(TimeoutError):
            await asyncio.wait_for(self._first.wait(), SECOND / SECOND)

    async def close(self) -> None:
        """Send what waits, and leave."""
        with suppress(*_FAILURES):
            await self._flush()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._pubsub is not None:
            with suppress(*_FAILURES):
                await self._pubsub.aclose()  # type: ignore[no-untyped-call]
        await self._redis.aclose()

    def subscribe(self, topic: Topic[T], listener: Any) -> None:
        """Call ``listener`` with everything published on a topic that reaches this node."""
        self._types[topic.name] = topic.type
        super().subscribe(topic, listener)

    async def attend(self, party: str) -> None:
        """Let news about a party reach this node; from the return of this call on, none is missed while connected."""
        await super().attend(party)
        channel = PREFIX + party
        confirmed = self._confirmed.get(channel)
        if confirmed is None:
            confirmed = self._confirmed[channel] = asyncio.Event()
            await self._join(channel)
        if self.connected:
            with suppress(TimeoutError):
                await asyncio.wait_for(confirmed.wait(), SECOND / SECOND)

    def leave(self, party: str) -> None:
        """Take one :meth:`attend` back."""
        super().leave(party)
        if not self.attends(party) and self._confirmed.pop(PREFIX + party, None) is not None:
            task = asyncio.ensure_future(self._part(party))
            self._tasks.append(task)
            task.add_done_callback(self._tasks.remove)

    def publish(self, topic: Topic[T], item: T, *parties: str) -> None:
        """Tell this node's listeners, and the nodes that attend one of the parties."""
        self._tell(topic.name, item)
        if self.connected:
            frame = _pack((self._node, topic.name, item))
            self._queue([(PREFIX + party, frame) for party in parties])
        else:
            self.traffic.dropped += len(parties)

    def broadcast(self, topic: Topic[T], item: T) -> None:
        """Tell this node's listeners and every other node."""
        self._tell(topic.name, item)
        if self.connected:
            self._queue([(_EVERYBODY, _pack((self._node, topic.name, item)))])
        else:
            self.traffic.dropped += 1

    def _queue(self, frames: list[tuple[str, bytes]]) -> None:
        if len(self._out) < BACKLOG:
            self._out += frames
            self._wake.set()
        else:
            self.traffic.dropped += len(frames)

    # The line out

    async def _send(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                await self._flush()
            except _FAILURES as failure:
                self._lose(failure)

    async def _flush(self) -> None:
        out, self._out = self._out, []
        if not out or not self.connected:
            return
        pipeline = self._redis.pipeline(transaction=False)
        for channel, frame in out:
            pipeline.execute_command("PUBLISH", channel, frame)
        news = sum(frame != _BEAT for _, frame in out)
        try:
            await pipeline.execute()
        except BaseException:
            self.traffic.dropped += news
            raise
        self.traffic.sent += news

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(BEAT / SECOND)
            self._queue([(self._own, _BEAT)])

    # The line in

    async def _listen(self) -> None:
        while True:
            try:
                async for _ in self._heard():
                    self._is_there()
            except _FAILURES as failure:
                self._lose(failure)
            await asyncio.sleep(AGAIN / SECOND)

    def _is_there(self) -> None:
        if self.connected:
            return
        self.connected = True
        if self._first.is_set():
            log.warning("the bus is back")
            self.traffic.returns += 1
            self._tell_returned()
        self._first.set()

    async def _heard(self) -> AsyncIterator[None]:
        """Subscribe to everything that is attended, then hear; yields for every word from Redis."""
        pubsub = self._redis.pubsub()
        try:
            await pubsub.subscribe(_EVERYBODY, self._own, *self._confirmed)
            self._pubsub = pubsub
            while True:
                message = await pubsub.get_message(timeout=UNHEARD / SECOND)
                if message is None:
                    raise TimeoutError
                if message["type"] == "message":
                    self._hear(message["data"])
                elif message["type"] == "subscribe":
                    event = self._confirmed.get(message["channel"].decode())
                    if event is not None:
                        event.set()
                yield
        finally:
            self._pubsub = None
            with suppress(*_FAILURES):
                await pubsub.aclose()  # type: ignore[no-untyped-call]

    def _hear(self, frame: bytes) -> None:
        if frame == _BEAT:
            return
        self.traffic.heard += 1
        node, topic, body = _unpack(frame)
        if node == self._node or topic not in self._types:
            return
        decoder = self._decoders.get(topic)
        if decoder is None:  # made when first needed: news for this node alone need not be such as can travel
            decoder = self._decoders[topic] = msgspec.msgpack.Decoder(self._types[topic])
        self._tell(topic, decoder.decode(body))

    async def _join(self, channel: str) -> None:
        if self._pubsub is not None:
            with suppress(*_FAILURES):  # whoever listens notices, and subscribes to everything anew
                await self._pubsub.subscribe(channel)

    async def _part(self, party: str) -> None:
        if self._pubsub is not None and not self.attends(party):
            with suppress(*_FAILURES):
                await self._pubsub.unsubscribe(PREFIX + party)

    def _lose(self, failure: BaseException) -> None:
        if self.connected:
            log.warning("the bus is away (%s): calls between pages of this node go on", type(failure).__name__)
        self.connected = False
        self.traffic.dropped += len(self._out)
        self._out.clear()
        for event in self._confirmed.values():
            event.clear()
