"""Builds every part and joins them, here and nowhere else."""

from __future__ import annotations

import gc
import json
import os
import platform
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
import uvicorn
from litestar import Litestar
from litestar.types import ASGIApp, ControllerRouterHandler

from kanhuo.accounts.passes import verifier
from kanhuo.accounts.passkeys import Passkeys
from kanhuo.accounts.service import Accounts
from kanhuo.calls.outlook import Outlooks
from kanhuo.calls.policy import DEFAULT, Patience
from kanhuo.calls.service import Calls
from kanhuo.calls.showing import Desk
from kanhuo.catalogue.service import Cards
from kanhuo.chat.service import Chat
from kanhuo.config import Settings
from kanhuo.consent.service import ConsentBook
from kanhuo.edge.dispatch import Dispatch, Rooms
from kanhuo.edge.http import Services, application
from kanhuo.edge.pages import Pages
from kanhuo.edge.reception import House, Reception
from kanhuo.edge.shopfront import Shopfront
from kanhuo.edge.socket import Door, Limits, PicowsUpgrade
from kanhuo.kernel.clock import Clock, SystemClock
from kanhuo.kernel.ids import new_secret
from kanhuo.presence.policy import BLINK
from kanhuo.presence.service import PresenceBook
from kanhuo.presence.store import Alone, RedisRoster, Roster
from kanhuo.shell.alarm import Alarm
from kanhuo.shell.bus import Bus
from kanhuo.shell.database import Database
from kanhuo.shell.engines import database
from kanhuo.shell.migrate import migrate
from kanhuo.shell.nodes import NodeClock, Nodes
from kanhuo.shell.redis import RedisBus
from kanhuo.shell.redis import client as redis_client
from kanhuo.signalling.messages import IceServer
from kanhuo.signalling.service import Signalling

GC_THRESHOLDS: Final = (50_000, 20, 100)
"""A full collection takes longer than a ring may: what start-up made is frozen, and the rest is looked at rarely."""


@dataclass(frozen=True, slots=True)
class App:
    """One process of kanhuo, built and not yet started."""

    settings: Settings
    db: Database
    bus: Bus
    nodes: Nodes
    accounts: Accounts
    calls: Calls
    presence: PresenceBook
    reception: Reception
    door: Door
    beat: Callable[[], Awaitable[None]]
    alarm: Alarm
    litestar: Litestar
    asgi: ASGIApp

    async def open(self) -> None:
        """Open the database, join the other nodes and take up the calls that were going on."""
        await self.db.open()
        await self.bus.open()
        await self.calls.recover()

    async def start(self) -> None:
        """Open, and let time act."""
        await self.open()
        self.alarm.start()
        gc.collect()
        gc.freeze()
        gc.set_threshold(*GC_THRESHOLDS)

    async def stop(self) -> None:
        """Tell every page that we shall be back, and close."""
        await self.reception.close()
        await self.alarm.stop()
        await self.nodes.close()
        await self.bus.close()
        await self.db.close()


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
    db = database(settings.database_url, connections=settings.connections)
    clock = clock or (NodeClock() if db.shared else SystemClock())
    nodes = Nodes(db, clock, settings.node or platform.node())
    bus, roster = _joined(settings, nodes)
    pepper = settings.pepper or _kept_secret(settings.data / "pepper.key")
    checks = verifier(pass_key(settings), settings.pass_audience, pepper.encode())
    accounts = Accounts(db, bus, clock, checks)
    cards, presence = Cards(db), PresenceBook(clock, bus, roster)
    outlooks = Outlooks(db, bus, clock, presence)
    calls = Calls(Desk(db, bus, clock, accounts, cards, presence, outlooks, patience, nodes))
    consents, chat = ConsentBook(db, bus, clock, calls), Chat(db, bus, clock, calls)
    ice = msgspec.convert(json.loads(settings.ice_servers), tuple[IceServer, ...])
    signalling = Signalling(bus, clock, calls, consents, ice)
    dispatch = Dispatch(Rooms(presence, calls, consents, chat, signalling))
    reception = Reception(House(bus, clock, accounts, presence, calls, dispatch))

    async def beat() -> None:
        await reception.sweep()
        await calls.beat()

    origin = public_origin(settings)
    pages = Pages(web, shops=settings.shop_origins, pictures=settings.picture_origins)
    shopfront = Shopfront(accounts, outlooks, clock, bus)
    services = Services(accounts, Passkeys(db, clock, origin), calls, shopfront, chat, pages, origin)
    litestar = application(services, more)
    rate = settings.message_rate
    return App(
        settings=settings,
        db=db,
        bus=bus,
        nodes=nodes,
        accounts=accounts,
        calls=calls,
        presence=presence,
        reception=reception,
        door=Door(reception, Limits(rate=rate, burst=4 * rate, abuse=20 * rate), frozenset(settings.shop_origins)),
        beat=beat,
        alarm=Alarm(beat),
        litestar=litestar,
        asgi=shopfront.before(litestar),
    )


def server(app: App, *, alarm: bool = True) -> uvicorn.Server:
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
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=5,
        ssl_certfile=settings.certificate,
        ssl_keyfile=settings.certificate_key,
    )
    return uvicorn.Server(config)


def check_together(settings: Settings) -> None:
    """See that what is set lets several nodes work together, or is a single node.

    Raises:
        ValueError: with the reason.
    """
    if settings.bus and not settings.database:
        raise ValueError(
            "nodes that share a bus share a database: set KANHUO_DATABASE=postgresql://…; SQLite serves one"
        )
    if settings.bus and not (settings.pass_key and settings.pepper):
        raise ValueError("nodes share their secrets: set KANHUO_PASS_KEY and KANHUO_PEPPER to the same on all of them")


def _joined(settings: Settings, nodes: Nodes) -> tuple[Bus, Roster]:
    """Return what joins this node to the others: nothing for a single one."""
    if not settings.bus:
        return Bus(), Alone()
    line = redis_client(settings.bus)
    return RedisBus(line, nodes.me), RedisRoster(line, nodes.me, lambda: nodes.lately(BLINK))


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
