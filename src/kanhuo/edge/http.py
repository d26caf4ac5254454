"""The HTTP application: who is asking, refusals, health, and every slice's routes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from litestar import Litestar, Request
from litestar.config.compression import CompressionConfig
from litestar.connection import ASGIConnection
from litestar.di import Provide
from litestar.exceptions import HTTPException
from litestar.handlers import BaseRouteHandler
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.types import ControllerRouterHandler, Scope
from prometheus_client import CollectorRegistry

from kanhuo.accounts import http as accounts_http
from kanhuo.accounts.http import COOKIE
from kanhuo.accounts.model import Party
from kanhuo.accounts.passkeys import Passkeys
from kanhuo.accounts.service import Accounts
from kanhuo.calls import http as calls_http
from kanhuo.calls.ringing import Ringing
from kanhuo.calls.service import Calls
from kanhuo.chat import http as chat_http
from kanhuo.chat.service import Chat
from kanhuo.edge import figures as figures_http
from kanhuo.edge import health as health_http
from kanhuo.edge import pages as pages_http
from kanhuo.edge import shopfront as shopfront_http
from kanhuo.edge.entrance import admit
from kanhuo.edge.health import Health
from kanhuo.edge.pages import Pages, keep_to_itself
from kanhuo.edge.refusals import code_of, failed, not_understood, refused, too_deep
from kanhuo.edge.shopfront import Shopfront
from kanhuo.kernel.errors import Code, Refused
from kanhuo.reach import http as reach_http
from kanhuo.reach.endpoints import Endpoints
from kanhuo.reach.service import Reach
from kanhuo.shell.metrics import Metrics, Traffic

SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
LARGEST_BODY: Final = 65_536


@dataclass(frozen=True, slots=True)
class Services:
    """What the routes work with."""

    accounts: Accounts
    passkeys: Passkeys
    calls: Calls
    ringing: Ringing
    reach: Reach
    endpoints: Endpoints
    shopfront: Shopfront
    chat: Chat
    pages: Pages
    health: Health
    metrics: Metrics
    traffic: Traffic
    origin: str
    """Our own origin, as people reach us."""


def application(services: Services, more: Sequence[ControllerRouterHandler] = ()) -> Litestar:
    """Return the HTTP application; ``more`` are further routes (the sample shop's)."""

    async def party(request: Request[Any, Any, Any]) -> Party:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        bearer = token if scheme.lower() == "bearer" else None
        return await admit(services.accounts, services.calls, bearer, request.cookies.get(COOKIE))

    async def count(failure: Exception, _: Scope) -> None:
        services.traffic.refusals[code_of(failure)] += 1

    return Litestar(
        route_handlers=[
            *health_http.HANDLERS,
            *figures_http.HANDLERS,
            *accounts_http.HANDLERS,
            *reach_http.HANDLERS,
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
            "ringing": Provide(lambda: services.ringing, sync_to_thread=False),
            "endpoints": Provide(lambda: services.endpoints, sync_to_thread=False),
            "reach": Provide(lambda: services.reach, sync_to_thread=False),
            "chat": Provide(lambda: services.chat, sync_to_thread=False),
            "pages": Provide(lambda: services.pages, sync_to_thread=False),
            "health": Provide(lambda: services.health, sync_to_thread=False),
            "registry": Provide(lambda: services.metrics.registry, sync_to_thread=False),
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
        after_exception=[count],
        logging_config=None,  # the root logger is ours: see shell/logs.py
        signature_types=[
            Accounts,
            Passkeys,
            Calls,
            Ringing,
            Reach,
            Endpoints,
            Chat,
            Pages,
            Party,
            Shopfront,
            Health,
            CollectorRegistry,
        ],
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
