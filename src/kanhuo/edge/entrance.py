"""Who is let in, by socket and by HTTP alike."""

from __future__ import annotations

from typing import Final

from kanhuo.accounts.model import Party
from kanhuo.accounts.service import Accounts
from kanhuo.calls.service import Calls
from kanhuo.kernel.clock import HOUR, Millis
from kanhuo.kernel.errors import Code, Refused

LATE: Final[Millis] = 3 * HOUR
"""For how long an expired pass still leads back into a call: longer than any call lasts."""


async def admit(accounts: Accounts, calls: Calls, pass_: str | None, cookie: str | None) -> Party:
    """Return for whom a connection or request speaks.

    A pass that has expired since still leads back into the call that it began: a reload or a lost line in the middle must
    not end it.

    Raises:
        Refused: why the pass or the sign-in is not accepted.
    """
    try:
        return await accounts.party(pass_, cookie)
    except Refused as refusal:
        if refusal.code is not Code.EXPIRED:
            raise
        party = await accounts.party(pass_, cookie, late=LATE)
        if await calls.live_of(party) is None:
            raise
        return party
