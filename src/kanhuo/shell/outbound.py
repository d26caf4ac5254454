"""HTTP to the outside: to addresses that somebody else has given us.

Whoever names an address may name one of our own machines. So we look a host up ourselves, connect only where each of its
addresses is a public one, speak TLS, and let nobody lead us elsewhere by a redirect (OWASP: server-side request forgery).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from kanhuo.kernel.clock import HOUR, SECOND, Millis

if TYPE_CHECKING:
    from kanhuo.shell.client import Client

LONGEST_WAIT: Final[Millis] = HOUR
"""However long somebody asks to be left in peace, it is not believed to be longer."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a request."""

    status: int | None = None
    """``None`` where there was no answer."""
    wait: Millis | None = None
    """For how long we are asked not to come back (``Retry-After`` in seconds)."""
    body: bytes = b""
    """The first of what was said; see ``client.READ``."""


FORBIDDEN: Final = Answer(403)
"""What we answer ourselves for an address that is not to be spoken to."""


class Outbound:
    """A client for addresses that others have given us."""

    def __init__(self, trusted: Collection[str] = ()) -> None:
        """``trusted`` are hosts, each with its port, that may be private and need no TLS: ``127.0.0.1:9000``."""
        self._trusted = frozenset(trusted)
        self._clients: dict[bool, Client] = {}

    def allowed(self, url: str) -> bool:
        """Return whether an address may be spoken to, as far as it can be told without looking it up."""
        try:
            parts = urlsplit(url)
            host = parts.hostname or ""
        except ValueError:
            return False
        if parts.netloc in self._trusted:
            return parts.scheme in ("http", "https")
        if parts.scheme != "https" or parts.username is not None:
            return False
        try:
            return ip_address(host).is_global
        except ValueError:
            return "." in host

    async def post(self, url: str, body: bytes, headers: Mapping[str, str], within: Millis) -> Answer:
        """Send a request; a failure of any kind is an answer without a status."""
        if not self.allowed(url):
            return FORBIDDEN
        client = self._client(public=urlsplit(url).netloc not in self._trusted)
        status, wait, said = await client.post(url, body, headers, within)
        return Answer(status, _wait(wait or ""), said)

    async def close(self) -> None:
        """Close every connection."""
        for client in self._clients.values():
            await client.close()
        self._clients.clear()

    def _client(self, *, public: bool) -> Client:
        from kanhuo.shell.client import Client  # noqa: PLC0415 - who sends nothing does not wait for it at the start

        if public not in self._clients:
            self._clients[public] = Client(public=public)
        return self._clients[public]


def _wait(text: str) -> Millis | None:
    return min(int(text) * SECOND, LONGEST_WAIT) if text.isascii() and text.isdigit() and len(text) < 10 else None
