"""The bus: tells whoever listens to a topic, and expects nobody to listen.

A topic is a party's id (frames for its devices, already encoded) or the name of a kind of news that one slice tells the
slices above it. Nothing travels by the bus alone: whatever matters is committed first and can be read again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, TypeAlias

Listener: TypeAlias = Callable[[Any], None]
log = logging.getLogger(__name__)


class Bus:
    """The bus of a single process."""

    def __init__(self) -> None:
        self._listeners: dict[str, tuple[Listener, ...]] = {}

    def subscribe(self, topic: str, listener: Listener) -> None:
        """Call ``listener`` with everything published on ``topic``."""
        self._listeners[topic] = (*self._listeners.get(topic, ()), listener)

    def unsubscribe(self, topic: str, listener: Listener) -> None:
        """Call ``listener`` no more."""
        rest = tuple(other for other in self._listeners.get(topic, ()) if other != listener)
        if rest:
            self._listeners[topic] = rest
        else:
            self._listeners.pop(topic, None)

    def heard(self, topic: str) -> bool:
        """Whether anybody listens to ``topic``."""
        return topic in self._listeners

    def publish(self, topic: str, item: object) -> None:
        """Tell every listener of ``topic``. A listener that fails is logged and spoils nothing for the others."""
        for listener in self._listeners.get(topic, ()):
            try:
                listener(item)
            except Exception:
                log.exception("a listener of the bus failed")
