"""Every breakage that the doctor knows, really broken."""

from __future__ import annotations

import json
import os
import resource
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import NameOID

from kanhuo.cli import main
from kanhuo.config import Settings
from kanhuo.doctor import Finding, Mark, Wants, examine
from kanhuo.kernel.clock import SystemClock
from kanhuo.shell.migrate import known_revisions, migrate
from tests.support import engines
from tests.support.engines import Postgres, Redis, free_port
from tests.support.house import KEY, house

TURN = json.dumps([{"urls": ["turn:turn.example.com:3478"], "username": "u", "credential": "c"}])
Made = Callable[..., tuple[Path, Path]]


async def look(settings: Settings, about: str, **wants: int) -> Finding:
    """Return the one finding about a thing."""
    (found,) = [f for f in await examine(settings, wants=Wants(**wants)) if f.about == about]
    assert "\n" not in str(found)
    assert (found.mark is Mark.WELL) == (not found.todo), "whatever is not well says what to do"
    return found


def revise(path: Path, revision: str) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", (revision,))
    connection.close()


@pytest.fixture
async def shop(tmp_path: Path) -> Settings:
    """The settings of a shop that has run and is as it should be."""
    async with house(tmp_path / "data"):
        pass
    return Settings(data=tmp_path / "data", pass_key=KEY, public="https://call.example.com", ice_servers=TURN)


@pytest.fixture
def certificate(tmp_path: Path) -> Made:
    def make(days: float = 90, host: str = "call.example.com", name: str = "a") -> tuple[Path, Path]:
        key = ec.generate_private_key(ec.SECP256R1())
        who = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "shop")])
        now = datetime.fromtimestamp(SystemClock().now() / 1_000, UTC)
        made = (
            x509.CertificateBuilder()
            .subject_name(who)
            .issuer_name(who)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=400))
            .not_valid_after(now + timedelta(days=days, hours=1))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        )
        crt_file, key_file = tmp_path / f"{name}.crt", tmp_path / f"{name}.key"
        crt_file.write_bytes(made.sign(key, SHA256()).public_bytes(serialization.Encoding.PEM))
        key_file.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return crt_file, key_file

    return make


def with_(settings: Settings, **changes: Any) -> Settings:
    kept = {name: getattr(settings, name) for name in Settings.__dataclass_fields__}
    return Settings(**{**kept, **changes})


async def test_a_healthy_shop_has_nothing_to_do(shop: Settings, certificate: Made) -> None:
    crt, key = certificate()
    found = await examine(with_(shop, certificate=crt, certificate_key=key))
    assert [str(f) for f in found if f.mark is not Mark.WELL] == []
    assert {f.about for f in found} >= {
        "database",
        "schema",
        "disk",
        "data folder",
        "certificate",
        "media relay",
        "secrets",
    }


# Data folder and disk


