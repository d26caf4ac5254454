"""The HTTP client behind ``shell/outbound.py``, apart from it because loading it takes a third of a second."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from ipaddress import ip_address
from typing import Final

from aiohttp import ClientError, ClientSession, ClientTimeout, DummyCookieJar, TCPConnector
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

from kanhuo.kernel.clock import SECOND, Millis

AT_ONCE: Final = 100
"""How many connections there may be at a time."""

READ: Final = 4_096
"""How many bytes of an answer are read; whoever says more says it to nobody."""


class Public(AbstractResolver):
    """Finds the addresses of hosts, and refuses those that are not of the public internet."""

    def __init__(self) -> None:
        self._inner = ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the addresses of a host.

        Raises:
            OSError: one of them is not public.
        """
        found = await self._inner.resolve(host, port, family)
        if not all(ip_address(each["host"].partition("%")[0]).is_global for each in found):
            raise OSError(None, f"{host} is not of the public internet")
        return found

    async def close(self) -> None:
        """Nothing is held."""
        await self._inner.close()


class Client:
    """Posts, follows nobody, and keeps no cookies."""

    def __init__(self, *, public: bool) -> None:
        """``public`` is whether hosts have to be of the public internet."""
        connector = TCPConnector(limit=AT_ONCE, resolver=Public() if public else None)
        self._session = ClientSession(connector=connector, cookie_jar=DummyCookieJar(), auto_decompress=False)

    async def post(
        self, url: str, body: bytes, headers: Mapping[str, str], within: Millis
    ) -> tuple[int | None, str | None, bytes]:
        """Send a request; return the answer's status, its ``Retry-After`` and its beginning, without a status where there was none."""
        patience = ClientTimeout(total=within / SECOND)
        try:
            async with self._session.post(
                url, data=body, headers=headers, timeout=patience, allow_redirects=False
            ) as response:
                said = b""
                async for chunk in response.content.iter_chunked(READ):
                    said += chunk
                    if len(said) >= READ:
                        break
                return response.status, response.headers.get("Retry-After"), said[:READ]
        except (ClientError, OSError, ValueError):  # a timeout is an OSError
            return None, None, b""

    async def close(self) -> None:
        """Close every connection."""
        await self._session.close()
