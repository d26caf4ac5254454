"""``kanhuo doctor``: what is wrong with this installation, and what to do about it, in words that a shop's owner understands.

It changes nothing: whatever it writes to see whether it may, it takes back. It looks at this machine with these settings, so
it is run on every machine, as the user who runs kanhuo.
"""

from __future__ import annotations

import asyncio
import json
import resource
import shutil
import sqlite3
import ssl
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing, suppress
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import asyncpg
import msgspec
from asyncpg import exceptions as refusals
from cryptography import x509
from redis.exceptions import RedisError

from kanhuo.accounts.passes import verifier
from kanhuo.app import check_together
from kanhuo.config import Settings
from kanhuo.kernel.clock import SECOND, Clock, Millis, SystemClock
from kanhuo.kernel.ids import new_secret
from kanhuo.shell.migrate import known_revisions
from kanhuo.shell.nodes import LEASE
from kanhuo.shell.redis import PREFIX
from kanhuo.shell.redis import client as redis_client
from kanhuo.signalling.messages import IceServer

WITHIN: Final = 5.0
"""Seconds that an engine has to answer."""
SKEW: Final[Millis] = SECOND
EXPIRES: Final = 14
"""Days before its end from which a certificate is spoken of."""
SCARCE: Final = 1_000_000_000
FULL: Final = 100_000_000
"""Bytes left on the disk from which it is spoken of, and from which it is broken."""
OTHER_FILES: Final = 100
"""Open files beside one for each page: database, bus, log, libraries."""


class Mark(StrEnum):
    """How a thing is."""

    WELL = "✓"
    WARNING = "!"
    BROKEN = "✗"


class Finding(msgspec.Struct, frozen=True):
    """What was found about one thing, and what to do where something is to be done."""

    about: str
    mark: Mark
    says: str
    todo: str = ""

    def __str__(self) -> str:
        """Return the line that is printed."""
        return f"{self.mark} {self.about}: {self.says}" + (f" → {self.todo}" if self.todo else "")


class Wants(msgspec.Struct, frozen=True):
    """What is expected of the machine."""

    sockets: int = 1_000
    """Pages connected at the same time."""
    scarce: int = SCARCE
    full: int = FULL


def well(about: str, says: str) -> Finding:
    """Return that a thing is as it should be."""
    return Finding(about, Mark.WELL, says)


def warning(about: str, says: str, todo: str) -> Finding:
    """Return that a thing works and should be better."""
    return Finding(about, Mark.WARNING, says, todo)


def broken(about: str, says: str, todo: str) -> Finding:
    """Return that something does not work."""
    return Finding(about, Mark.BROKEN, says, todo)


async def examine(settings: Settings, *, wants: Wants | None = None, clock: Clock | None = None) -> list[Finding]:
    """Look at everything; no failure of one look keeps another from being taken."""
    wants, clock = wants or Wants(), clock or SystemClock()
    at_once: tuple[Callable[[], Iterator[Finding]], ...] = (
        lambda: _secrets(settings),
        lambda: _folder(settings.data, wants),
        lambda: _tls(settings, datetime.fromtimestamp(clock.now() / SECOND, UTC)),
        lambda: _ice(settings),
        lambda: _files(wants),
    )
    found = [finding for look in at_once for finding in look()]
    found += await _database(settings, clock)
    if settings.bus:
        found.append(await _bus(settings.bus))
    return found


# This machine


def _secrets(settings: Settings) -> Iterator[Finding]:
    try:
        check_together(settings)
        if settings.pass_key:
            verifier(settings.pass_key, settings.pass_audience, b"")
    except ValueError as failure:
        yield broken("settings", str(failure), "correct the settings named, the same on every node")
        return
    if settings.database and not settings.pepper:
        todo = "before a second node is added, copy pass.key and pepper.key into KANHUO_PASS_KEY and KANHUO_PEPPER"
        yield warning("secrets", "they stand in the data folder of this node alone", todo)
    else:
        yield well("secrets", "set by you" if settings.pass_key else "made and kept in the data folder")


