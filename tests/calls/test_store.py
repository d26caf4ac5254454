"""Writing calls: of two who decided on the same version, one is told that it was too late."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from kanhuo.calls import store
from kanhuo.calls.terms import State
from kanhuo.kernel.errors import Stale
from kanhuo.shell.database import Database
from kanhuo.shell.migrate import migrate
from tests.calls.test_model import call


async def test_a_call_is_written_over_the_version_it_was_decided_on_and_no_other(tmp_path: Path) -> None:
    path = tmp_path / "calls.sqlite"
    migrate(path)
    db = Database(path)
    await db.open()
    try:
        before = call()
        await db.write(store.add, before, "key", None)
        rung = replace(before, state=State.RINGING, agent="wang", version=2)
        late = replace(before, state=State.RINGING, agent="zhao", version=2)
        await db.write(store.put, before, rung, None)
        with pytest.raises(Stale):
            await db.write(store.put, before, late, None)
        assert await db.read(store.get, before.id) == rung
    finally:
        await db.close()
