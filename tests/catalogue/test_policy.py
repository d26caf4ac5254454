"""What a context card may hold."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kanhuo.catalogue.model import ContextCard, Kind, Line
from kanhuo.catalogue.policy import card_of, digest
from kanhuo.kernel.errors import Code, Refused

GOOD: dict[str, Any] = {"kind": "order", "ref": "o-1", "title": "苹果", "picture": "/p/1.svg", "price": "¥9"}


def test_a_card_is_read_as_the_pass_names_it() -> None:
    card = card_of(json.dumps({**GOOD, "lines": [{"label": "Size", "value": "L"}]}).encode())
    assert card == ContextCard(
        kind=Kind.ORDER, ref="o-1", title="苹果", picture="/p/1.svg", price="¥9", lines=(Line("Size", "L"),)
    )


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "gift"},
        {"kind": 3},
        {"ref": None},
        {"title": "x" * 201},
        {"title": "two\nlines"},
        {"title": 5},
        {"picture": "//evil.example/x"},
        {"picture": "/\\evil.example"},
        {"picture": "http://evil.example/x"},
        {"picture": "javascript:alert(1)"},
        {"picture": "https://[bad"},
        {"lines": "x"},
        {"lines": [{"label": "a"}]},
        {"lines": [{"label": "a", "value": "b", "c": "d"}]},
        {"lines": [{"label": "a", "value": None}]},
        {"lines": [{"label": "a", "value": "b"}] * 13},
        {"phone": "13800138000"},
    ],
)
def test_what_does_not_fit_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(Refused, match="malformed"):
        card_of(json.dumps({**GOOD, **change}).encode())


@pytest.mark.parametrize(
    "picture", ["/a.svg", "https://cdn.example/a.jpg", "http://localhost:9/a", "http://127.0.0.1/a"]
)
def test_pictures_come_from_here_or_by_https(picture: str) -> None:
    assert card_of(json.dumps({**GOOD, "picture": picture}).encode()).picture == picture


def test_a_mobile_number_does_not_reach_the_agent() -> None:
    card = card_of(json.dumps({**GOOD, "title": "Call 13812345678 now"}).encode())
    assert card.title == "Call *** now"


def test_the_digest_names_the_content() -> None:
    one, same = card_of(json.dumps(GOOD).encode()), card_of(json.dumps(dict(reversed(GOOD.items()))).encode())
    assert digest(one) == digest(same)
    assert digest(one) != digest(card_of(json.dumps({**GOOD, "price": "¥10"}).encode()))


@given(
    st.binary(max_size=200)
    | st.recursive(st.none() | st.text() | st.integers(), lambda s: st.lists(s) | st.dictionaries(st.text(), s)).map(
        lambda v: json.dumps(v).encode()
    )
)
def test_no_context_makes_it_fail_in_any_other_way(context: bytes) -> None:
    try:
        card_of(context)
    except Refused as refusal:
        assert refusal.code is Code.MALFORMED
