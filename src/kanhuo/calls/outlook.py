"""What a product page may promise about a merchant, from memory: it is asked for with every page view.

Whoever changes a merchant's line or staff tells every node what a buyer would meet now, at most once a beat. A node that has
not heard of a merchant yet looks once. Where news may have been missed, everything is looked up anew.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from kanhuo.accounts.service import MERCHANT_CHANGED
from kanhuo.calls import store, verdicts
from kanhuo.calls.policy import Handling, wait_guess
from kanhuo.calls.store import Line
from kanhuo.kernel.clock import SECOND, Clock, Millis
from kanhuo.presence.service import Staff
from kanhuo.reach.service import Reach
from kanhuo.shell.bus import Bus, Topic
from kanhuo.shell.database import Database

REMEMBERED: Final = 100_000
"""How many merchants are kept in memory; the one heard of longest ago is forgotten for the next."""

USUAL: Final[Millis] = 30 * SECOND
"""How long a merchant's usual talk is not looked up again: it is an average of twenty."""

DOUBTED: Final[Millis] = 2 * SECOND
"""For how long an outlook is believed while the bus is away."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """What a buyer would meet now."""

    merchant: str
    free: int
    """Agents who would be rung at once."""
    on_duty: int
    waiting: int
    wait: Millis | None
    """An honest guess of the wait; ``None`` where this merchant's talks are not known well enough, or nobody is there."""


OUTLOOK: Final = Topic("calls.outlook", Outlook)
"""News for every node: what a buyer of a merchant would meet has changed."""


class Outlooks:
    """The outlooks that have been asked for, or heard of."""

    def __init__(self, db: Database, bus: Bus, clock: Clock, reach: Reach, wrap_up: Millis) -> None:
        """``wrap_up`` is how long an agent may write up a talk before she is rung again."""
        self._wrap_up = wrap_up
        self._db = db
        self._bus = bus
        self._clock = clock
        self._reach = reach
        self._known: OrderedDict[str, Outlook] = OrderedDict()
        self._doubted_at: Millis = 0
        self._usual: OrderedDict[str, tuple[Millis, Handling | None]] = OrderedDict()
        self.version = 0
        """Rises whenever anything here has changed."""
        bus.subscribe(OUTLOOK, self._on_outlook)
        bus.subscribe(MERCHANT_CHANGED, lambda _: self.forget_all())
        bus.on_return(self.forget_all)

    def known(self, merchant: str) -> Outlook | None:
        """Return an outlook from memory."""
        if not self._bus.connected and self._clock.now() - self._doubted_at >= DOUBTED:
            self.forget_all()
            self._doubted_at = self._clock.now()
        return self._known.get(merchant)

    async def of(self, merchant: str) -> Outlook:
        """Return what a buyer would meet now; the merchant must exist."""
        known = self.known(merchant)
        if known is None:
            line, staff = await self._db.read(store.line, merchant), await self._reach.staff(merchant)
            known = outlook(merchant, line, staff, await self.handling(merchant))
            self._on_outlook(known)
        return known

    async def handling(self, merchant: str) -> Handling | None:
        """Return how long this merchant's talks usually take, as it was a short while ago."""
        now = self._clock.now()
        read_at, usual = self._usual.get(merchant, (None, None))
        if read_at is None or now - read_at >= USUAL:
            usual = await self._db.read(verdicts.handling, merchant, self._wrap_up)
            self._usual[merchant] = now, usual
            self._usual.move_to_end(merchant)
            if len(self._usual) > REMEMBERED:
                self._usual.popitem(last=False)
        return usual

    def tell(self, merchant: str, line: Line, staff: Staff, handling: Handling | None) -> None:
        """Tell every node, if it is anything new."""
        seen = outlook(merchant, line, staff, handling)
        if self._known.get(merchant) != seen:
            self._bus.broadcast(OUTLOOK, seen)

    def forget_all(self) -> None:
        """Look everything up anew: news may have been missed."""
        self._known.clear()
        self.version += 1

    def _on_outlook(self, seen: Outlook) -> None:
        self._known[seen.merchant] = seen
        self._known.move_to_end(seen.merchant)
        self.version += 1
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)


def outlook(merchant: str, line: Line, staff: Staff, handling: Handling | None) -> Outlook:
    """Return what a buyer of a merchant would meet."""
    on_duty = len(staff.on_duty)
    free = max(0, len(line.free(staff.on_duty, staff.resting)) - len(line.waiting))
    guess = wait_guess(len(line.waiting) + 1, on_duty, handling)
    wait = 0 if free else None if guess is None else guess.usual
    return Outlook(merchant, free, on_duty, len(line.waiting), wait)
