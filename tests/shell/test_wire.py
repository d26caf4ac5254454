"""The bounds of every message."""

from __future__ import annotations

import json
import re

import msgspec
import pytest

from kanhuo.chat.messages import ChatRead
from kanhuo.protocol import schema
from kanhuo.shell.wire import Id


def read(call: str = "call_1", after: int = 0) -> bytes:
    return json.dumps({"type": "chat.read", "id": 1, "call": call, "after": after}).encode()


def test_a_line_number_has_an_end() -> None:
    assert msgspec.json.decode(read(after=2**53 - 1), type=ChatRead).after == 2**53 - 1
    for beyond in (2**53, 10**25, -1):
        with pytest.raises(msgspec.ValidationError):
            msgspec.json.decode(read(after=beyond), type=ChatRead)


@pytest.mark.parametrize("end", ["\n", "\r", "\u2028", " ", "/", "\x00", "é"])
def test_an_id_ends_where_it_ends(end: str) -> None:
    assert msgspec.json.decode(b'"call_1"', type=Id) == "call_1"
    for wrong in (f"call_1{end}", f"{end}call_1", f"a{end}b"):
        with pytest.raises(msgspec.ValidationError):
            msgspec.json.decode(json.dumps(wrong).encode(), type=Id)
        with pytest.raises(msgspec.ValidationError):
            msgspec.json.decode(read(call=wrong), type=ChatRead)


def test_the_schema_says_an_id_as_every_reader_of_json_schema_reads_it() -> None:
    """``\\Z`` is Python's alone, and ``$`` means in Python what it means nowhere else."""
    patterns = set(re.findall(r'"pattern": "((?:[^"\\]|\\.)*)"', json.dumps(schema())))
    assert any("A-Za-z0-9" in one for one in patterns)
    assert not [one for one in patterns if "\\\\Z" in one or one.endswith("$")]
