"""The copies that docs/operations.md tells people to make, made while calls are written, restored and checked."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from kanhuo.accounts.passes import mint
from kanhuo.kernel.clock import SystemClock
from tests.support.client import Client
from tests.support.engines import Postgres
from tests.support.house import CONTEXT, KEY, SHOP
from tests.support.process import Node
from tests.support.roaming import open_shop

OPERATIONS = Path(__file__).parents[2] / "docs/operations.md"


def kanhuo(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    own = {**os.environ, "KANHUO_PASS_KEY": KEY, **environment}
    command = [sys.executable, "-m", "kanhuo.cli", *arguments]
    return subprocess.run(command, env=own, capture_output=True, text=True, check=False)


async def buyer(node: Node, sub: str) -> Client:
    claims: dict[str, Any] = {"role": "buyer", "sub": sub, "merchant": SHOP, "context": CONTEXT}
    token = mint(KEY, claims, audience="kanhuo", now=SystemClock().now())
    return await Client(node.url, pass_=token).open()


class Trade:
    """A shop where somebody asks for one call after the other and leaves again."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.calls = 0
        self._more = asyncio.Condition()

    async def go_on(self) -> None:
        person = await buyer(self.node, "li")
        try:
            while True:
                call = (await person.ask("call.ask", key=f"k{self.calls}", media="voice"))["call"]
                await person.ask("call.hang_up", call=call)
                await person.call_in("ended", call=call)
                person.heard.clear()
                async with self._more:
                    self.calls += 1
                    self._more.notify_all()
        finally:
            await person.close()

    async def has_made(self, more: int) -> None:
        async with asyncio.timeout(30), self._more:
            wanted = self.calls + more
            await self._more.wait_for(lambda: self.calls >= wanted)


@asynccontextmanager
async def trading(node: Node) -> AsyncIterator[Trade]:
    await node.start()
    trade = Trade(node)
    going = asyncio.create_task(trade.go_on())
    try:
        await trade.has_made(5)
        yield trade
        assert not going.done(), "nobody noticed"
    finally:
        going.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await going
        node.kill()


async def serves(folder: Path, database: str = "") -> None:
    """A node that is started on the copy takes calls."""
    node = Node(folder, "restored", pass_key=KEY, database=database)
    try:
        await node.start()
        person = await buyer(node, "chen")
        await person.ask("call.ask", key="after", media="voice")
        await person.close()
    finally:
        node.kill()


def lines(verdict: str) -> int:
    found = re.match(r"(\d+) lines in (\d+) chains\nunbroken\n", verdict)
    assert found is not None, verdict
    return int(found[1])


@pytest.mark.parametrize("command", ['.backup "copy.sqlite"', "VACUUM INTO 'copy.sqlite'"])
async def test_sqlite_is_copied_while_it_serves(tmp_path: Path, command: str) -> None:
    assert command.replace("copy.sqlite", "/backup/kanhuo.sqlite") in OPERATIONS.read_text()
    node = Node(tmp_path, "shop", pass_key=KEY)
    data = tmp_path / "shop"
    assert kanhuo("merchant", "add", "--name", "Orchard", "--id", SHOP, KANHUO_DATA=str(data)).returncode == 0
    copied = tmp_path / "restored"
    copied.mkdir(mode=0o700)
    async with trading(node) as trade:
        made = trade.calls
        await asyncio.to_thread(
            subprocess.run, ["sqlite3", str(data / "kanhuo.sqlite"), command], cwd=tmp_path, check=True
        )
        await trade.has_made(5)
    (tmp_path / "copy.sqlite").rename(copied / "kanhuo.sqlite")
    verdict = await asyncio.to_thread(kanhuo, "journal", "verify", str(copied / "kanhuo.sqlite"))
    assert verdict.returncode == 0, verdict.stderr
    assert lines(verdict.stdout) >= 2 * made
    assert lines(verdict.stdout) < lines(kanhuo("journal", "verify", KANHUO_DATA=str(data)).stdout)
    await serves(tmp_path)


async def test_postgresql_is_dumped_while_it_serves(tmp_path: Path, postgres: Postgres) -> None:
    text = OPERATIONS.read_text()
    assert "pg_dump -Fc" in text
    assert "pg_restore --no-owner --exit-on-error" in text
    original, restored = postgres.database(), postgres.database()
    await open_shop(tmp_path / "maker", original)
    dump = str(tmp_path / "kanhuo.dump")
    async with trading(Node(tmp_path, "shop", pass_key=KEY, database=original)) as trade:
        made = trade.calls
        await asyncio.to_thread(subprocess.run, ["pg_dump", "-Fc", "-f", dump, original], check=True)
        await trade.has_made(5)
    restore = ["pg_restore", "--no-owner", "--exit-on-error", "-d", restored, dump]
    await asyncio.to_thread(subprocess.run, restore, check=True)
    verdict = await asyncio.to_thread(kanhuo, "journal", "verify", KANHUO_DATABASE=restored)
    assert verdict.returncode == 0, verdict.stderr
    assert lines(verdict.stdout) >= 2 * made
    assert lines(verdict.stdout) < lines(kanhuo("journal", "verify", KANHUO_DATABASE=original).stdout)
    doctor = kanhuo("doctor", KANHUO_DATABASE=restored, KANHUO_DATA=str(tmp_path / "shop"), KANHUO_PEPPER="p")
    assert "✓ schema" in doctor.stdout
    await serves(tmp_path, database=restored)


def test_a_copy_that_somebody_changed_is_found_out(tmp_path: Path) -> None:
    """Else the check after restoring would say nothing."""
    data = tmp_path / "shop"

    async def some_calls() -> None:
        kanhuo("merchant", "add", "--name", "Orchard", "--id", SHOP, KANHUO_DATA=str(data))
        async with trading(Node(tmp_path, "shop", pass_key=KEY)):
            pass

    asyncio.run(some_calls())
    file = str(data / "kanhuo.sqlite")
    change = "DELETE FROM journal WHERE n = 1"
    subprocess.run(["sqlite3", file, change], check=True)
    assert kanhuo("journal", "verify", file).returncode == 1
