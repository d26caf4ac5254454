"""What may be said, and what is a picture."""

from __future__ import annotations

from typing import Final

from kanhuo.kernel.errors import Code, Refused

PICTURE_LIMIT: Final = 2 * 1024 * 1024
"""The largest picture, in bytes; the page scales pictures down before sending."""

MOST_LINES: Final = 500
"""How many things may be said in one call."""

_SIGNATURES: Final = {
    "image/jpeg": ((0, b"\xff\xd8\xff"),),
    "image/png": ((0, b"\x89PNG\r\n\x1a\n"),),
    "image/webp": ((0, b"RIFF"), (8, b"WEBP")),
}


def kind_of_picture(data: bytes) -> str:
    """Return the media type that the first bytes of a picture tell, whatever its sender calls it.

    Raises:
        Refused: ``too_large``, or ``not_a_picture`` for anything but JPEG, PNG and WebP.
    """
    if len(data) > PICTURE_LIMIT:
        raise Refused(Code.TOO_LARGE, f"a picture may have {PICTURE_LIMIT} bytes at most")
    for kind, marks in _SIGNATURES.items():
        if all(data[at : at + len(mark)] == mark for at, mark in marks):
            return kind
    raise Refused(Code.NOT_A_PICTURE, "only JPEG, PNG and WebP pictures are taken")


def check(text: str | None, picture: str | None) -> None:
    """See that exactly one of the two is said.

    Raises:
        Refused: ``malformed``.
    """
    if (text is None) == (picture is None):
        raise Refused(Code.MALFORMED, "say either a text or a picture")
    if text is not None and not text.strip():
        raise Refused(Code.MALFORMED, "the text is empty")
