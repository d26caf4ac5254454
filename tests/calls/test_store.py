"""Writing calls: of two who decided on the same version, one is told that it was too late."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kanhuo.calls import store
from kanhuo.calls.events import Asked
from kanhuo.calls.terms import Media, State
from kanhuo.kernel.errors import Stale
from kanhuo.shell.database import Transaction
from kanhuo.shell.engines import database
from kanhuo.shell.migrate import migrate
from tests.calls.test_model import call


async def test_a_call_is_written_over_the_version_it_was_decided_on_and_no_other(database_url: str) -> None:
    migrate(database_url)
    db = database(database_url)
    await db.open()
    before = call()
    rung = replace(before, state=State.RINGING, agent="wang", version=2)
    late = replace(before, state=State.RINGING, agent="zhao", version=2)

    def too_late(tx: Transaction) -> None:
        with pytest.raises(Stale):
            store.put(tx, before, late, None)

    try:
        await db.write(
            store.begin, before, "key", None, "a node", Asked(before.merchant, before.buyer, before.card, Media.VIDEO)
        )
        await db.write(store.put, before, rung, None)
        await db.write(too_late)
        assert await db.read(store.get, before.id) == rung
    finally:
        await db.close()
