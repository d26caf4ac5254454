"""Reading a session description (RFC 8866) down to what the rules look at.

A rule is only as good as its reader: what we take for ``recvonly`` must not be ``sendrecv`` to a browser. So the text is
held to a narrow grammar first — printable ASCII, ``x=`` lines, a direction spelt exactly and once in each media section and
nowhere else (libwebrtc does not look above the first ``m=``) — and then read by a library. Whatever two readers might see
differently is refused.
"""

from __future__ import annotations

import re
from typing import Any, Final

import sdp_transform

from kanhuo.kernel.errors import Code, Refused
from kanhuo.signalling.model import Description, Direction, MediaLine

MOST_LINES: Final = 600
"""A browser's description of two media lines has some 150 lines."""

MOST_SECTIONS: Final = 8

_TEXT: Final = re.compile(r"(?:[a-z]=[\x20-\x7e]*\r?\n)+")
_LOOKS_LIKE_DIRECTION: Final = re.compile(r"a=\s*(?:sendrecv|sendonly|recvonly|inactive)", re.IGNORECASE)
_LAYERS: Final = re.compile(r"^a=(?:rid|simulcast)|^a=ssrc-group:SIM", re.IGNORECASE | re.MULTILINE)
_DIRECTIONS: Final = frozenset(f"a={direction}" for direction in Direction)


def read(sdp: str) -> Description:
    """Return what matters of a description.

    Raises:
        Refused: ``description_malformed``.
    """
    if not sdp.startswith("v=0") or _TEXT.fullmatch(sdp) is None:
        raise _malformed("it is not a session description in plain ASCII lines")
    _check_directions(sdp)
    try:
        session: dict[str, Any] = sdp_transform.parse(sdp)
    except (ValueError, KeyError, IndexError, TypeError, AttributeError) as failure:
        raise _malformed("it cannot be read") from failure
    layers = _LAYERS.search(sdp) is not None
    return Description(tuple(_line(media, layers=layers) for media in session["media"]))


def _check_directions(sdp: str) -> None:
    lines = sdp.splitlines()
    if len(lines) > MOST_LINES:
        raise _malformed("it has too many lines")
    sections = directions = 0
    for line in lines:
        if line.startswith("m="):
            if sections != directions:
                raise _malformed("a media line has no direction")
            sections += 1
        elif _LOOKS_LIKE_DIRECTION.match(line):
            directions += 1
            if line not in _DIRECTIONS or sections != directions:
                raise _malformed("a direction is misspelt, given twice or given for the whole session")
    if sections != directions:
        raise _malformed("a media line has no direction")
    if sections > MOST_SECTIONS:
        raise _malformed("it has too many media lines")


def _line(media: dict[str, Any], *, layers: bool) -> MediaLine:
    kind = media.get("type")
    if not isinstance(kind, str):
        raise _malformed("a media line cannot be read")
    return MediaLine(
        kind=kind,
        direction=Direction(media["direction"]),
        sources=len(media.get("ssrcs", ())),
        layers=layers,
    )


def _malformed(why: str) -> Refused:
    return Refused(Code.DESCRIPTION_MALFORMED, f"the description is refused: {why}")
