"""A light client on picows: the bench measures the server, not its client."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Callable
from typing import Any

import msgspec
from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

logging.getLogger("picows").setLevel(logging.WARNING)

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


def _ignore(_message: dict[str, Any], _at: float) -> None:
    pass


def _ignore_arrival() -> None:
    pass


class Page(WSListener):
    """One page; ``heard`` is called with every message and the instant it arrived."""

    def __init__(self) -> None:
        self.inst = f"i-{secrets.token_hex(6)}"
        self.heard: Callable[[dict[str, Any], float], None] = _ignore
        self.watched = b"\xff"
        """How the messages begin that are told to ``arrived`` and not read further."""
        self.arrived: Callable[[], None] = _ignore_arrival
        self.transport: WSTransport | None = None
        self.party = ""
        """The id under which others know who speaks."""
        self._id = 0
        self._got = 0
        self._wanted: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._states: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self._last: dict[str, dict[str, Any]] = {}
        self._welcome: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()

    def on_ws_connected(self, transport: WSTransport) -> None:
        self.transport = transport

    def on_ws_frame(self, _: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type is not WSMsgType.TEXT:
            return
        data = frame.get_payload_as_bytes()
        if data.startswith(self.watched):
            self._count()
            self.arrived()
            return
        at = time.perf_counter()
        message = _decode(data)
        kind = message["type"]
        if kind == "welcome":
            self._welcome.set_result(message)
            return
        if kind not in ("pong", "nudge", "bye"):
            self._count()
        elif kind == "nudge":
            self.ping()
        if kind in ("done", "refused") and message["re"] in self._wanted:
            answer = self._wanted.pop(message["re"])
            if kind == "done":
                answer.set_result(message)
            else:
                answer.set_exception(RuntimeError(f"refused: {message['code']}"))
        elif kind == "call":
            message["heard_at"] = at
            self._last[message["state"]] = message
            waiting = self._states.pop(message["state"], None)
            if waiting is not None:
                waiting.set_result(message)
        self.heard(message, at)

    async def hello(self, token: str, device: str) -> dict[str, Any]:
        proof = {"pass": token} if token else {}
        self.send_raw({"type": "hello", "version": 1, "device": device, "inst": self.inst, **proof})
        welcome = await self._welcome
        self.party = welcome["party"]["id"]
        return welcome

    def send_raw(self, message: dict[str, Any]) -> None:
        assert self.transport is not None
        self.transport.send(WSMsgType.TEXT, _encode(message))

    def ping(self) -> None:
        """Confirm what has come."""
        self.send_raw({"type": "ping", "got": self._got})

    def number(self) -> int:
        """Return the number of the next request."""
        self._id += 1
        return self._id

    def send(self, kind: str, /, **fields: Any) -> int:
        number = self.number()
        self.send_raw({"type": kind, "id": number, **fields})
        return number

    def _count(self) -> None:
        self._got += 1
        if self._got % 100 == 0:
            self.ping()

    def ask(self, kind: str, /, **fields: Any) -> asyncio.Future[dict[str, Any]]:
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._wanted[self.send(kind, **fields)] = answer
        return answer

    async def state(self, state: str, call: str) -> dict[str, Any]:
        """Wait for the view of a call in a state; ``heard_at`` is when it came."""
        while True:
            view = self._last.pop(state, None)
            if view is None:
                waiting = self._states.setdefault(state, asyncio.get_running_loop().create_future())
                view = await waiting
                view = self._last.pop(state, view)  # a later one may have come in the same read
            if view["call"] == call:
                return view


async def page(url: str, token: str, device: str = "desk", cookie: str = "") -> Page:
    """Connect and say hello, by a pass or by the secret of a session."""
    headers = {"Cookie": f"kanhuo_session={cookie}"} if cookie else None
    _, opened = await ws_connect(Page, url, read_buffer_init_size=2048, extra_headers=headers)
    assert isinstance(opened, Page)
    await opened.hello(token, device)
    return opened