async def test_a_data_folder_that_is_none(shop: Settings, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert (await look(with_(shop, data=tmp_path / "file"), "data folder")).mark is Mark.BROKEN
    assert (await look(with_(shop, data=tmp_path / "not yet"), "data folder")).mark is Mark.WARNING
    assert not (tmp_path / "not yet").exists(), "it looks and changes nothing"


async def test_a_data_folder_that_others_read(shop: Settings) -> None:
    shop.data.chmod(0o755)
    found = await look(shop, "data folder")
    assert (found.mark, found.todo) == (Mark.WARNING, f"chmod -R go= {shop.data}")


async def test_a_disk_that_is_nearly_full(shop: Settings) -> None:
    assert (await look(shop, "disk", scarce=10**18)).mark is Mark.WARNING
    assert (await look(shop, "disk", full=10**18)).mark is Mark.BROKEN


# SQLite


async def test_a_database_file_that_is_something_else(shop: Settings) -> None:
    (shop.data / "kanhuo.sqlite").write_text("an invoice, saved under the wrong name" * 100)
    found = await look(shop, "database")
    assert found.mark is Mark.BROKEN
    assert "restore" in found.todo


async def test_there_is_no_database_yet(shop: Settings, tmp_path: Path) -> None:
    assert (await look(with_(shop, data=tmp_path / "new"), "database")).mark is Mark.WARNING


async def test_a_schema_that_is_older_and_one_that_is_newer(shop: Settings) -> None:
    oldest = known_revisions()[0]
    revise(shop.data / "kanhuo.sqlite", oldest)
    old = await look(shop, "schema")
    assert (old.mark, "kanhuo migrate" in old.todo) == (Mark.BROKEN, True)
    revise(shop.data / "kanhuo.sqlite", "9999")
    assert (await look(shop, "schema")).mark is Mark.WARNING


# PostgreSQL


@pytest.fixture
def many(shop: Settings, postgres: Postgres, redis: Redis) -> Settings:
    """The settings of one of several nodes."""
    url = postgres.database()
    migrate(url)
    return with_(shop, database=url, bus=redis.url, pepper="the same on every node")


async def test_several_nodes_that_are_well(many: Settings, postgres: Postgres) -> None:
    now = SystemClock().now()
    postgres.sql(f"INSERT INTO nodes VALUES ('east.1', {now + 9_000}), ('west.1', {now - 60_000})", many.database)
    found = await examine(many)
    assert [str(f) for f in found if f.mark is not Mark.WELL] == []
    assert {f.about for f in found} >= {"bus", "clock", "schema"}
    assert [f.says for f in found if f.about == "nodes"] == ["1 run now: east.1"], (
        "the other has not beaten for a minute"
    )


async def test_a_database_that_is_away(many: Settings) -> None:
    found = await look(with_(many, database=f"postgresql://kanhuo:hunter2@127.0.0.1:{free_port()}/x"), "database")
    assert found.mark is Mark.BROKEN
    assert "hunter2" not in str(found)


async def test_a_database_that_is_not_there_and_a_user_that_is_not_known(many: Settings) -> None:
    server = many.database.rpartition("/")[0]
    for url in (f"{server}/nowhere", server.replace("kanhuo@", "nobody@") + "/postgres"):
        found = await look(with_(many, database=url), "database")
        assert (found.mark, "does not let us in" in found.says) == (Mark.BROKEN, True)


async def test_a_database_that_lets_us_read_only(many: Settings, postgres: Postgres) -> None:
    name = many.database.rpartition("/")[2]
    postgres.sql(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    found = await look(many, "database")
    assert (found.mark, "primary" in found.todo) == (Mark.BROKEN, True)


async def test_a_database_where_we_may_not_make_tables(many: Settings, postgres: Postgres) -> None:
    name = many.database.rpartition("/")[2]
    postgres.sql(f"CREATE ROLE guest_{name} LOGIN")
    postgres.sql("REVOKE CREATE ON SCHEMA public FROM PUBLIC", many.database)
    postgres.sql("GRANT SELECT ON ALL TABLES IN SCHEMA public TO PUBLIC", many.database)
    found = await look(with_(many, database=many.database.replace("kanhuo@", f"guest_{name}@")), "database")
    assert (found.mark, found.todo.startswith("GRANT")) == (Mark.BROKEN, True)


async def test_a_database_that_is_empty_and_one_that_is_old(many: Settings, postgres: Postgres) -> None:
    empty = postgres.database()
    assert (await look(with_(many, database=empty), "schema")).mark is Mark.WARNING
    migrate(empty, known_revisions()[0])
    assert (await look(with_(many, database=empty), "schema")).mark is Mark.BROKEN


@pytest.mark.parametrize("ahead", [-5_000, 5_000])
async def test_a_clock_that_is_wrong(many: Settings, ahead: int) -> None:
    class Wrong:
        def now(self) -> int:
            return SystemClock().now() + ahead

    (found,) = [f for f in await examine(many, clock=Wrong()) if f.about == "clock"]
    assert (found.mark, "5.0 s" in found.says, "NTP" in found.todo) == (Mark.WARNING, True, True)
    assert ("ahead" in found.says) == (ahead > 0)


# The bus


async def test_a_bus_that_is_away(many: Settings) -> None:
    found = await look(with_(many, bus=f"redis://:hunter2@127.0.0.1:{free_port()}/0"), "bus")
    assert found.mark is Mark.BROKEN
    assert "hunter2" not in str(found)


def allow(redis: Redis, rule: str) -> None:
    words = ["redis-cli", "-p", str(redis.port), "ACL", "SETUSER", "default", rule]
    subprocess.run(words, check=True, capture_output=True)


@pytest.mark.parametrize("rule", ["resetchannels", "-publish", "-@all"])
async def test_a_bus_that_does_not_let_us_speak(many: Settings, rule: str) -> None:
    with engines.redis() as redis:
        allow(redis, rule)
        assert (await look(with_(many, bus=redis.url), "bus")).mark is Mark.BROKEN


# TLS and address


async def test_certificates_that_end_or_fit_nobody(shop: Settings, certificate: Made) -> None:
    for days, mark in ((-2, Mark.BROKEN), (3, Mark.WARNING), (13, Mark.WARNING), (15, Mark.WELL)):
        crt, key = certificate(days=days)
        assert (await look(with_(shop, certificate=crt, certificate_key=key), "certificate")).mark is mark
    crt, key = certificate(host="other.example.com")
    assert "call.example.com" in (await look(with_(shop, certificate=crt, certificate_key=key), "certificate")).says
    crt, key = certificate(host="*.example.com")
    assert (await look(with_(shop, certificate=crt, certificate_key=key), "certificate")).mark is Mark.WELL


async def test_certificates_and_keys_that_cannot_be_used(shop: Settings, certificate: Made, tmp_path: Path) -> None:
    (crt, key), (_, other) = certificate(), certificate(name="b")
    nonsense = tmp_path / "nonsense"
    nonsense.write_text("no PEM")
    cases = {
        (crt, other): "another",
        (crt, nonsense): "key",
        (nonsense, key): "no certificate",
        (tmp_path / "x", key): "",
    }
    for (certificate_file, key_file), says in cases.items():
        found = await look(with_(shop, certificate=certificate_file, certificate_key=key_file), "certificate")
        assert (found.mark, says in found.says) == (Mark.BROKEN, True), found


async def test_an_address_that_browsers_do_not_trust(shop: Settings) -> None:
    marks = {"http://call.example.com": Mark.BROKEN, "": Mark.WARNING, "http://localhost:8000": Mark.WELL}
    for public, mark in marks.items():
        assert (await look(with_(shop, public=public), "address")).mark is mark


# Settings


async def test_relays_that_are_missing_or_wrong(shop: Settings) -> None:
    stun = json.dumps([{"urls": ["stun:stun.example.com"]}])
    bare = json.dumps([{"urls": ["turn:turn.example.com"]}])
    for servers, mark in (("[]", Mark.WARNING), (stun, Mark.WARNING), (bare, Mark.BROKEN), ("[", Mark.BROKEN)):
        assert (await look(with_(shop, ice_servers=servers), "media relay")).mark is mark


async def test_secrets_that_nodes_do_not_share(many: Settings) -> None:
    assert (await look(with_(many, pepper=""), "settings")).mark is Mark.BROKEN
    assert (await look(with_(many, pepper="", bus=""), "secrets")).mark is Mark.WARNING
    assert (await look(with_(many, pass_key="short"), "settings")).mark is Mark.BROKEN
    assert (await look(with_(many, database=""), "settings")).mark is Mark.BROKEN


@pytest.fixture
def few_files() -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (512, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.usefixtures("few_files")
async def test_fewer_files_than_pages(shop: Settings) -> None:
    found = await look(shop, "open files", sockets=1_000)
    assert (found.mark, "1100" in found.todo) == (Mark.WARNING, True)
    assert (await look(shop, "open files", sockets=300)).mark is Mark.WELL


# The command


def run(folder: Path, *arguments: str, **settings: str) -> tuple[int, str]:
    environment = {name: "" for name in os.environ if name.startswith("KANHUO_")}
    result = CliRunner().invoke(
        main, ["doctor", *arguments], env={**environment, "KANHUO_DATA": str(folder), **settings}
    )
    return result.exit_code, result.output


def test_for_people_and_for_machines(tmp_path: Path) -> None:
    code, told = run(tmp_path)
    assert code == 0
    assert all(line[:2] in ("✓ ", "! ", "✗ ") for line in told.splitlines())
    code, told = run(tmp_path, "--json")
    assert (code, json.loads(told)["well"]) == (0, True)
    assert {"about", "mark", "says", "todo"} == set(json.loads(told)["findings"][0])


def test_the_exit_code_says_that_something_is_broken(tmp_path: Path) -> None:
    code, told = run(tmp_path, "--json", KANHUO_PUBLIC="http://call.example.com")
    assert (code, json.loads(told)["well"]) == (1, False)
    assert [f["about"] for f in json.loads(told)["findings"] if f["mark"] == "broken"] == ["address"]


def test_a_number_that_is_none(tmp_path: Path) -> None:
    code, told = run(tmp_path, KANHUO_PORT="many")
    assert (code, "a setting cannot be read" in told) == (1, True)
