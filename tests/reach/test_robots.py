"""What robots are sent, beside what their makers have published (tests/support/receivers.py), and what their answers mean."""

from __future__ import annotations

import pytest

from kanhuo.reach.model import Endpoint, Kind
from kanhuo.reach.policy import Verdict
from kanhuo.reach.robots import Note, kind_of, request, verdict
from kanhuo.reach.words import LANGUAGES, WORDS, say

NOTE = Note(
    "a buyer", "5 kg [free](https://evil.example) ![x](y)\nfrom a chat", "Answer", "https://k.example/console/#link=s"
)


def robot(kind: Kind, secret: bytes = b"") -> Endpoint:
    return Endpoint(
        id="e", merchant="m", agent="a", url="https://chat.example/robot", made_at=0, kind=kind, secret=secret
    )


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=1", Kind.WECOM),
        ("https://open.feishu.cn/open-apis/bot/v2/hook/1", Kind.FEISHU),
        ("https://open.larksuite.com/open-apis/bot/v2/hook/1", Kind.FEISHU),
        ("https://oapi.dingtalk.com/robot/send?access_token=1", Kind.DINGTALK),
        ("https://chat.company.example/open-apis/bot/v2/hook/1", Kind.FEISHU),
        ("https://hooks.example.com/services/1", None),
        ("https://open.feishu.cn/", None),
    ],
)
def test_whose_robot_it_is_is_seen_by_its_address(url: str, kind: Kind | None) -> None:
    assert kind_of(url) is kind


def test_without_a_secret_nothing_is_signed() -> None:
    url, body = request(robot(Kind.DINGTALK), NOTE, 1_000)
    assert url == "https://chat.example/robot"
    _, body = request(robot(Kind.FEISHU), NOTE, 1_000)
    assert body.keys() == {"msg_type", "card"}


def test_what_shops_write_is_no_markdown() -> None:
    _, body = request(robot(Kind.DINGTALK), NOTE, 1_000)
    text = body["actionCard"]["text"]
    assert "](" not in text
    assert "![" not in text
    assert body["actionCard"]["singleURL"] == NOTE.link


@pytest.mark.parametrize("kind", [Kind.WECOM, Kind.FEISHU, Kind.DINGTALK])
def test_only_a_nought_says_that_it_is_taken(kind: Kind) -> None:
    field = "code" if kind is Kind.FEISHU else "errcode"
    assert verdict(kind, f'{{"{field}": 0, "more": [1]}}'.encode()) is Verdict.TAKEN
    for body in (
        b"",
        b"0",
        b"[]",
        b"{}",
        b'{"errcode": null, "code": null}',
        b'{"errcode": "0", "code": "0"}',
        b"\xff",
    ):
        assert verdict(kind, body) is Verdict.REFUSED
    assert verdict(kind, f'{{"{field}": 400}}'.encode()) is Verdict.REFUSED


def test_every_word_is_said_in_every_language() -> None:
    for word in WORDS:
        assert len({say(word, language) for language in LANGUAGES}) == len(LANGUAGES), word