def _folder(data: Path, wants: Wants) -> Iterator[Finding]:
    about = "data folder"
    if not data.exists():
        yield warning(about, f"{data} does not exist yet", "it is made at the first start, if the folder above lets us")
        return
    try:
        with tempfile.TemporaryFile(dir=data):
            pass
    except OSError as failure:
        todo = f"let KANHUO_DATA name a folder, and give it to the user who runs kanhuo (chown -R … {data})"
        yield broken(about, f"nothing can be written in {data}: {failure.strerror}", todo)
        return
    if data.stat().st_mode & 0o077:
        yield warning(about, f"other users of this machine can read {data}", f"chmod -R go= {data}")
    else:
        yield well(about, f"{data} is ours alone and can be written")
    free = shutil.disk_usage(data).free
    says, todo = f"{free / 1e9:.1f} GB left", "make room or use a larger disk: a call that cannot be written is refused"
    if free < wants.full:
        yield broken("disk", says, todo)
    elif free < wants.scarce:
        yield warning("disk", says, todo)
    else:
        yield well("disk", says)


def _files(wants: Wants) -> Iterator[Finding]:
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    pages = max(0, limit - OTHER_FILES)
    says = f"{limit} may be open, enough for about {pages} pages at the same time"
    if pages < wants.sockets:
        more = wants.sockets + OTHER_FILES
        yield warning("open files", says, f"raise the limit: ulimit -n {more}, or LimitNOFILE={more} in systemd")
    else:
        yield well("open files", says)


# How people reach us


def _tls(settings: Settings, now: datetime) -> Iterator[Finding]:
    if settings.certificate is not None:
        yield _certificate(settings.certificate, settings.certificate_key, urlsplit(settings.public).hostname, now)
    public = urlsplit(settings.public)
    todo = "set KANHUO_PUBLIC=https://… : browsers give camera and microphone to secure pages only"
    if not settings.public:
        yield warning("address", "nobody has said under which address people reach this shop", todo)
    elif public.scheme != "https" and public.hostname not in ("localhost", "127.0.0.1"):
        yield broken("address", f"{settings.public} is not secure", todo)
    else:
        yield well("address", f"people reach this shop under {settings.public}")


def _certificate(path: Path, key: Path | None, host: str | None, now: datetime) -> Finding:
    about = "certificate"
    try:
        certificate = x509.load_pem_x509_certificate(path.read_bytes())
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(path, key, password="")
    except ssl.SSLError as failure:
        if failure.reason == "KEY_VALUES_MISMATCH":
            todo = "let KANHUO_CERTIFICATE_KEY name the key that this certificate was made for"
            return broken(about, "the key belongs to another certificate", todo)
        return broken(about, "the key cannot be read", "KANHUO_CERTIFICATE_KEY names a PEM file without a password")
    except (OSError, ValueError) as failure:
        why = failure.strerror if isinstance(failure, OSError) else "it is no certificate"
        todo = "KANHUO_CERTIFICATE and KANHUO_CERTIFICATE_KEY name PEM files that this user may read"
        return broken(about, f"it cannot be read: {why}", todo)
    days = (certificate.not_valid_after_utc - now).days
    until = f"{certificate.not_valid_after_utc:%Y-%m-%d}"
    if now >= certificate.not_valid_after_utc or now < certificate.not_valid_before_utc:
        return broken(about, f"it is valid until {until} and not now", "renew it and start kanhuo again")
    if host and not _names(certificate, host):
        return broken(about, f"it is not made for {host}", "order one that names the host of KANHUO_PUBLIC")
    if days < EXPIRES:
        return warning(about, f"it ends in {days} days ({until})", "renew it now and start kanhuo again")
    return well(about, f"valid until {until}, and the key fits")


