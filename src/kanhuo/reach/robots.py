"""Robots in chats: what 企业微信, 飞书 and 钉钉 want to be sent, and what their answers mean.

All three are told of by an address with a secret name in it; two of them can ask for a signature besides. They answer 200 and say
in the body what has become of the message.
"""

from __future__ import annotations

import re
from base64 import b64encode
from dataclasses import dataclass
from hashlib import sha256
from hmac import digest
from typing import Any, Final
from urllib.parse import quote_plus, urlsplit

import msgspec

from kanhuo.kernel.clock import SECOND, Millis
from kanhuo.reach.model import Endpoint, Kind
from kanhuo.reach.policy import Verdict

_PATHS: Final = (
    ("/cgi-bin/webhook/send", Kind.WECOM),
    ("/open-apis/bot/v2/hook/", Kind.FEISHU),
    ("/robot/send", Kind.DINGTALK),
)

LATER: Final = {Kind.WECOM: (-1, 45009), Kind.FEISHU: (11232,), Kind.DINGTALK: (-1, 130101)}
"""The error codes that pass: too many messages a minute, or the service is busy. All others need somebody to mend something."""

_MARKDOWN: Final = re.compile(r"[\\`*_{}\[\]()#!<>|~]")


@dataclass(frozen=True, slots=True)
class Note:
    """What a robot says: a headline, a line or two, and one thing to tap."""

    title: str
    text: str
    button: str
    link: str


class _Answer(msgspec.Struct):
    errcode: int | None = None
    code: int | None = None


def kind_of(url: str) -> Kind | None:
    """Return whose robot an address is, by its path: installations of a company's own have the same; ``None`` for no robot."""
    path = urlsplit(url).path
    return next((kind for known, kind in _PATHS if path.startswith(known)), None)


def request(endpoint: Endpoint, note: Note, now: Millis) -> tuple[str, dict[str, Any]]:
    """Return the address and the JSON that let a robot say something."""
    match endpoint.kind:
        case Kind.WECOM:
            return endpoint.url, _wecom(note)
        case Kind.FEISHU:
            return endpoint.url, _feishu_seal(endpoint.secret, now) | _feishu(note)
        case Kind.DINGTALK:
            return endpoint.url + _dingtalk_seal(endpoint.secret, now), _dingtalk(note)
        case _:
            raise AssertionError(endpoint.kind)


def verdict(kind: Kind, body: bytes) -> Verdict:
    """Return what the body of a robot's answer means; whoever says nothing we know has not taken it."""
    try:
        said = msgspec.json.decode(body, type=_Answer)
    except msgspec.DecodeError:
        return Verdict.REFUSED
    code = said.code if kind is Kind.FEISHU else said.errcode
    if code == 0:
        return Verdict.TAKEN
    return Verdict.LATER if code in LATER[kind] else Verdict.REFUSED


def _wecom(note: Note) -> dict[str, Any]:
    article = {"title": note.title, "description": f"{note.text}\n{note.button}", "url": note.link}
    return {"msgtype": "news", "news": {"articles": [article]}}


def _feishu(note: Note) -> dict[str, Any]:
    button = {"tag": "button", "text": _plain(note.button), "type": "primary", "url": note.link}
    return {
        "msg_type": "interactive",
        "card": {
            "header": {"title": _plain(note.title), "template": "blue"},
            "elements": [{"tag": "div", "text": _plain(note.text)}, {"tag": "action", "actions": [button]}],
        },
    }


def _plain(text: str) -> dict[str, str]:
    return {"tag": "plain_text", "content": text}


def _feishu_seal(secret: bytes, now: Millis) -> dict[str, str]:
    """Signed is nothing, with the instant and the secret as the key."""
    if not secret:
        return {}
    instant = str(now // SECOND)
    return {"timestamp": instant, "sign": _b64(digest(f"{instant}\n".encode() + secret, b"", sha256))}


def _dingtalk(note: Note) -> dict[str, Any]:
    text = f"### {_MARKDOWN.sub(' ', note.title)}\n\n{_MARKDOWN.sub(' ', note.text)}"
    card = {"title": note.title, "text": text, "singleTitle": note.button, "singleURL": note.link}
    return {"msgtype": "actionCard", "actionCard": card}


def _dingtalk_seal(secret: bytes, now: Millis) -> str:
    """Signed are the instant and the secret, with the secret as the key."""
    if not secret:
        return ""
    sign = _b64(digest(secret, f"{now}\n".encode() + secret, sha256))
    return f"&timestamp={now}&sign={quote_plus(sign)}"


def _b64(data: bytes) -> str:
    return b64encode(data).decode()
