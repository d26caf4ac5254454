"""The bus of many nodes, by Redis or Valkey.

Each party has a channel, and a node subscribes to those whose pages it holds; one more channel reaches every node. Redis
delivers at most once: while it is away news is dropped, every node serves its own pages from its own memory and the database,
and when it returns whoever keeps state is told to tell it again (:meth:`~kanhuo.shell.bus.Bus.on_return`).

A line that was cut says nothing. So every node publishes a beat to itself and gives the line up when it stays unheard.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import Any, Final, TypeVar

import msgspec
from redis.asyncio import Redis

from kanhuo.kernel.clock import SECOND, Millis
from kanhuo.shell.bus import Bus, Topic
from kanhuo.shell.line import Line, connect

T = TypeVar("T")
log = logging.getLogger(__name__)

BEAT: Final[Millis] = SECOND
UNHEARD: Final[Millis] = 3 * SECOND
"""After this long without a word of Redis, our own beat among them, the line is given up."""

PATIENCE: Final[Millis] = SECOND
"""For how long one thing is waited for: a connection, the confirmation of a channel."""

AGAIN: Final[Millis] = SECOND // 4
"""How soon a lost line is tried again."""

PREFIX: Final = "kanhuo:"
_EVERYBODY: Final = PREFIX + "all"
_BEAT: Final = b""

_pack: Final = msgspec.msgpack.Encoder().encode
_words: Final = msgspec.msgpack.Decoder(list[msgspec.Raw]).decode
_unpack: Final = msgspec.msgpack.Decoder(tuple[str, str, msgspec.Raw]).decode


def client(url: str) -> Redis:
    """Return a client for what is asked of Redis; it gives up soon, because what waits is a person."""
    return Redis.from_url(
        url, socket_timeout=PATIENCE / SECOND, socket_connect_timeout=PATIENCE / SECOND, max_connections=64
    )


class RedisBus(Bus):
    """The bus of one node among many."""

    shared = True

    def __init__(self, url: str, node: str) -> None:
        super().__init__()
        self.connected = False
        self._url = url
        self._node = node
        self._types: dict[str, type] = {}
        self._decoders: dict[str, msgspec.msgpack.Decoder[Any]] = {}
        self._own = f"{PREFIX}node:{node}"
        self._line: Line | None = None
        self._words: dict[str, list[msgspec.Raw]] = {}
        """What is told other nodes at the end of this turn of the loop, by channel."""
        self._confirmed: dict[str, asyncio.Event] = {}
        self._keeping: asyncio.Task[None] | None = None
        self._first = asyncio.Event()

    async def open(self) -> None:
        """Join the other nodes; where Redis is away, as soon as it is there."""
        self._keeping = asyncio.create_task(self._keep(), name="kanhuo-bus")
        with suppress(TimeoutError):
            await asyncio.wait_for(self._first.wait(), PATIENCE / SECOND)

    async def close(self) -> None:
        """Send what waits, and leave."""
        self._publish()
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.gather(self._keeping, return_exceptions=True)

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
            self._say("SUBSCRIBE", channel)
        if self.connected:
            with suppress(TimeoutError):
                await asyncio.wait_for(confirmed.wait(), PATIENCE / SECOND)

    def leave(self, party: str) -> None:
        """Take one :meth:`attend` back."""
        super().leave(party)
        if not self.attends(party) and self._confirmed.pop(PREFIX + party, None) is not None:
            self._say("UNSUBSCRIBE", PREFIX + party)

    def publish(self, topic: Topic[T], item: T, *parties: str) -> None:
        """Tell this node's listeners, and the nodes that attend one of the parties."""
        self._tell(topic.name, item)
        self._send(topic.name, item, *(PREFIX + party for party in parties))

    def broadcast(self, topic: Topic[T], item: T) -> None:
        """Tell this node's listeners and every other node."""
        self._tell(topic.name, item)
        self._send(topic.name, item, _EVERYBODY)

    def _send(self, topic: str, item: object, *channels: str) -> None:
        line = self._line
        if not self.connected or line is None or line.full:
            self.traffic.dropped += len(channels)
            return
        word = msgspec.Raw(_pack((self._node, topic, item)))
        if not self._words:
            asyncio.get_running_loop().call_soon(self._publish)
        for channel in channels:
            self._words.setdefault(channel, []).append(word)
        self.traffic.sent += len(channels)

    def _publish(self) -> None:
        """Send each channel what has been told it in this turn of the loop: what is told together is heard together."""
        told, self._words = self._words, {}
        for channel, words in told.items():
            self._say("PUBLISH", channel, _pack(words))

    def _say(self, *command: str | bytes) -> None:
        if self._line is not None:
            self._line.send(*command)

    # The line

    async def _keep(self) -> None:
        """Keep a line for as long as this node lives."""
        while True:
            try:
                async with asyncio.timeout(PATIENCE / SECOND):
                    self._line = await connect(self._url, self._hear)
                self._line.send("SUBSCRIBE", _EVERYBODY, self._own, *self._confirmed)
                await self._beat(self._line)
            except OSError as failure:  # a timeout is one
                self._lose(failure)
            finally:
                if self._line is not None:
                    self._line.close()
                    self._line = None
            await asyncio.sleep(AGAIN / SECOND)

    async def _beat(self, line: Line) -> None:
        """Beat until the line is lost.

        Raises:
            OSError: it is.
        """
        while not line.lost.done():
            line.send("PUBLISH", self._own, _BEAT)
            await asyncio.wait([line.lost], timeout=BEAT / SECOND)
            if line.silent_for() * SECOND >= UNHEARD:
                raise TimeoutError("nothing was heard of Redis")
        raise ConnectionError("Redis closed the line")

    def _hear(self, word: list[Any]) -> None:
        match word:
            case [b"message", _, frame]:
                if frame == _BEAT:
                    self._is_there()
                else:
                    for told in _words(frame):
                        self._take_in(told)
            case [b"subscribe", channel, _]:
                confirmed = self._confirmed.get(channel.decode())
                if confirmed is not None:
                    confirmed.set()
            case _:
                pass  # that we have left a channel

    def _is_there(self) -> None:
        """Our own beat has come round: what is sent is heard."""
        if self.connected:
            return
        self.connected = True
        if self._first.is_set():
            log.warning("the bus is back")
            self.traffic.returns += 1
            self._tell_returned()
        self._first.set()

    def _take_in(self, word: msgspec.Raw) -> None:
        node, topic, body = _unpack(word)
        if node == self._node:
            return
        self.traffic.heard += 1
        if topic not in self._types:
            return
        decoder = self._decoders.get(topic)
        if decoder is None:  # made when first needed: news for this node alone need not be such as can travel
            decoder = self._decoders[topic] = msgspec.msgpack.Decoder(self._types[topic])
        self._tell(topic, decoder.decode(body))

    def _lose(self, failure: BaseException) -> None:
        if self.connected:
            log.warning("the bus is away (%s): calls between pages of this node go on", type(failure).__name__)
        self.connected = False
        for event in self._confirmed.values():
            event.clear()