def _names(certificate: x509.Certificate, host: str) -> bool:
    try:
        listed = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return False
    names = [*listed.get_values_for_type(x509.DNSName), *map(str, listed.get_values_for_type(x509.IPAddress))]
    _, _, domain = host.partition(".")
    return host in names or f"*.{domain}" in names


def _ice(settings: Settings) -> Iterator[Finding]:
    about = "media relay"
    try:
        servers = msgspec.convert(json.loads(settings.ice_servers), tuple[IceServer, ...])
    except (ValueError, msgspec.ValidationError):
        todo = """write it as KANHUO_ICE_SERVERS='[{"urls":["turn:turn.example.com:3478"],"username":"…","credential":"…"}]'"""
        yield broken(about, "KANHUO_ICE_SERVERS cannot be read", todo)
        return
    relays = [server for server in servers if any(url.startswith(("turn:", "turns:")) for url in server.urls)]
    if not relays:
        says = "there is no TURN server: calls fail where two networks let no direct connection through"
        yield warning(about, says, "run coturn and name it in KANHUO_ICE_SERVERS")
    elif not all(server.username and server.credential for server in relays):
        todo = "give it username and credential in KANHUO_ICE_SERVERS"
        yield broken(about, "a TURN server is named without the right to use it", todo)
    else:
        yield well(about, f"{len(relays)} TURN server(s) named; whether they answer is not tried from here")


# The database


async def _database(settings: Settings, clock: Clock) -> list[Finding]:
    if not settings.database:
        return list(_sqlite(settings.data / "kanhuo.sqlite"))
    if urlsplit(settings.database).scheme not in ("postgresql", "postgres"):
        return [broken("database", "KANHUO_DATABASE is of no kind we know", "write postgresql://user@host/name")]
    return [finding async for finding in _postgres(settings.database, clock)]


def _sqlite(path: Path) -> Iterator[Finding]:
    if not path.exists():
        yield warning("database", f"there is no {path} yet", "it is made at the first start")
        return
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=rw", uri=True, isolation_level=None, timeout=WITHIN)) as db:
            db.execute("BEGIN IMMEDIATE")
            db.execute("CREATE TABLE kanhuo_doctor (n INTEGER)")
            db.execute("ROLLBACK")
            versions = db.execute("SELECT name FROM sqlite_master WHERE name = 'alembic_version'").fetchone()
            row = db.execute("SELECT version_num FROM alembic_version").fetchone() if versions else None
    except sqlite3.Error as failure:
        todo = "see that the file is the right one, that this user may write it, and that the disk is not full; else restore"
        yield broken("database", f"{path}: {failure}", todo + " a back-up (docs/operations.md)")
        return
    yield well("database", f"{path} can be read and written")
    yield _schema(row[0] if row else None)


async def _postgres(url: str, clock: Clock) -> AsyncIterator[Finding]:
    place = f"{urlsplit(url).hostname or 'this machine'}:{urlsplit(url).port or 5432}"
    try:
        async with _connected(url) as connection:
            yield await _writable(connection, place)
            revision = await _revision(connection)
            yield _schema(revision)
            ahead = await _ahead(connection, clock)
            yield _skew(ahead)
            if revision is not None:
                yield await _nodes(connection, clock.now() + ahead)
    except (refusals.InvalidAuthorizationSpecificationError, refusals.InvalidCatalogNameError) as failure:
        todo = "correct user, password and name of the database in KANHUO_DATABASE, or make them (createuser, createdb)"
        yield broken("database", f"{place} does not let us in ({failure.sqlstate})", todo)
    except (OSError, TimeoutError, refusals.PostgresError, refusals.InterfaceError) as failure:
        todo = "start PostgreSQL, see that a firewall lets us through, or correct KANHUO_DATABASE"
        yield broken("database", f"{place} cannot be reached ({type(failure).__name__})", todo)


@asynccontextmanager
async def _connected(url: str) -> AsyncIterator[Any]:
    connection = await asyncpg.connect(url, timeout=WITHIN, command_timeout=WITHIN)
    try:
        yield connection
    finally:
        connection.terminate()


