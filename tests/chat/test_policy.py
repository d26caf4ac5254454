"""What is a picture, and what may be said."""

from __future__ import annotations

import pytest

from kanhuo.chat.policy import PICTURE_LIMIT, check, kind_of_picture
from kanhuo.kernel.errors import Refused


@pytest.mark.parametrize(
    ("data", "kind"),
    [(b"\xff\xd8\xff\xe0", "image/jpeg"), (b"\x89PNG\r\n\x1a\n", "image/png"), (b"RIFF....WEBPVP8", "image/webp")],
)
def test_a_picture_is_known_by_its_first_bytes(data: bytes, kind: str) -> None:
    assert kind_of_picture(data) == kind


@pytest.mark.parametrize("data", [b"", b"<svg onload=alert(1)>", b"GIF89a", b"RIFF....WAVE", b"<html>"])
def test_nothing_else_is_taken(data: bytes) -> None:
    with pytest.raises(Refused, match="not_a_picture"):
        kind_of_picture(data)


def test_a_picture_has_its_limit() -> None:
    with pytest.raises(Refused, match="too_large"):
        kind_of_picture(b"\xff\xd8\xff" + bytes(PICTURE_LIMIT))


@pytest.mark.parametrize(("text", "picture"), [(None, None), ("a", "pic"), ("  ", None)])
def test_one_says_either_a_text_or_a_picture(text: str | None, picture: str | None) -> None:
    with pytest.raises(Refused, match="malformed"):
        check(text, picture)


def test_a_text_or_a_picture_may_be_said() -> None:
    check("hello", None)
    check(None, "pic_1")
