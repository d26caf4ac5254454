"""Frames that wait for the end of a turn, and how several stand in one write."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from websockets.frames import Frame, Opcode
from websockets.streams import StreamReader

from kanhuo.edge.burst import Burst, in_one


class Page:
    def __init__(self) -> None:
        self.writes: list[list[bytes]] = []

    def write(self, frames: Sequence[bytes]) -> None:
        self.writes.append(list(frames))


async def turn() -> None:
    """Let the loop go round once."""
    loop = asyncio.get_running_loop()
    gone = loop.create_future()
    loop.call_soon(gone.set_result, None)
    await gone


def begun(burst: Burst) -> bool:
    return burst.begun


async def test_what_one_turn_sends_to_a_page_leaves_in_one_write_and_in_order() -> None:
    burst, one, other = Burst(), Page(), Page()
    burst.begin()
    burst.add(one, b"1")
    burst.add(other, b"2")
    burst.begin()
    burst.add(one, b"3")
    assert begun(burst)
    assert not one.writes
    await turn()
    assert not begun(burst)
    assert one.writes == [[b"1", b"3"]]
    assert other.writes == [[b"2"]]
    await turn()
    assert len(one.writes) == 1, "nothing is written twice"


async def test_what_waits_for_a_page_that_is_closed_goes_before_the_close() -> None:
    burst, one, other = Burst(), Page(), Page()
    burst.begin()
    burst.add(one, b"1")
    burst.add(other, b"2")
    burst.hurry(one)
    burst.hurry(one)
    assert (one.writes, other.writes) == ([[b"1"]], [])
    await turn()
    assert (one.writes, other.writes) == ([[b"1"]], [[b"2"]])


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65_535, 65_536, 70_000])
def test_a_reader_of_another_house_finds_every_message(size: int) -> None:
    sent = [b"x" * size, b"{}", b"y" * size]
    reader = StreamReader()
    reader.feed_data(in_one(sent))
    found = [_next(reader) for _ in sent]
    assert [(frame.opcode, frame.fin, frame.data) for frame in found] == [(Opcode.TEXT, True, data) for data in sent]
    assert len(reader.buffer) == 0


def _next(reader: StreamReader) -> Frame:
    parsing = Frame.parse(reader.read_exact, mask=False)
    try:
        while True:
            next(parsing)
    except StopIteration as end:
        frame: Frame = end.value
        return frame
