"""What a context card may hold."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any, Final
from urllib.parse import urlsplit

from kanhuo.catalogue.model import ContextCard, Kind, Line
from kanhuo.kernel.errors import Code, Refused

MOST_LINES: Final = 12
_LONGEST: Final = {"ref": 120, "title": 200, "price": 40, "picture": 500, "label": 40, "value": 200}
_KNOWN: Final = frozenset({"kind", "ref", "title", "picture", "price", "lines"})
_KINDS: Final = frozenset(kind.value for kind in Kind)
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_TELEPHONE: Final = re.compile(r"(?<!\d)1[3-9]\d{9}(?!\d)")
"""A mainland mobile number; whatever the shop has put into a card, the agent does not see one."""


def card_of(context: bytes) -> ContextCard:
    """Return the card that a pass's context describes.

    Raises:
        Refused: ``malformed``, naming the field.
    """
    try:
        fields: Any = json.loads(context)
    except (ValueError, UnicodeDecodeError, RecursionError) as failure:
        raise _malformed("it is not JSON") from failure
    if not isinstance(fields, dict) or not fields.keys() <= _KNOWN:
        raise _malformed(f"it may have {', '.join(sorted(_KNOWN))} and nothing else")
    return ContextCard(
        kind=_kind(fields.get("kind")),
        ref=_required(fields, "ref"),
        title=_required(fields, "title"),
        picture=_picture(_text(fields, "picture")),
        price=_text(fields, "price"),
        lines=_lines(fields.get("lines", [])),
    )


def digest(card: ContextCard) -> str:
    """Return the SHA-256 of a card in hexadecimal: its name in the database, and the proof that it is unchanged."""
    lines = [[line.label, line.value] for line in card.lines]
    content = [card.kind, card.ref, card.title, card.picture, card.price, lines]
    return hashlib.sha256(json.dumps(content, ensure_ascii=False).encode("utf-8", "surrogatepass")).hexdigest()


def _kind(value: object) -> Kind:
    if not isinstance(value, str) or value not in _KINDS:
        raise _malformed(f"kind must be one of {', '.join(Kind)}")
    return Kind(value)


def _lines(value: object) -> tuple[Line, ...]:
    if not isinstance(value, list) or len(value) > MOST_LINES:
        raise _malformed(f"lines must be a list of {MOST_LINES} at most")
    if not all(isinstance(line, dict) and line.keys() == {"label", "value"} for line in value):
        raise _malformed("a line has a label and a value")
    return tuple(Line(_required(line, "label"), _required(line, "value")) for line in value)


def _required(fields: dict[str, Any], name: str) -> str:
    value = _text(fields, name)
    if value is None:
        raise _malformed(f"{name} is missing")
    return value


def _text(fields: dict[str, Any], name: str) -> str | None:
    value = fields.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or not 1 <= len(value) <= _LONGEST[name] or not value.isprintable():
        raise _malformed(f"{name} must be a text of 1 to {_LONGEST[name]} printable characters")
    return value if name in ("ref", "picture") else _TELEPHONE.sub("***", value)


def _picture(address: str | None) -> str | None:
    if address is None or (address.startswith("/") and not address.startswith(("//", "/\\"))):
        return address
    try:
        parts = urlsplit(address)
        safe = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)
    except ValueError:
        safe = False
    if not safe:
        raise _malformed("picture must be a path on this server or an https address")
    return address


def _malformed(why: str) -> Refused:
    return Refused(Code.MALFORMED, f"the pass's context is refused: {why}")
