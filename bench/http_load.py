"""Load on HTTP over connections that are kept: by ``wrk`` where it is installed, else by a small client of our own."""

from __future__ import annotations

import asyncio
import itertools
import re
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import msgspec

from bench.figures import quantile
from bench.server import Measured

CONNECTIONS = 32
SCRIPT = Path(__file__).parent / "wrk.lua"

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_TAG = re.compile(r"\r\netag: *([^\r]+)", re.IGNORECASE)


@dataclass(frozen=True)
class Question:
    path: str
    tag: str = ""
    """What ``If-None-Match`` says; empty: it is not sent."""

    @property
    def request(self) -> bytes:
        tag = f"If-None-Match: {self.tag}\r\n" if self.tag else ""
        return f"GET {self.path} HTTP/1.1\r\nHost: localhost\r\n{tag}\r\n".encode()


class Answered(msgspec.Struct, frozen=True):
    """What a stretch of load came to; times in seconds."""

    requests: int
    took: float
    p50: float
    p99: float
    errors: int
    """Answers that were neither 2xx nor 3xx, and connections that broke."""


async def tagged(server: Measured, questions: Sequence[Question]) -> list[Question]:
    """Return the questions with the tags of their present answers."""
    found = []
    for question in questions:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(question.request)
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        writer.close()
        tag = _TAG.search(head)
        found.append(Question(question.path, tag[1] if tag else ""))
    return found


async def load(server: Measured, questions: Sequence[Question], seconds: float) -> Answered:
    """Ask one question after the other over all connections, each as soon as the last is answered."""
    return await (_wrk if shutil.which("wrk") else _own)(server, questions, seconds)


async def _wrk(server: Measured, questions: Sequence[Question], seconds: float) -> Answered:
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.writelines(f"{question.path}\t{question.tag}\n" for question in questions)
        file.flush()
        command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{max(1, round(seconds))}s", "-s", str(SCRIPT)]
        process = await asyncio.create_subprocess_exec(
            *command, f"http://127.0.0.1:{server.port}", "--", file.name,
            stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        _, told = await process.communicate()
    return msgspec.json.decode(told.splitlines()[-1], type=Answered)


async def _own(server: Measured, questions: Sequence[Question], seconds: float) -> Answered:
    requests = itertools.cycle([question.request for question in questions])
    began = time.perf_counter()
    until = began + seconds
    loop = asyncio.get_running_loop()
    made = [
        await loop.create_connection(lambda: _Asker(requests, until), "127.0.0.1", server.port)
        for _ in range(CONNECTIONS)
    ]
    askers = [asker for _, asker in made]
    async with asyncio.timeout(seconds + 10):
        await asyncio.gather(*(asker.done for asker in askers))
    took = time.perf_counter() - began
    times = [t for asker in askers for t in asker.times]
    errors = sum(asker.errors for asker in askers)
    return Answered(len(times), took, quantile(times, 0.5), quantile(times, 0.99), errors)


class _Asker(asyncio.Protocol):
    """One connection."""

    def __init__(self, requests: Iterator[bytes], until: float) -> None:
        self.times: list[float] = []
        self.errors = 0
        self.done = asyncio.get_running_loop().create_future()
        self._requests, self._until = requests, until
        self._data = b""
        self._at = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by its type
        self._ask()

    def data_received(self, data: bytes) -> None:
        self._data += data
        head = self._data.find(b"\r\n\r\n")
        if head < 0:
            return
        length = _LENGTH.search(self._data, 0, head + 2)
        if len(self._data) < head + 4 + (int(length[1]) if length and self._data[9:12] != b"304" else 0):
            return
        self.times.append(time.perf_counter() - self._at)
        self.errors += self._data[9:10] not in (b"2", b"3")
        self._data = b""
        self._ask()

    def connection_lost(self, exc: Exception | None) -> None:
        self.errors += exc is not None
        if not self.done.done():
            self.errors += 1
            self.done.set_result(None)

    def _ask(self) -> None:
        self._at = time.perf_counter()
        if self._at < self._until:
            self._transport.write(next(self._requests))
        else:
            self.done.set_result(None)
            self._transport.close()
