"""What finds faults in a journal finds each kind of them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kanhuo.shell.journal import Verdict
from tests.support.estate import Reckoning

GOOD: list[tuple[str, str, dict[str, Any]]] = [
    ("call_1", "Asked", {}),
    ("call_1", "Offered", {"agent": "wang"}),
    ("call_1", "Declined", {"agent": "wang"}),
    ("call_2", "Asked", {}),
    ("call_2", "Offered", {"agent": "wang"}),
    ("call_1", "Ended", {"reason": "declined"}),
    ("call_2", "Ended", {"reason": "completed"}),
]
CALLS = [("call_1", "declined", "li"), ("call_2", "completed", "chen")]


def reckoning(
    lines: list[tuple[str, str, dict[str, Any]]], calls: list[tuple[str, str | None, str]], broken: str | None = None
) -> list[str]:
    written = [(chain, kind, json.dumps(fields).encode()) for chain, kind, fields in lines]
    return Reckoning(Verdict(len(lines), 2, broken), written, list(calls)).faults


def test_nothing_is_found_where_nothing_is_wrong() -> None:
    assert reckoning(GOOD, [*CALLS]) == []


@pytest.mark.parametrize(
    ("lines", "calls", "broken"),
    [
        pytest.param(GOOD, CALLS, "line 3", id="a chain is broken"),
        pytest.param([*GOOD, GOOD[-1]], CALLS, None, id="ended twice"),
        pytest.param(GOOD[:-1], CALLS, None, id="never ended"),
        pytest.param([GOOD[0], *GOOD], CALLS, None, id="asked for twice"),
        pytest.param(GOOD, [("call_1", "no_answer", "li"), CALLS[1]], None, id="another reason in the journal"),
        pytest.param(GOOD, CALLS[:1], None, id="a call is lost"),
        pytest.param(GOOD[:3] + GOOD[5:6], CALLS, None, id="a journal is lost"),
        pytest.param([line for line in GOOD if line[1] != "Declined"], CALLS, None, id="an agent has two"),
    ],
)
def test_every_fault_is_found(
    lines: list[tuple[str, str, dict[str, Any]]], calls: list[tuple[str, str | None, str]], broken: str | None
) -> None:
    assert reckoning(lines, calls, broken) != []
