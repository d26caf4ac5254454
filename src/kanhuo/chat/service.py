"""Saying things in writing. Lines are kept with the call, so a reloaded page reads them again."""

from __future__ import annotations

from kanhuo.accounts.model import Party
from kanhuo.calls.service import Calls
from kanhuo.calls.terms import Side, State
from kanhuo.calls.views import side_of
from kanhuo.chat import store
from kanhuo.chat.messages import ChatLine
from kanhuo.chat.model import Said, Spoken
from kanhuo.chat.policy import MOST_LINES, check, kind_of_picture
from kanhuo.kernel.clock import Clock, Millis
from kanhuo.kernel.errors import Code, Refused, not_now, not_yours
from kanhuo.kernel.ids import new_id
from kanhuo.shell import journal
from kanhuo.shell.bus import Bus
from kanhuo.shell.database import Database, Transaction
from kanhuo.shell.wire import tell


class Chat:
    """The written part of calls."""

    def __init__(self, db: Database, bus: Bus, clock: Clock, calls: Calls) -> None:
        self._db = db
        self._bus = bus
        self._clock = clock
        self._calls = calls

    async def say(self, party: Party, call: str, key: str, text: str | None, picture: str | None) -> None:
        """Say something to the other side; the same key says it once.

        Raises:
            Refused: ``malformed``, ``not_yours`` (the call or the picture), ``not_now`` once the call has ended, ``too_many``.
        """
        check(text, picture)
        known = await self._calls.of(party, call)
        if known.state is State.ENDED:
            raise not_now("the call has ended")
        side = side_of(known, party)
        said = await self._db.write(_say, call, side, key, text, picture, self._clock.now())
        line = on_the_wire(call, said)
        tell(self._bus, known.buyer, line)
        if known.agent is not None:
            tell(self._bus, known.agent, line)

    async def read(self, party: Party, call: str, after: int) -> list[ChatLine]:
        """Return what was said after number ``after``.

        Raises:
            Refused: ``not_yours``, ``not_found``.
        """
        await self._calls.of(party, call)
        return [on_the_wire(call, said) for said in await self._db.read(store.after, call, after)]

    async def keep(self, party: Party, call: str, data: bytes) -> str:
        """Keep a picture for a call that goes on; return its id.

        Raises:
            Refused: ``not_a_picture``, ``too_large``, ``not_yours``, ``not_now``, ``too_many``.
        """
        kind = kind_of_picture(data)
        known = await self._calls.of(party, call)
        if known.state is State.ENDED:
            raise not_now("the call has ended")
        picture = new_id("pic")
        await self._db.write(_keep, picture, call, side_of(known, party), kind, data, self._clock.now())
        return picture

    async def picture(self, party: Party, picture: str) -> tuple[str, bytes]:
        """Return a picture's media type and bytes to somebody who takes part in its call.

        Raises:
            Refused: ``not_found``, ``not_yours``.
        """
        row = await self._db.read(store.picture, picture)
        if row is None:
            raise Refused(Code.NOT_FOUND, "there is no such picture")
        call, kind, data = row
        await self._calls.of(party, call)
        return kind, data


def on_the_wire(call: str, said: Said) -> ChatLine:
    """Return a line as both sides receive it."""
    return ChatLine(call=call, n=said.n, side=said.side, at=said.at, key=said.key, text=said.text, picture=said.picture)


def _say(tx: Transaction, call: str, side: Side, key: str, text: str | None, picture: str | None, now: Millis) -> Said:
    known = store.same(tx, call, side, key)
    if known is not None:
        return known
    if picture is not None and store.owner(tx, picture) != (call, side):
        raise not_yours("this picture was not uploaded by this side of this call")
    n = store.last(tx, call) + 1
    if n > MOST_LINES:
        raise Refused(Code.TOO_MANY, "enough has been written in this call")
    said = Said(n=n, key=key, side=side, at=now, text=text, picture=picture)
    store.add(tx, call, said)
    journal.append(tx, call, Spoken(n, side, picture is not None), now)
    return said


def _keep(tx: Transaction, picture: str, call: str, side: Side, kind: str, data: bytes, now: Millis) -> None:
    if store.pictures(tx, call) >= MOST_LINES // 10:
        raise Refused(Code.TOO_MANY, "enough pictures have been sent in this call")
    store.keep(tx, picture, call, side, kind, data, now)
