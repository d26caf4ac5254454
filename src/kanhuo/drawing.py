"""Draws a state machine from its table, so that the picture in the docs cannot differ from the code."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Final

from kanhuo.calls.model import TRANSITIONS

WIDTH: Final = 860
ROW: Final = 92
_LEFT: Final = 40
_BOX: Final = (170, 48)


def drawings() -> dict[str, str]:
    """Return every drawing as SVG text, by name."""
    table = {
        str(state): {event.__name__: str(after) for event, after in events.items()}
        for state, events in TRANSITIONS.items()
    }
    return {"call": draw("A call", table)}


def draw(title: str, table: Mapping[str, Mapping[str, str]]) -> str:
    """Return a table of states and events as SVG: states down the side, each arrow labelled with its events."""
    rows = {state: 60 + index * ROW for index, state in enumerate(table)}
    height = 60 + len(rows) * ROW
    body = [_state(state, y) for state, y in rows.items()]
    lane = 0
    for state, events in table.items():
        targets: dict[str, list[str]] = {}
        for event, after in events.items():
            targets.setdefault(after, []).append(event)
        for after, names in targets.items():
            lane += after != state
            body.append(_arrow(rows[state], rows[after], ", ".join(names), lane))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" '
        f'aria-label="{escape(title)}" font-family="system-ui, sans-serif" font-size="13">\n'
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
        '<path d="M0 0 8 4 0 8z" fill="#55635C"/></marker></defs>\n'
        f'<rect width="{WIDTH}" height="{height}" fill="#F6F8F6"/>\n' + "\n".join(body) + "\n</svg>\n"
    )


def _state(name: str, y: int) -> str:
    width, height = _BOX
    return (
        f'<rect x="{_LEFT}" y="{y - height // 2}" width="{width}" height="{height}" rx="12" fill="#fff" '
        f'stroke="#0B7A5B"/><text x="{_LEFT + width // 2}" y="{y + 5}" text-anchor="middle" font-size="16" '
        f'fill="#14201B">{escape(name)}</text>'
    )


def _arrow(start: int, end: int, label: str, lane: int) -> str:
    right = _LEFT + _BOX[0]
    if start == end:
        return f'<text x="{right + 10}" y="{start + 20}" fill="#55635C">stays: {escape(label)}</text>'
    reach = right + 60 + lane * 26
    shift = -8 if end > start else 8
    path = f"M{right} {start + shift} H{reach} V{end - shift} H{right}"
    return (
        f'<path d="{path}" fill="none" stroke="#55635C" marker-end="url(#tip)"/>'
        f'<text x="{right + 10}" y="{start + shift - 4 - (lane % 2) * 12}" fill="#14201B">{escape(label)}</text>'
    )
