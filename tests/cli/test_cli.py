"""The command, as somebody at a shell uses it."""

from __future__ import annotations

import json
import os
import re
import sqlite3
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from kanhuo.accounts.passes import verifier
from kanhuo.cli import main
from kanhuo.kernel.clock import SystemClock
from tests.support.house import KEY, house


def run(folder: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, arguments, env={"KANHUO_DATA": str(folder), "KANHUO_PASS_KEY": KEY})


@pytest.fixture
async def used(tmp_path: Path) -> Path:
    """A data folder in which two calls have been made."""
    async with house(tmp_path) as shop:
        agent = await shop.agent()
        for name in ("li", "chen"):
            buyer = await shop.buyer(name)
            call = await shop.talking(buyer, agent)
            await buyer.ask("call.hang_up", call=call)
            await agent.call_in("ended", call=call)
            await agent.ask("call.wrap_up", call=call, outcome="skipped")
    return tmp_path


def test_an_untouched_journal_is_unbroken(used: Path) -> None:
    result = run(used, "journal", "verify")
    assert result.exit_code == 0, result.output
    assert result.output.splitlines()[-1] == "unbroken"


@pytest.mark.parametrize(
    "tampering",
    [
        "UPDATE journal SET at = at + 1 WHERE rowid = (SELECT min(rowid) + 2 FROM journal)",
        "DELETE FROM journal WHERE rowid = (SELECT min(rowid) + 2 FROM journal)",
        "DELETE FROM journal WHERE rowid = (SELECT max(rowid) FROM journal)",
    ],
    ids=["changed", "removed", "cut off"],
)
def test_a_touched_journal_names_the_first_broken_line(used: Path, tampering: str) -> None:
    database = used / "kanhuo.sqlite"
    with sqlite3.connect(database) as connection:
        for (trigger,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {trigger}")
        connection.execute(tampering)
    result = run(used, "journal", "verify", str(database))
    assert result.exit_code == 1
    assert re.search(r"broken: .*call_", result.output)


def test_a_minted_pass_is_accepted_and_a_merchant_gets_a_link(tmp_path: Path) -> None:
    added = run(tmp_path, "merchant", "add", "--name", "果园", "--id", "mer_apples")
    assert added.exit_code == 0, added.output
    assert "/console/" in added.output
    minted = run(tmp_path, "pass", "--merchant", "mer_apples", "--title", "Apples")
    party = verifier(KEY, "kanhuo", b"pepper").party(minted.output.strip(), SystemClock().now())
    assert (party.merchant, party.context is not None) == ("mer_apples", True)


def test_the_schema_is_json(tmp_path: Path) -> None:
    assert "ClientMessage" in json.loads(run(tmp_path, "schema").output)["$defs"]


def test_a_merchant_promises_hours_and_is_added_once(tmp_path: Path) -> None:
    assert run(tmp_path, "merchant", "add", "--name", "果园", "--id", "mer_apples").exit_code == 0
    again = run(tmp_path, "merchant", "add", "--name", "假果园", "--id", "mer_apples")
    assert again.exit_code == 1
    assert "already" in again.output
    hours = ("--hours", "mon-fri 9:00-18:30", "--hours", "sat 10:00-14:00")
    told = run(tmp_path, "merchant", "set", "mer_apples", "--zone", "Asia/Urumqi", *hours)
    assert told.output.split() == ["merchant", "mer_apples", "果园", "Asia/Urumqi", "6", "openings", "a", "week"]


def test_promises_are_kept_until_they_are_taken_back(tmp_path: Path) -> None:
    run(tmp_path, "merchant", "add", "--name", "果园", "--id", "mer_apples")
    run(tmp_path, "merchant", "set", "mer_apples", "--hours", "mon-fri 9:00-18:30")
    assert " 5 openings" in run(tmp_path, "merchant", "set", "mer_apples", "--name", "苹果园").output
    assert " 0 openings" in run(tmp_path, "merchant", "set", "mer_apples", "--no-hours").output


@pytest.mark.parametrize("command", [("migrate",), ("pass", "--merchant", "m"), ("merchant", "add", "--name", "x")])
def test_what_a_command_keeps_is_for_us_alone(tmp_path: Path, command: tuple[str, ...]) -> None:
    before = os.umask(0o022)
    try:
        folder = tmp_path / "data"
        assert run(folder, *command).exit_code == 0
        drawn = tmp_path / "states"
        run(folder, "states", str(drawn))
        assert [path.name for path in (folder, *folder.iterdir()) if path.stat().st_mode & 0o077] == []
        assert (drawn / "call.svg").stat().st_mode & 0o777 == 0o644, "drawings are for everybody"
    finally:
        os.umask(before)


@pytest.mark.parametrize(
    "wrong",
    [
        ("--hours", "always"),
        ("--hours", "fri-mon 9:00-18:00"),
        ("--hours", "mon 18:00-9:00"),
        ("--zone", "Mars"),
        ("--zone", ""),
    ],
)
def test_what_is_not_understood_changes_nothing(tmp_path: Path, wrong: tuple[str, str]) -> None:
    run(tmp_path, "merchant", "add", "--name", "果园", "--id", "mer_apples")
    assert run(tmp_path, "merchant", "set", "mer_apples", *wrong).exit_code == 2
    assert run(tmp_path, "merchant", "set", "mer_nobody", "--name", "x").exit_code == 1


@pytest.mark.parametrize(
    ("url", "secret", "why"),
    [
        ("http://127.0.0.1:9/ring", "short", "base64"),
        ("http://127.0.0.1:9/ring", "", "24 to 64 bytes"),
        ("nowhere", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "address"),
    ],
)
def test_a_webhook_that_cannot_be_is_said_so_at_the_start(tmp_path: Path, url: str, secret: str, why: str) -> None:
    given = {"KANHUO_DATA": str(tmp_path), "KANHUO_RING_WEBHOOK": url, "KANHUO_RING_WEBHOOK_SECRET": secret}
    done = CliRunner().invoke(main, ["serve"], env=given)
    assert done.exit_code == 1
    assert why in done.output
