"""The reception: greets pages, keeps their sessions, takes their messages in order and answers them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from kanhuo.accounts.messages import MerchantCard, PartyCard, merchant_on_the_wire
from kanhuo.accounts.model import Party
from kanhuo.accounts.service import SIGNED_OUT, Accounts
from kanhuo.calls.service import Calls
from kanhuo.catalogue.messages import Card, card_on_the_wire
from kanhuo.catalogue.policy import card_of
from kanhuo.edge.dispatch import Dispatch
from kanhuo.edge.entrance import admit
from kanhuo.edge.session import BLINK, GRACE, Session, Wire
from kanhuo.kernel.clock import SECOND, Clock, Millis
from kanhuo.kernel.errors import Code, Refused
from kanhuo.kernel.ids import new_secret
from kanhuo.presence.service import PresenceBook
from kanhuo.protocol import VERSION, Bye, ByeWhy, Hello, Nudge, Ping, Pong, RefusedMessage, Welcome
from kanhuo.shell.alarm import attempt
from kanhuo.shell.bus import Bus
from kanhuo.shell.metrics import Traffic
from kanhuo.shell.wire import FRAMES, MOVED, Moved, Request, Telling
from kanhuo.signalling.service import Page

log = logging.getLogger(__name__)

REPLACED: Final = 4001
"""Close code: another socket goes on with this session."""

SIGNED_OUT_CODE: Final = 4003
"""Close code: the agent signed out."""

RESTART: Final = 1012
"""Close code (registered with IANA): the service restarts; come back."""

SILENT: Final = 4008
"""Close code: nothing was heard of the page, and it did not answer."""

SILENCE: Final[Millis] = 45 * SECOND
SILENCE_IN_CALL: Final[Millis] = 8 * SECOND
"""For how long a page may say nothing. It pings every 15 s, and every 2 s in a call; at half the time it is asked."""

MOST_PAGES: Final = 64
"""How many pages one party may have open: the oldest is forgotten for the next."""

MOVE_LATE: Final[Millis] = SECOND
"""When a page moves on that has come to a node which is about to end."""

LOOK_AROUND: Final[Millis] = 2 * SECOND
"""How often silent pages are looked for."""

_encode: Final = msgspec.json.Encoder().encode
_NUDGE: Final = _encode(Nudge())


@dataclass(frozen=True, slots=True)
class House:
    """What the reception works with."""

    node: str
    bus: Bus
    clock: Clock
    accounts: Accounts
    presence: PresenceBook
    calls: Calls
    dispatch: Dispatch


class Reception:
    """All sessions of this process."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._sessions: dict[str, Session] = {}
        self._of_party: dict[str, tuple[Session, ...]] = {}
        self._detached: dict[str, Session] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self.traffic = Traffic()
        self._beat_at: Millis = house.clock.now()
        """The last beat: near enough for when a page was heard, and read for every message."""
        self._looked_at: Millis = 0
        self._to_go: set[str] | None = None
        """The sessions that have been asked to go to another node and have not gone; ``None`` while nobody has to go."""
        self._gone = asyncio.Event()
        house.bus.subscribe(FRAMES, self._deliver)
        house.bus.subscribe(MOVED, self._on_moved)
        house.bus.subscribe(SIGNED_OUT, self._sign_out)

    @property
    def sessions(self) -> int:
        """How many sessions are kept, with a socket or without."""
        return len(self._sessions)

    async def hello(self, hello: Hello, cookie: str | None, wire: Wire) -> Session:
        """Greet a page: verify who it is, go on with its session or begin one, and show it what it needs.

        Raises:
            Refused: ``version_unsupported``, or why the pass or the sign-in is not accepted.
        """
        if hello.version != VERSION:
            raise Refused(Code.VERSION, f"this server speaks version {VERSION}; reload the page")
        party = await admit(self._house.accounts, self._house.calls, hello.pass_, cookie)
        page = Page(party, hello.device, hello.inst)
        known = self._sessions.get(hello.resume or "")
        if known is not None and known.can_resume(page, hello.got):
            await self._resume(known, page, hello, wire)
            session = known
        else:
            session = await self._begin(page, wire, came=hello.resume is not None and known is None)
        if self._to_go is not None:
            self._send_on(session, self._to_go, MOVE_LATE)
        return session

    def take(self, session: Session, message: Request) -> asyncio.Task[None] | None:
        """Take in a request; return the task that carries it out where it takes its time."""
        session.heard_at = self._beat_at
        if message.id <= session.rx:
            return None
        session.rx = message.id
        try:
            if self._house.dispatch.at_once(session.page, message):
                return None
        except Refused as refusal:
            session.send(self.refusal(refusal, message.id))
            return None
        task = asyncio.create_task(self._carry_out(session, message))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def refusal(self, refusal: Refused, re: int | None = None) -> bytes:
        """Return the frame that refuses a message; it is counted."""
        self.traffic.refusals[refusal.code] += 1
        return _encode(RefusedMessage(code=refusal.code, why=refusal.why, re=re))

    def ping(self, session: Session, ping: Ping) -> None:
        """Answer a ping and forget what the page has got."""
        session.heard_at = now = self._house.clock.now()
        session.confirm(ping.got)
        if session.wire is not None:
            session.wire.send(_encode(Pong(rx=session.rx, now=now)))

    def detach(self, session: Session, wire: Wire) -> None:
        """Note that a socket is gone; the session waits for another."""
        if session.wire is wire:
            session.wire = None
            self._has_gone(session)
            session.detached_at = self._house.clock.now()
            self._detached[session.token] = session
            if session.party.answers:
                self._house.presence.detached(session.party.merchant, session.party.id, session.page.device)

    async def sweep(self) -> None:
        """Let time act on sessions without a socket: first their party counts as missing, then they are forgotten."""
        self._beat_at = now = self._house.clock.now()
        for session in list(self._detached.values()):
            away = now - (session.detached_at or now)
            if away >= BLINK and not session.told_lost:
                lost = self._house.calls.lost(session.party, session.page.device)
                session.told_lost = self._elsewhere(session) or await attempt(lost)
            if away >= GRACE:
                self._forget(session)
        if now - self._looked_at >= LOOK_AROUND:
            self._looked_at = now
            self._look_for_silence(now)

    def _look_for_silence(self, now: Millis) -> None:
        """Ask pages that have said nothing for a while, and give up those that do not answer.

        A telephone whose battery is empty closes nothing. A page in the background has its timers slowed down to one a
        minute, but not its messages: so it is asked before it is given up.
        """
        for session in self._sessions.values():
            wire, silence = session.wire, now - session.heard_at
            if wire is None or silence < SILENCE_IN_CALL // 2:
                continue
            limit = SILENCE_IN_CALL if self._house.calls.going_on(session.party) else SILENCE
            if silence >= limit:
                self.detach(session, wire)
                session.detached_at = session.heard_at
                wire.close(SILENT, "silent")
            elif silence >= limit // 2:
                wire.send(_NUDGE)

    async def send_on(self, within: Millis) -> None:
        """Ask every page to go to another node, evenly over so many milliseconds; return when all have gone."""
        self._to_go = set()
        here = [session for session in self._sessions.values() if session.wire is not None]
        for n, session in enumerate(here):
            self._send_on(session, self._to_go, within * n // len(here))
        if here:
            await self._gone.wait()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def _send_on(self, session: Session, to_go: set[str], after: Millis) -> None:
        if session.wire is not None:
            to_go.add(session.token)
            self._gone.clear()
            session.wire.send(_encode(Bye(ByeWhy.MOVING, after)))

    def _has_gone(self, session: Session) -> None:
        if self._to_go is not None:
            self._to_go.discard(session.token)
            if not self._to_go:
                self._gone.set()

    async def close(self) -> None:
        """Tell every page that we shall be back, and finish what was begun."""
        for session in list(self._sessions.values()):
            self._bye(session, ByeWhy.SHUTTING_DOWN, RESTART)
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=5)

    async def _begin(self, page: Page, wire: Wire, *, came: bool) -> Session:
        """Begin a session, for a page that has just been loaded or that ``came`` from another node."""
        house, party = self._house, page.party
        merchant, card = await self._what_it_is_about(party)
        for old in self._in_the_way(page):
            self._forget(old)
        session = Session(new_secret(), page, house.clock.now())
        self._sessions[session.token] = session
        self._of_party[party.id] = (*self._of_party.get(party.id, ()), session)
        await house.bus.attend(party.id)
        try:
            view = await house.calls.welcome(party, page.device)
            desk = await house.calls.showing.desk_of(party) if party.answers else None
            if came:  # from here on it misses nothing here
                house.bus.publish(MOVED, Moved(party.id, page.device, page.inst, house.node), party.id)
        except BaseException:
            self._forget(session)
            raise
        live = (view.call,) if view is not None else ()
        wire.send(_encode(self._welcome(session, merchant, card=card, resumed=False, live=live)))
        for frame in session.replay():
            wire.send(frame)
        session.wire = wire
        for message in (view, desk):
            if message is not None:
                session.send(_encode(message))
        return session

    async def _resume(self, session: Session, page: Page, hello: Hello, wire: Wire) -> None:
        party = page.party
        merchant, card = await self._what_it_is_about(party)
        view = await self._house.calls.welcome(party, page.device)
        live = (view.call,) if view is not None else ()
        if session.wire is not None:
            session.wire.close(REPLACED, ByeWhy.REPLACED)
        self._detached.pop(session.token, None)
        session.page, session.detached_at, session.told_lost = page, None, False
        session.heard_at = self._house.clock.now()
        session.confirm(hello.got)
        wire.send(_encode(self._welcome(session, merchant, card=card, resumed=True, live=live)))
        for frame in session.replay():
            wire.send(frame)
        session.wire = wire

    async def _what_it_is_about(self, party: Party) -> tuple[MerchantCard, Card | None]:
        merchant = merchant_on_the_wire(await self._house.accounts.merchant(party.merchant))
        return merchant, card_on_the_wire(card_of(party.context)) if party.context is not None else None

    def _welcome(
        self, session: Session, merchant: MerchantCard, *, card: Card | None, resumed: bool, live: tuple[str, ...]
    ) -> Welcome:
        party = session.party
        return Welcome(
            session=session.token,
            resumed=resumed,
            rx=session.rx,
            party=PartyCard(party.role, party.id, party.name),
            merchant=merchant,
            now=self._house.clock.now(),
            card=card,
            live=live,
            grace_ms=GRACE,
        )

    async def _carry_out(self, session: Session, message: Request) -> None:
        try:
            for answer in await self._house.dispatch.in_time(session.page, message):
                session.send(_encode(answer))
        except Refused as refusal:
            session.send(self.refusal(refusal, message.id))
        except Exception:
            log.exception("a %s failed", type(message).__name__, extra={"call": getattr(message, "call", None)})
            failure = Refused(Code.INTERNAL, "something went wrong here; nothing has been changed")
            session.send(self.refusal(failure, message.id))

    def _elsewhere(self, session: Session) -> bool:
        """Whether another connected page of the same device goes on for this one (a reload makes a new session)."""
        return any(
            other.wire is not None and other.page.device == session.page.device
            for other in self._of_party.get(session.party.id, ())
        )

    def _in_the_way(self, page: Page) -> list[Session]:
        """Return this very page's sessions of before, and the oldest where one party has too many."""
        known = self._of_party.get(page.party.id, ())
        same = [session for session in known if session.page.inst == page.inst]
        others = [session for session in known if session.page.inst != page.inst]
        return same + others[: max(0, len(others) - MOST_PAGES + 1)]

    def _sign_out(self, fingerprints: frozenset[str]) -> None:
        for session in list(self._sessions.values()):
            if session.party.session in fingerprints:
                # not forgotten: whoever talked with her has to learn that she is gone
                session.missed = True
                self._bye(session, ByeWhy.SIGNED_OUT, SIGNED_OUT_CODE)

    def _bye(self, session: Session, why: ByeWhy, code: int) -> None:
        wire = session.wire
        if wire is not None:
            wire.send(_encode(Bye(why)))
            wire.close(code, why)
            self.detach(session, wire)

    def _on_moved(self, moved: Moved) -> None:
        """A page has gone to another node: its session here ends, and what it carries goes with it."""
        if moved.node == self._house.node:
            return
        for session in self._of_party.get(moved.party, ()):
            page = session.page
            if (page.device, page.inst) != (moved.device, moved.inst):
                continue
            carried = self._house.calls.let_go(page.party, page.device)
            if carried is not None:
                self._meanwhile(attempt(self._house.calls.hand_over(*carried, moved.node), carried[0]))
            if page.party.answers:
                self._house.presence.moved(page.party.merchant, page.party.id, page.device)
            self._forget(session)

    def _meanwhile(self, work: Coroutine[Any, Any, object]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _deliver(self, telling: Telling) -> None:
        for session in self._of_party.get(telling.party, ()):
            session.hear(telling)

    def _forget(self, session: Session) -> None:
        if self._sessions.pop(session.token, None) is None:
            return
        self._detached.pop(session.token, None)
        self._has_gone(session)
        others = tuple(other for other in self._of_party.pop(session.party.id, ()) if other is not session)
        if others:
            self._of_party[session.party.id] = others
        self._house.bus.leave(session.party.id)
        if not others:
            self._house.calls.left(session.party.id)
        wire = session.wire
        if wire is not None:
            wire.close(REPLACED, ByeWhy.REPLACED)
            session.wire = None
