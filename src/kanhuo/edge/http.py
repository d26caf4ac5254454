"""The HTTP application: who is asking, refusals, health, and every slice's routes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from litestar import Litestar, Request, get
from litestar.config.compression import CompressionConfig
from litestar.connection import ASGIConnection
from litestar.di import Provide
from litestar.exceptions import HTTPException
from litestar.handlers import BaseRouteHandler
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.types import ControllerRouterHandler

from kanhuo.accounts import http as accounts_http
from kanhuo.accounts.http import COOKIE
from kanhuo.accounts.model import Party
from kanhuo.accounts.passkeys import Passkeys
from kanhuo.accounts.service import Accounts
from kanhuo.calls import http as calls_http
from kanhuo.calls.service import Calls
from kanhuo.chat import http as chat_http
from kanhuo.chat.service import Chat
from kanhuo.edge import pages as pages_http
from kanhuo.edge import shopfront as shopfront_http
from kanhuo.edge.entrance import admit
from kanhuo.edge.pages import Pages, keep_to_itself
from kanhuo.edge.refusals import failed, not_understood, refused, too_deep
from kanhuo.edge.shopfront import Shopfront
from kanhuo.kernel.errors import Code, Refused

SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
LARGEST_BODY: Final = 65_536


@dataclass(frozen=True, slots=True)
class Services:
    """What the routes work with."""

    accounts: Accounts
    passkeys: Passkeys
    calls: Calls
    shopfront: Shopfront
    chat: Chat
    pages: Pages
    origin: str
    """Our own origin, as people reach us."""


class Health(msgspec.Struct, frozen=True):
    """That this process answers."""

    ok: bool


@get("/healthz")
async def health() -> Health:
    """Tell that this process answers."""
    return Health(ok=True)


def application(services: Services, more: Sequence[ControllerRouterHandler] = ()) -> Litestar:
    """Return the HTTP application; ``more`` are further routes (the sample shop's)."""

    async def party(request: Request[Any, Any, Any]) -> Party:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        bearer = token if scheme.lower() == "bearer" else None
        return await admit(services.accounts, services.calls, bearer, request.cookies.get(COOKIE))

    return Litestar(
        route_handlers=[
            health,
            *accounts_http.HANDLERS,
            *calls_http.HANDLERS,
            *chat_http.HANDLERS,
            *pages_http.HANDLERS,
            *shopfront_http.HANDLERS,
            *more,
        ],
        dependencies={
            "party": Provide(party),
            "accounts": Provide(lambda: services.accounts, sync_to_thread=False),
            "passkeys": Provide(lambda: services.passkeys, sync_to_thread=False),
            "shopfront": Provide(lambda: services.shopfront, sync_to_thread=False),
            "calls": Provide(lambda: services.calls, sync_to_thread=False),
            "chat": Provide(lambda: services.chat, sync_to_thread=False),
            "pages": Provide(lambda: services.pages, sync_to_thread=False),
            "origin": Provide(lambda: services.origin, sync_to_thread=False),
        },
        guards=[own_pages_only, json_alone],
        before_send=[keep_to_itself],
        exception_handlers={
            Refused: refused,
            HTTPException: not_understood,
            RecursionError: too_deep,
            Exception: failed,
        },
        compression_config=CompressionConfig(backend="gzip", minimum_size=1_024, exclude=["/v1/pictures"]),
        # the description alone: the pages that Litestar could show it on load scripts from elsewhere
        openapi_config=OpenAPIConfig(
            title="kanhuo", version="1", path="/v1/schema", render_plugins=[JsonRenderPlugin()]
        ),
        request_max_body_size=LARGEST_BODY,
        signature_types=[Accounts, Passkeys, Calls, Chat, Pages, Party, Shopfront],
    )


async def own_pages_only(connection: ASGIConnection[Any, Any, Any, Any], _: object) -> None:
    """Refuse changes that a page of a foreign origin asks for (cross-site request forgery), signing in among them.

    Raises:
        Refused: ``wrong_origin``.
    """
    if connection.scope.get("method", "GET") in SAFE:
        return
    origin = connection.headers.get("Origin")
    if origin is not None and origin.partition("://")[2] != connection.headers.get("Host"):
        raise Refused(Code.ORIGIN, "this may be asked for by our own pages only")


async def json_alone(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """Refuse a body that does not say it is JSON: any page of the web may send what a form can, unasked.

    Raises:
        Refused: ``malformed``.
    """
    kind = connection.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if handler.parsed_data_field is not None and kind != "application/json":
        raise Refused(Code.MALFORMED, "the body must be JSON, and its Content-Type must say so")
