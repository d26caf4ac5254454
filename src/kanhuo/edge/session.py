"""A session: one page's conversation with us, which outlives its socket.

Every frame sent is kept until the page has said that it got it; a page that comes back within the grace is sent what it
missed. The page counts, we count; no frame carries a number.
"""

from __future__ import annotations

from collections import deque
from typing import Final, Protocol

from kanhuo.kernel.clock import SECOND, Millis
from kanhuo.signalling.service import Page

GRACE: Final[Millis] = 30 * SECOND
"""How long a session is kept after its socket was lost."""

BLINK: Final[Millis] = 4 * SECOND
"""How long a socket may be gone before its party counts as missing: a reconnect takes a fraction of this."""

KEPT: Final = 512
"""How many frames are kept for a page that does not confirm any; beyond it, it gets whole views instead."""


class Wire(Protocol):
    """What a session needs of a socket."""

    def send(self, frame: bytes) -> None:
        """Send a frame now, and keep it until the page has confirmed it."""
        self.sent += 1
        kept = self._kept
        if kept is None:
            kept = self._kept = deque()
        kept.append(frame)
        if len(kept) > KEPT:
            kept.clear()
            self.acked = self.sent
            self.missed = True
        wire = self.wire
        if wire is not None:
            wire.send(frame)

    def confirm(self, got: int) -> None:
        """Forget the frames that the page has got."""
        while self._kept and self.acked < min(got, self.sent):
            self._kept.popleft()
            self.acked += 1
        if not self._kept:
            self._kept = None

    def can_resume(self, page: Page, got: int) -> bool:
        """Whether this page may go on with the session: the same load of the same page, and nothing lost for good."""
        same = (page.party.id, page.device, page.inst) == (self.party.id, self.page.device, self.page.inst)
        return same and not self.missed and self.acked <= got <= self.sent

    def replay(self) -> list[bytes]:
        """Return the frames that the page has not confirmed, oldest first."""
        return list(self._kept or ())
