"""A client written from docs/protocol.md with nothing but a WebSocket library."""

from __future__ import annotations

import asyncio
import itertools
import json
import secrets
from collections.abc import Callable
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.protocol import State

Message = dict[str, Any]
UNCOUNTED = {"welcome", "pong", "nudge", "bye"}


class RefusedError(Exception):
    def __init__(self, message: Message) -> None:
        super().__init__(f"{message['code']}: {message['why']}")
        self.code: str = message["code"]


class Client:
    """One page: says hello, keeps what it hears, and waits for what it expects."""

    def __init__(
        self,
        url: str,
        *,
        pass_: str | None = None,
        cookie: str | None = None,
        device: str = "",
        origin: str | None = None,
    ) -> None:
        self.url = url
        self.pass_ = pass_
        self.cookie = cookie
        self.origin = origin
        self.device = device or f"dev-{secrets.token_hex(4)}"
        self.inst = f"inst-{secrets.token_hex(4)}"
        self.heard: list[Message] = []
        self.welcome: Message = {}
        self.got = 0
        self.session: str | None = None
        self._ids = itertools.count(1)
        self._news = asyncio.Condition()
        self._socket: ClientConnection | None = None
        self._reader: asyncio.Task[None] | None = None
        self.closed_with: tuple[int, str] | None = None

    async def open(self, *, resume: bool = False) -> Client:
        headers = {"Cookie": f'a={{"b":1}}; kanhuo_session={self.cookie}'} if self.cookie else {}
        headers |= {"Origin": self.origin} if self.origin else {}
        self._socket = await connect(self.url, additional_headers=headers, compression=None, max_size=None)
        self._reader = asyncio.create_task(self._read(self._socket))
        hello: Message = {"type": "hello", "version": 1, "device": self.device, "inst": self.inst}
        if self.pass_ is not None:
            hello["pass"] = self.pass_
        if resume:
            hello |= {"resume": self.session, "got": self.got}
        await self.raw(json.dumps(hello))
        answer = await self.hear(lambda m: m["type"] in ("welcome", "refused"))
        if answer["type"] == "refused":
            raise RefusedError(answer)
        self.welcome = answer
        self.session = answer["session"]
        if not answer["resumed"]:
            self._ids = itertools.count(1)
            self.got = sum(m["type"] not in UNCOUNTED for m in self.heard)
        return self

    async def raw(self, text: str | bytes) -> None:
        assert self._socket is not None
        await self._socket.send(text)

    async def send(self, type_: str, **fields: Any) -> int:
        id_ = next(self._ids)
        await self.raw(json.dumps({"type": type_, "id": id_, **fields}))
        return id_

    async def ask(self, type_: str, **fields: Any) -> Message:
        id_ = await self.send(type_, **fields)
        answer = await self.hear(lambda m: m["type"] in ("done", "refused") and m.get("re") == id_)
        if answer["type"] == "refused":
            raise RefusedError(answer)
        return answer

    async def settle(self) -> None:
        """Wait until the server has taken in everything sent before."""
        await self.raw(json.dumps({"type": "ping", "got": self.got}))
        await self.hear(lambda m: m["type"] == "pong")

    async def hear(self, wanted: Callable[[Message], bool], *, within: float = 15) -> Message:
        """Return the first message wanted, heard already or still to come; it is taken out of what was heard."""
        async with asyncio.timeout(within), self._news:
            while True:
                for index, message in enumerate(self.heard):
                    if wanted(message):
                        return self.heard.pop(index)
                if self.closed_with is not None:
                    raise ConnectionError(f"closed with {self.closed_with}")
                await self._news.wait()

    async def call_in(self, state: str, **facts: Any) -> Message:
        """Return the view of a call in a state."""
        return await self.hear(
            lambda m: m["type"] == "call" and m["state"] == state and all(m.get(k) == v for k, v in facts.items())
        )

    async def closed(self) -> tuple[int, str]:
        async with asyncio.timeout(5), self._news:
            while self.closed_with is None:
                await self._news.wait()
        return self.closed_with

    @property
    def connected(self) -> bool:
        return self._socket is not None and self._socket.state is State.OPEN

    async def vanish(self) -> None:
        """Lose the line, as a phone does in a lift."""
        assert self._socket is not None
        self._socket.transport.abort()
        if self._reader is not None:
            await self._reader
        self.closed_with = None

    async def close(self) -> None:
        if self._socket is not None:
            await self._socket.close()
        if self._reader is not None:
            await self._reader

    async def _read(self, socket: ClientConnection) -> None:
        try:
            async for frame in socket:
                message = json.loads(frame)
                async with self._news:
                    self.heard.append(message)
                    if message["type"] not in UNCOUNTED:
                        self.got += 1
                    self._news.notify_all()
        except ConnectionClosed:
            pass
        if socket is not self._socket:
            return  # the page has left it for another
        async with self._news:
            self.closed_with = (socket.close_code or 1006, socket.close_reason or "")
            self._news.notify_all()