async def _writable(connection: Any, place: str) -> Finding:
    attempt = connection.transaction()
    await attempt.start()
    try:
        await connection.execute("CREATE TABLE kanhuo_doctor (n integer)")
    except refusals.ReadOnlySQLTransactionError:
        todo = "name the primary in KANHUO_DATABASE, not a replica, or take read-only mode back"
        return broken("database", f"{place} lets us read only", todo)
    except refusals.InsufficientPrivilegeError:
        todo = "GRANT CREATE, USAGE ON SCHEMA public TO our user; upgrades make tables"
        return broken("database", f"{place} does not let us make tables", todo)
    finally:
        with suppress(refusals.PostgresError, refusals.InterfaceError):
            await attempt.rollback()
    return well("database", f"{place} can be read and written")


async def _revision(connection: Any) -> str | None:
    try:
        revision: str | None = await connection.fetchval("SELECT version_num FROM alembic_version")
    except refusals.UndefinedTableError:
        return None
    return revision


def _schema(revision: str | None) -> Finding:
    *_, newest = known = known_revisions()
    if revision == newest:
        return well("schema", f"{newest}, as this version needs it")
    if revision is None:
        return warning("schema", "the database is empty", "it is furnished at the first start, or by kanhuo migrate")
    if revision in known:
        return broken("schema", f"{revision} is older than {newest}", "make a back-up, then run kanhuo migrate")
    says = f"{revision} is newer than {newest}, the newest that this version knows"
    return warning("schema", says, "this node serves on; upgrade kanhuo here too")


async def _ahead(connection: Any, clock: Clock) -> Millis:
    """Return how far the database's clock is ahead of ours, by the quickest of a few looks."""
    looks = []
    for _ in range(3):
        asked = clock.now()
        theirs = await connection.fetchval("SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint")
        answered = clock.now()
        looks.append((answered - asked, theirs - (asked + answered) // 2))
    return int(min(looks)[1])


def _skew(ahead: Millis) -> Finding:
    if abs(ahead) <= SKEW:
        return well("clock", f"{abs(ahead)} ms from the database's")
    says = f"it is {abs(ahead) / SECOND:.1f} s {'behind' if ahead > 0 else 'ahead of'} the database's"
    return warning("clock", says, "let both machines keep their time by NTP (chrony): a pass may be taken for expired")


async def _nodes(connection: Any, now: Millis) -> Finding:
    living = [row["id"] for row in await connection.fetch("SELECT id FROM nodes WHERE beat_at > $1", now - LEASE)]
    return well("nodes", f"{len(living)} run now" + (f": {', '.join(sorted(living))}" if living else ""))


# The bus


async def _bus(url: str) -> Finding:
    about, place = "bus", f"{urlsplit(url).hostname}:{urlsplit(url).port or 6379}"
    try:
        async with asyncio.timeout(WITHIN):
            heard = await _echo(url)
    except (RedisError, OSError, TimeoutError, ValueError) as failure:
        todo = "start Redis, see that a firewall lets us through, or correct KANHUO_BUS (redis://:password@host:6379)"
        return broken(about, f"{place} cannot be used ({type(failure).__name__})", todo)
    if not heard:
        return broken(about, f"{place} answers and does not deliver", "let our user publish and subscribe to kanhuo:*")
    return well(about, f"{place} answers and delivers")


async def _echo(url: str) -> bool:
    """Say something to ourselves; return whether it came back."""
    channel, word = f"{PREFIX}doctor:{new_secret()}", new_secret().encode()
    redis = redis_client(url)
    pubsub = redis.pubsub()
    try:
        await pubsub.subscribe(channel)
        await redis.publish(channel, word)
        for _ in range(3):
            message = await pubsub.get_message(timeout=1)
            if message is not None and message["data"] == word:
                return True
        return False
    finally:
        await pubsub.aclose()  # type: ignore[no-untyped-call]
        await redis.aclose()
