"""The bus: tells whoever listens, and expects nobody to.

News has a topic and is about parties. Every listener of this node hears it at once; other nodes hear it where they *attend*
one of those parties, that is, where a page of hers is connected. Nothing travels by the bus alone: whatever matters is
committed first and can be read again. ``Bus`` serves a single node; ``shell/redis.py`` joins many.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

T = TypeVar("T")
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Topic(Generic[T]):
    """A kind of news: its name between nodes, and the type of what is told."""

    name: str
    type: type[T]


@dataclass(slots=True)
class BusTraffic:
    """What went between this node and the others since it started."""

    sent: int = 0
    heard: int = 0
    dropped: int = 0
    """What other nodes were not told, because they could not be reached or could not keep up."""
    returns: int = 0
    """How often the bus came back after it had been away."""


class Bus:
    """The bus of a single node."""

    shared: bool = False
    """Whether other nodes may be listening."""
    connected: bool = True
    """Whether other nodes hear us now."""

    def __init__(self) -> None:
        self._listeners: dict[str, tuple[Callable[[Any], object], ...]] = {}
        self._attended: Counter[str] = Counter()
        self._returned: list[Callable[[], None]] = []
        self.traffic = BusTraffic()

    async def open(self) -> None:
        """Join the other nodes."""

    async def close(self) -> None:
        """Leave the other nodes."""

    def subscribe(self, topic: Topic[T], listener: Callable[[T], object]) -> None:
        """Call ``listener`` with everything published on a topic that reaches this node."""
        self._listeners[topic.name] = (*self._listeners.get(topic.name, ()), listener)

    def on_return(self, listener: Callable[[], None]) -> None:
        """Call ``listener`` when other nodes hear us again after a while in which news was lost both ways."""
        self._returned.append(listener)

    async def attend(self, party: str) -> None:
        """Let news about a party reach this node; from the return of this call on, none is missed while connected."""
        self._attended[party] += 1

    def leave(self, party: str) -> None:
        """Take one :meth:`attend` back."""
        self._attended[party] -= 1
        if self._attended[party] <= 0:
            del self._attended[party]

    def attends(self, party: str | None) -> bool:
        """Whether a page of this party is connected here."""
        return party in self._attended

    def attended(self) -> list[str]:
        """Return every party with a page connected here."""
        return list(self._attended)

    def reaches(self, party: str) -> bool:
        """Whether anybody may hear news about this party."""
        return self.shared or party in self._attended

    def publish(self, topic: Topic[T], item: T, *parties: str) -> None:  # noqa: ARG002 - there are no other nodes here
        """Tell this node's listeners, and the nodes that attend one of the parties."""
        self._tell(topic.name, item)

    def broadcast(self, topic: Topic[T], item: T) -> None:
        """Tell this node's listeners and every other node."""
        self._tell(topic.name, item)

    def here(self, topic: Topic[T], item: T) -> None:
        """Tell this node's listeners alone."""
        self._tell(topic.name, item)

    def _tell(self, topic: str, item: object) -> None:
        for listener in self._listeners.get(topic, ()):
            try:
                listener(item)
            except Exception:  # spoils nothing for the others
                log.exception("a listener of %s failed", topic)

    def _tell_returned(self) -> None:
        for listener in self._returned:
            try:
                listener()
            except Exception:
                log.exception("a listener failed when the bus returned")
