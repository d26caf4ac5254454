"""Builds every part and joins them, here and nowhere else."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import os
import platform
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import msgspec
import uvicorn
from litestar import Litestar
from litestar.types import ASGIApp, ControllerRouterHandler

from kanhuo.accounts.passes import verifier
from kanhuo.accounts.passkeys import Passkeys
from kanhuo.accounts.service import Accounts
from kanhuo.calls.outlook import Outlooks
from kanhuo.calls.policy import DEFAULT, Patience
from kanhuo.calls.ringing import Ringing
from kanhuo.calls.service import CHANGED as CALL_CHANGED
from kanhuo.calls.service import Calls
from kanhuo.calls.showing import Desk
from kanhuo.catalogue.service import Cards
from kanhuo.chat.service import Chat
from kanhuo.config import Settings
from kanhuo.consent.service import ConsentBook
from kanhuo.edge.dispatch import Dispatch, Rooms
from kanhuo.edge.figures import CallFigures
from kanhuo.edge.health import Health
from kanhuo.edge.http import Services, application
from kanhuo.edge.leaving import leave
from kanhuo.edge.listening import Server
from kanhuo.edge.pages import Pages
from kanhuo.edge.reception import House, Reception
from kanhuo.edge.shopfront import Shopfront
from kanhuo.edge.socket import Door, Limits, PicowsUpgrade
from kanhuo.kernel.clock import Clock, SystemClock
from kanhuo.kernel.ids import new_secret
from kanhuo.presence.policy import BLINK
from kanhuo.presence.service import PresenceBook
from kanhuo.presence.store import Alone, RedisRoster, Roster
from kanhuo.reach.endpoints import Endpoints
from kanhuo.reach.sending import Sender
from kanhuo.reach.service import Reach
from kanhuo.shell import logs
from kanhuo.shell.alarm import Alarm, attempt
from kanhuo.shell.bus import Bus
from kanhuo.shell.database import Database
from kanhuo.shell.engines import database
from kanhuo.shell.measured import Measured
from kanhuo.shell.metrics import Metrics, Sources
from kanhuo.shell.migrate import migrate
from kanhuo.shell.nodes import NodeClock, Nodes
from kanhuo.shell.outbound import Outbound
from kanhuo.shell.redis import RedisBus
from kanhuo.shell.redis import client as redis_client
from kanhuo.shell.webhook import Webhook
from kanhuo.signalling.messages import IceServer
from kanhuo.signalling.service import Signalling

if TYPE_CHECKING:
    from kanhuo.edge.tracing import Traces

log = logging.getLogger(__name__)

GC_THRESHOLDS: Final = (50_000, 20, 100)
"""A full collection takes longer than a ring may: what start-up made is frozen, and the rest is looked at rarely."""


@dataclass(frozen=True, slots=True)
class App:
    """One process of kanhuo, built and not yet started."""

    settings: Settings
    db: Database
    bus: Bus
    roster: Roster
    nodes: Nodes
    accounts: Accounts
    calls: Calls
    presence: PresenceBook
    reach: Reach
    ringing: Ringing
    reception: Reception
    door: Door
    beat: Callable[[], Awaitable[None]]
    alarm: Alarm
    health: Health
    metrics: Metrics
    traces: Traces | None
    litestar: Litestar
    asgi: ASGIApp

    async def open(self) -> None:
        """Open the database, join the other nodes and take up the calls that were going on."""
        await self.db.open()
        await self.bus.open()
        await self.calls.recover()

    async def start(self) -> None:
        """Open, and let time act."""
        logs.begin(self.nodes.me, self.settings.log)
        logs.guard(asyncio.get_running_loop())
        await self.open()
        self.alarm.start()
        gc.collect()
        gc.freeze()
        gc.set_threshold(*GC_THRESHOLDS)

    async def drain(self, shut_the_door: Callable[[], None]) -> None:
        """Let every page go to another node."""
        self.health.drain()
        await leave(self.reception, self.settings.drain_seconds, shut_the_door)

    async def stop(self) -> None:
        """Tell every page that is left that we shall be back, and close."""
        await self.reception.close()
        await self.alarm.stop()
        await self.reach.close()
        await attempt(self.nodes.close())
        await self.roster.close()
        await self.bus.close()
        await self.db.close()
        if self.traces is not None:
            await asyncio.to_thread(self.traces.close)


def build(
    settings: Settings,
    *,
    clock: Clock | None = None,
    patience: Patience = DEFAULT,
    more: Sequence[ControllerRouterHandler] = (),
    web: Path | None = None,
) -> App:
    """Build an app. The database is brought to the present schema first.

    Raises:
        ValueError: a key or a list in the settings cannot be read, or several nodes could not work together as set.
    """
    check_together(settings)
    prepare(settings)
    migrate(settings.database_url)
    metrics = Metrics()
    measured = Measured(database(settings.database_url, connections=settings.connections), metrics)
    clock = clock or (NodeClock() if measured.shared else SystemClock())
    nodes = Nodes(measured, clock, settings.node or platform.node())
    traces = _traces(settings, nodes)
    db = measured if traces is None else traces.database(measured)
    bus, roster = _joined(settings, nodes, traces)
    pepper = settings.pepper or _kept_secret(settings.data / "pepper.key")
    checks = verifier(pass_key(settings), settings.pass_audience, pepper.encode())
    accounts = Accounts(db, bus, clock, checks)
    cards, presence = Cards(db), PresenceBook(clock, bus, roster)
    origin = public_origin(settings)
    sender = Sender(db, clock, accounts, cards, _outbound(settings), origin, _webhook(settings))
    endpoints, reach = Endpoints(db, bus, clock, presence, sender), Reach(db, bus, clock, presence, sender)
    outlooks = Outlooks(db, bus, clock, reach, patience.wrap_up)
    desk = Desk(db, bus, clock, accounts, cards, presence, reach, outlooks, patience, nodes)
    calls = Calls(desk)
    ringing = Ringing(desk, calls)
    consents, chat = ConsentBook(db, bus, clock, calls), Chat(db, bus, clock, calls)
    ice = msgspec.convert(json.loads(settings.ice_servers), tuple[IceServer, ...])
    signalling = Signalling(bus, clock, calls, consents, ice)
    rooms = Rooms(presence, calls, ringing, consents, chat, signalling)
    dispatch = Dispatch(rooms) if traces is None else traces.dispatch(rooms)
    reception = Reception(House(nodes.me, bus, clock, accounts, presence, calls, dispatch))

    async def beat() -> None:
        await reception.sweep()
        await calls.beat()
        await reach.beat()

    pages = Pages(web, shops=settings.shop_origins, pictures=settings.picture_origins)
    shopfront = Shopfront(accounts, outlooks, clock, bus)
    health = Health(db, bus, nodes.me)
    CallFigures(bus, clock, patience, metrics)
    kept = _kept_figures(measured, bus, nodes, health, presence=presence, calls=calls, reception=reception)
    metrics.read_from(kept)
    services = Services(
        accounts,
        Passkeys(db, clock, origin),
        calls,
        ringing,
        reach,
        endpoints,
        shopfront,
        chat,
        pages,
        health,
        metrics,
        reception.traffic,
        origin,
    )
    litestar = application(services, more)
    rate = settings.message_rate
    door = Door(reception, Limits(rate=rate, burst=4 * rate, abuse=20 * rate), frozenset(settings.shop_origins))
    bus.subscribe(CALL_CHANGED, lambda _: door.burst.begin())  # several views follow, often to one page
    return App(
        settings=settings,
        db=db,
        bus=bus,
        roster=roster,
        nodes=nodes,
        accounts=accounts,
        calls=calls,
        presence=presence,
        reach=reach,
        ringing=ringing,
        reception=reception,
        door=door,
        beat=beat,
        alarm=Alarm(beat, metrics=metrics),
        health=health,
        metrics=metrics,
        traces=traces,
        litestar=litestar,
        asgi=shopfront.before(litestar),
    )


def server(app: App, *, alarm: bool = True) -> Server:
    """Return the server that runs an app: HTTP by Litestar, the socket by picows, on one port.

    Without ``alarm``, time acts only when ``app.beat`` is called.
    """
    settings = app.settings
    app.litestar.on_startup.append(app.start if alarm else app.open)
    app.litestar.on_shutdown.append(app.stop)
    config = uvicorn.Config(
        app.asgi,
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        http="httptools",
        ws=type("Upgrade", (PicowsUpgrade,), {"door": app.door, "__slots__": ()}),
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=5,
        ssl_certfile=settings.certificate,
        ssl_keyfile=settings.certificate_key,
    )
    return Server(config, own_port=settings.metrics_port, drain=app.drain if settings.drain_seconds else None)


def check_together(settings: Settings) -> None:
    """See that what is set fits together: for several nodes or a single one, and for whoever is told of rings.

    Raises:
        ValueError: with the reason.
    """
    if settings.bus and not settings.database:
        raise ValueError(
            "nodes that share a bus share a database: set KANHUO_DATABASE=postgresql://…; SQLite serves one"
        )
    if settings.bus and not (settings.pass_key and settings.pepper):
        raise ValueError("nodes share their secrets: set KANHUO_PASS_KEY and KANHUO_PEPPER to the same on all of them")
    if settings.ring_webhook and not _outbound(settings).allowed(settings.ring_webhook):
        raise ValueError("KANHUO_RING_WEBHOOK is an address: https://…")
    _webhook(settings)


def _kept_figures(
    db: Measured, bus: Bus, nodes: Nodes, health: Health, *, presence: PresenceBook, calls: Calls, reception: Reception
) -> Sources:
    """Return where figures are read that the parts keep anyway."""
    return Sources(
        traffic=reception.traffic,
        bus=bus,
        sessions=lambda: reception.sessions,
        calls=calls.states_here,
        on_duty=presence.on_duty_here,
        nodes=lambda: len(nodes.living),
        units=lambda: db.units,
        draining=lambda: health.draining,
    )


def _traces(settings: Settings, nodes: Nodes) -> Traces | None:
    """Return what watches calls, where somebody wants to know; the packages it takes come with ``kanhuo[telemetry]``."""
    if not settings.traces:
        return None
    try:
        from kanhuo.edge.tracing import Traces  # noqa: PLC0415
    except ImportError:
        log.warning("no traces are sent: install kanhuo[telemetry]")
        return None
    return Traces(settings.traces, nodes.me)


def _joined(settings: Settings, nodes: Nodes, traces: Traces | None) -> tuple[Bus, Roster]:
    """Return what joins this node to the others: nothing for a single one."""
    if not settings.bus:
        bus = Bus()
        if traces is not None:
            traces.watch(bus)
        return bus, Alone()
    shared = RedisBus(settings.bus, nodes.me) if traces is None else traces.bus(settings.bus, nodes.me)
    return shared, RedisRoster(
        redis_client(settings.bus), nodes.me, lambda: nodes.lately(BLINK), lambda: shared.connected
    )


def _outbound(settings: Settings) -> Outbound:
    """Return the client for others' addresses; our own back end's was set by us, and may be anywhere."""
    ours = (urlsplit(settings.ring_webhook).netloc,) if settings.ring_webhook else ()
    return Outbound((*settings.trusted_receivers, *ours))


def _webhook(settings: Settings) -> Webhook | None:
    return Webhook.of(settings.ring_webhook, settings.ring_webhook_secret) if settings.ring_webhook else None


def prepare(settings: Settings) -> None:
    """Make the data folder and SQLite's file, for us alone; SQLite gives its other files the mode of this one."""
    settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not settings.database:
        (settings.data / "kanhuo.sqlite").touch(mode=0o600)


def pass_key(settings: Settings) -> str:
    """Return the key of passes: the configured one, or a secret generated once in the data folder."""
    return settings.pass_key or _kept_secret(settings.data / "pass.key")


def public_origin(settings: Settings) -> str:
    """Return the origin under which people reach us."""
    scheme = "https" if settings.certificate else "http"
    return settings.public.rstrip("/") or f"{scheme}://localhost:{settings.port}"


def _kept_secret(path: Path) -> str:
    """Return the secret of a file, readable by us alone; it is made on first use, whole or not at all."""
    if not path.exists():
        with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False) as file:
            file.write(new_secret())
            file.flush()
            os.fsync(file.fileno())
        try:
            path.hardlink_to(file.name)
        except FileExistsError:
            pass  # another process was first: its secret is the one
        finally:
            Path(file.name).unlink()
    return path.read_text().strip()
