"""A session: one page's conversation with us, which outlives its socket.

Every frame sent is kept until the page has said that it got it; a page that comes back within the grace is sent what it
missed. The page counts, we count; no frame carries a number.
"""

from __future__ import annotations

from collections import deque
from typing import Final, Protocol

from kanhuo.accounts.model import Party
from kanhuo.kernel.clock import SECOND, Millis
from kanhuo.shell.wire import Telling
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
        """Send one text frame."""

    def close(self, code: int, why: str) -> None:
        """Close with a code and a reason."""


class Session:
    """One page's conversation. ``rx`` is the highest id of its messages that has been taken in."""

    __slots__ = (
        "_kept",
        "acked",
        "detached_at",
        "heard_at",
        "missed",
        "page",
        "rx",
        "sent",
        "token",
        "told_lost",
        "wire",
    )

    def __init__(self, token: str, page: Page, now: Millis) -> None:
        self.token = token
        self.heard_at = now
        self.page = page
        self.wire: Wire | None = None
        self.rx = 0
        self.sent = 0
        self.acked = 0
        self.detached_at: Millis | None = None
        self.told_lost = False
        self.missed = False
        """Frames have been dropped: this session cannot be resumed."""
        self._kept: deque[bytes] | None = None

    @property
    def party(self) -> Party:
        """For whom the page speaks."""
        return self.page.party

    def hear(self, telling: Telling) -> None:
        """Take a message from the bus, if it is for this device."""
        device = self.page.device
        if (telling.only is None or telling.only == device) and telling.but != device:
            self.send(telling.frame)

    def send(self, frame: bytes) -> None:
        """Send a frame now, and keep it until the page has confirmed it."""
        self.sent += 1
        if self._kept is None:
            self._kept = deque()
        self._kept.append(frame)
        if len(self._kept) > KEPT:
            self._kept.clear()
            self.acked = self.sent
            self.missed = True
        if self.wire is not None:
            self.wire.send(frame)

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
