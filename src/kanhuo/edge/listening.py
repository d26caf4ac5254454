"""The server: uvicorn, with an end in two steps, and a loopback port of this node alone beside the one that workers share.

uvicorn ends by shutting its ports, waiting for HTTP, and only then telling the application; sockets are none of its
business. Here a first signal lets the node drain while everything goes on, and only what follows is uvicorn's end; a second
signal cuts the drain short.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import TypeAlias

import uvicorn

Drain: TypeAlias = Callable[[Callable[[], None]], Awaitable[None]]
"""Lets the pages go, and shuts the door on the way."""


class Server(uvicorn.Server):
    """uvicorn; with ``own_port`` the same application also answers there, without TLS, to this machine alone."""

    leash: int | None = None
    """A pipe that a parent holds: when it is gone, this node ends too."""

    def __init__(self, config: uvicorn.Config, *, own_port: int = 0, drain: Drain | None = None) -> None:
        super().__init__(config)
        self._own_port = own_port
        self._drain = drain

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Open the ports, this node's own after the one for everybody; both are closed together."""
        await super().startup(sockets)
        if self.leash is not None:
            asyncio.get_running_loop().add_reader(self.leash, self._end, self.leash)
        if not self.started or not self._own_port:
            return

        def protocol() -> asyncio.Protocol:
            made: asyncio.Protocol = self.config.http_protocol_class(  # type: ignore[call-arg]
                config=self.config, server_state=self.server_state, app_state=self.lifespan.state
            )
            return made

        loop = asyncio.get_running_loop()
        self.servers.append(await loop.create_server(protocol, "127.0.0.1", self._own_port))

    async def main_loop(self) -> None:
        """Serve until a signal asks for the end, and then for as long as the drain takes or a second one lets it."""
        await super().main_loop()
        if self._drain is None:
            return
        self.should_exit = False
        serving = asyncio.ensure_future(super().main_loop())
        draining = asyncio.ensure_future(self._drain(self.servers[0].close))
        await asyncio.wait({serving, draining}, return_when=asyncio.FIRST_COMPLETED)
        for task in (serving, draining):
            task.cancel()
        await asyncio.gather(serving, draining, return_exceptions=True)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End. What a signal asked for is no failure: it is not raised again for the process to die of."""
        await super().shutdown(sockets)
        self._captured_signals.clear()

    def _end(self, leash: int) -> None:
        asyncio.get_running_loop().remove_reader(leash)
        self.should_exit = True
