"""What product pages ask with every view: can this merchant answer now, and how long would I wait?

Ten thousand such questions a second on one core is more than a web framework lets through. So the answers lie ready as
bytes, made anew only where an outlook has changed, and a question whose answer is ready never reaches the framework. Where it is
not (a merchant nobody has asked for yet, a wrong question) the route below does the same thing the long way.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from hashlib import blake2b
from typing import Annotated, Any, Final
from urllib.parse import unquote

import msgspec
from litestar import Response, get
from litestar.di import NamedDependency
from litestar.openapi import ResponseSpec
from litestar.params import HeaderParameter, QueryParameter
from litestar.types import ASGIApp, Receive, Send

from kanhuo.accounts.messages import OpeningHours, merchant_on_the_wire
from kanhuo.accounts.service import MERCHANT_CHANGED, Accounts
from kanhuo.calls.outlook import Outlook, Outlooks
from kanhuo.kernel.clock import MINUTE, Clock, Millis
from kanhuo.kernel.errors import Code, Refused
from kanhuo.shell.bus import Bus

PATH: Final = "/v1/availability"
MOST_MERCHANTS: Final = 50
REMEMBERED: Final = 100_000

UNKNOWN: Final[Millis] = MINUTE
"""For how long a merchant that does not exist is not looked for again."""

SHARED: Final = {"Cache-Control": "public, max-age=5", "Access-Control-Allow-Origin": "*"}
"""The answer is the same for everybody, on any page, for five seconds."""

_QUESTION: Final = b"merchants="
_encode: Final = msgspec.json.Encoder().encode


class Can(StrEnum):
    """When a call can be answered."""

    NOW = "now"
    BUSY = "busy"
    LATER = "later"


class MerchantAvailability(msgspec.Struct, frozen=True):
    """What a product page may promise about one merchant."""

    can: Can
    wait_ms: int | None
    """An honest guess of the wait: 0 where somebody is free, ``null`` where it cannot be said."""
    hours: tuple[OpeningHours, ...]
    zone: str


class Availabilities(msgspec.Struct, frozen=True):
    """What a product page may promise, by merchant; unknown merchants are left out."""

    merchants: dict[str, MerchantAvailability]


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that lies ready, and the tag by which a cache asks whether it is still the same."""

    body: bytes
    tag: str

    def same(self, known: str) -> bool:
        """Whether a cache has it already, by its ``If-None-Match`` (RFC 9110 section 13.1.2)."""
        return self.tag in known


class Shopfront:
    """The answers, by merchant."""

    def __init__(self, accounts: Accounts, outlooks: Outlooks, clock: Clock, bus: Bus) -> None:
        self._accounts = accounts
        self._outlooks = outlooks
        self._clock = clock
        self._parts: OrderedDict[str, tuple[Outlook, bytes]] = OrderedDict()
        self._unknown: OrderedDict[str, Millis] = OrderedDict()
        bus.subscribe(MERCHANT_CHANGED, self._on_merchant)
        bus.on_return(self._parts.clear)

    async def ask(self, merchants: str) -> Answer:
        """Answer a question, looking up what is not ready yet.

        Raises:
            Refused: ``too_many`` merchants at once.
        """
        names = _named(merchants)
        if len(names) > MOST_MERCHANTS:
            raise Refused(Code.TOO_MANY, f"ask for {MOST_MERCHANTS} merchants at most")
        for name in names:
            await self._look_up(name)
        parts = (self._part(name) for name in names)
        return _answer(part for part in parts if part)

    def ready(self, query: bytes) -> Answer | None:
        """Return the answer to a query string, if it lies ready."""
        if not query.startswith(_QUESTION) or b"&" in query:
            return None
        names = _named(unquote(query[len(_QUESTION) :].decode("latin-1")))
        parts = [self._part(name) for name in names]
        return None if None in parts or len(names) > MOST_MERCHANTS else _answer(part for part in parts if part)

    def _part(self, name: str) -> bytes | None:
        """Return the part of an answer about one merchant; empty for an unknown one, ``None`` where it is not ready."""
        seen, kept = self._outlooks.known(name), self._parts.get(name)
        if kept is not None and kept[0] is seen:
            return kept[1]
        absent_since = self._unknown.get(name)
        return b"" if absent_since is not None and self._clock.now() - absent_since < UNKNOWN else None

    async def _look_up(self, name: str) -> None:
        if self._part(name) is not None:
            return
        try:
            merchant = merchant_on_the_wire(await self._accounts.merchant(name))
        except Refused:
            _keep(self._unknown, name, self._clock.now())
            return
        seen = await self._outlooks.of(name)
        can = Can.NOW if seen.free else Can.BUSY if seen.on_duty else Can.LATER
        said = MerchantAvailability(can, seen.wait, merchant.hours, merchant.zone)
        _keep(self._parts, name, (seen, _encode(name) + b":" + _encode(said)))

    def _on_merchant(self, merchant: str) -> None:
        self._parts.pop(merchant, None)
        self._unknown.pop(merchant, None)

    def before(self, app: ASGIApp) -> ASGIApp:
        """Return an application that answers what lies ready, and passes everything else on."""

        async def front(scope: Any, receive: Receive, send: Send) -> None:
            answer = None
            if scope["type"] == "http" and scope["path"] == PATH and scope["method"] == "GET":
                answer = self.ready(scope["query_string"])
            if answer is None:
                await app(scope, receive, send)
            else:
                await _send(answer, scope, send)

        return front


@get(PATH, responses={200: ResponseSpec(Availabilities, generate_examples=False)})
async def availability(
    shopfront: NamedDependency[Shopfront],
    merchants: Annotated[str, QueryParameter(max_length=4_000)],
    if_none_match: Annotated[str, HeaderParameter(name="If-None-Match")] = "",
) -> Response[bytes]:
    """Tell product pages which merchants can answer now. Public, and the same for everybody."""
    answer = await shopfront.ask(merchants)
    headers = {"ETag": answer.tag, **SHARED}
    if answer.same(if_none_match):
        return Response(b"", status_code=304, headers=headers)
    return Response(answer.body, headers=headers, media_type="application/json")


HANDLERS: Final = (availability,)

_HEADERS: Final = [
    (b"content-type", b"application/json"),
    *((name.lower().encode(), value.encode()) for name, value in SHARED.items()),
]


async def _send(answer: Answer, scope: Any, send: Send) -> None:
    known = next((value for name, value in scope["headers"] if name == b"if-none-match"), b"")
    same = answer.same(known.decode("latin-1"))
    body = b"" if same else answer.body
    headers = [*_HEADERS, (b"etag", answer.tag.encode()), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 304 if same else 200, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})


def _answer(parts: Iterable[bytes]) -> Answer:
    body = b'{"merchants":{' + b",".join(parts) + b"}}"
    return Answer(body, f'"{blake2b(body, digest_size=12).hexdigest()}"')


def _named(merchants: str) -> list[str]:
    return list(dict.fromkeys(merchants.split(",")))


def _keep(kept: OrderedDict[str, Any], name: str, value: object) -> None:
    kept[name] = value
    if len(kept) > REMEMBERED:
        kept.popitem(last=False)
