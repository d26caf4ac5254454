"""Whether this node lives and whether pages may be sent to it, for whoever watches it and balances between nodes.

A node that lives but is not ready is left alone until it is: its database is away, or it is about to end. One that has lost
the bus is *degraded* and stays ready: calls between pages of this node go on, and every other node is in the same plight.
"""

from __future__ import annotations

import asyncio
from typing import Final

import msgspec
from litestar import Response, get
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler

from kanhuo.kernel.errors import Refused
from kanhuo.shell.bus import Bus
from kanhuo.shell.database import Database
from kanhuo.shell.migrate import known_revisions, revision_of

PATIENCE: Final = 2.0
"""Seconds the database has to answer: whoever asks gives up soon after."""


class Alive(msgspec.Struct, frozen=True):
    """That this process answers."""

    ok: bool


class Finding(msgspec.Struct, frozen=True):
    """How one part is."""

    well: bool
    says: str


class Readiness(msgspec.Struct, frozen=True):
    """Whether pages may be sent here, and why."""

    ready: bool
    degraded: bool
    """Ready, but not all that one expects can be done; the part that is not well says what."""
    node: str
    checks: dict[str, Finding]


class Health:
    """How this node is."""

    def __init__(self, db: Database, bus: Bus, node: str) -> None:
        self.draining = False
        self._db = db
        self._bus = bus
        self._node = node

    def drain(self) -> None:
        """From now on nobody new is to be sent here."""
        self.draining = True

    async def look(self) -> Readiness:
        """Look at every part."""
        database, migrations = await self._look_at_the_database()
        checks = {
            "database": database,
            "migrations": migrations,
            "bus": self._look_at_the_bus(),
            "draining": Finding(not self.draining, "this node is about to end" if self.draining else "no"),
        }
        ready = all(finding.well for name, finding in checks.items() if name != "bus")
        return Readiness(ready=ready, degraded=ready and not checks["bus"].well, node=self._node, checks=checks)

    async def _look_at_the_database(self) -> tuple[Finding, Finding]:
        try:
            async with asyncio.timeout(PATIENCE):
                revision = await self._db.read(revision_of)
        except (Refused, TimeoutError):
            return Finding(well=False, says="it does not answer"), Finding(well=False, says="unknown")
        except Exception as failure:
            kind = type(failure).__name__
            return Finding(well=False, says=f"it cannot be read ({kind})"), Finding(well=False, says="unknown")
        return Finding(well=True, says="it answers"), _judge(revision)

    def _look_at_the_bus(self) -> Finding:
        if not self._bus.shared:
            return Finding(well=True, says="there is one node: none is needed")
        if self._bus.connected:
            return Finding(well=True, says="connected")
        return Finding(well=False, says="away: only calls between pages of this node work")


def _judge(revision: str | None) -> Finding:
    *_, newest = known = known_revisions()
    if revision == newest:
        return Finding(well=True, says=f"the schema is {newest}, as this version needs it")
    if revision in known:
        return Finding(well=False, says=f"the schema is {revision}, older than {newest}: run kanhuo migrate")
    return Finding(well=True, says=f"the schema is {revision}, of a newer version: this node still serves with it")


@get("/healthz")
async def healthz() -> Alive:
    """Tell that this process answers."""
    return Alive(ok=True)


@get("/readyz")
async def readyz(health: NamedDependency[Health]) -> Response[Readiness]:
    """Tell whether pages may be sent to this node: 200 or 503."""
    found = await health.look()
    return Response(found, status_code=200 if found.ready else 503, headers={"Cache-Control": "no-store"})


HANDLERS: Final[tuple[HTTPRouteHandler, ...]] = (healthz, readyz)
