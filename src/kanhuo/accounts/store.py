"""Merchants, their people, sessions and invitations as rows. Secrets are kept as fingerprints only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import msgspec
from sqlalchemy import BigInteger, Column, Integer, LargeBinary, String, Table, bindparam, delete, select, update
from sqlalchemy.dialects.postgresql import insert

from kanhuo.accounts.model import Agent, Merchant, Role
from kanhuo.kernel.clock import Millis
from kanhuo.shell.database import Statement, Transaction, metadata

MERCHANTS: Final = Table(
    "merchants",
    metadata,
    Column("id", String, primary_key=True),
    Column("body", LargeBinary, nullable=False),
)
AGENTS: Final = Table(
    "agents",
    metadata,
    Column("id", String, primary_key=True),
    Column("merchant", String, nullable=False, index=True),
    Column("name", String, nullable=False),
    Column("role", String, nullable=False),
    Column("login", String, unique=True),
    Column("password", String),
    Column("created_at", BigInteger, nullable=False),
    Column("removed_at", BigInteger),
)
"""``login`` and ``password`` are empty for an agent whom the shop's back end vouches for."""
SESSIONS: Final = Table(
    "sessions",
    metadata,
    Column("fingerprint", String, primary_key=True),
    Column("agent", String, nullable=False, index=True),
    Column("expires_at", BigInteger, nullable=False),
    Column("lasts", BigInteger, nullable=False),
)
"""``lasts`` is for how long it lives on with each use."""
LINKS: Final = Table(
    "links",
    metadata,
    Column("fingerprint", String, primary_key=True),
    Column("agent", String, nullable=False),
    Column("expires_at", BigInteger, nullable=False, index=True),
)
"""Ways in for one agent, once."""
INVITATIONS: Final = Table(
    "invitations",
    metadata,
    Column("fingerprint", String, primary_key=True),
    Column("merchant", String, nullable=False),
    Column("role", String, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("used_by", String),
    Column("made_by", String),
)
PASSKEYS: Final = Table(
    "passkeys",
    metadata,
    Column("credential", LargeBinary, primary_key=True),
    Column("agent", String, nullable=False, index=True),
    Column("public_key", LargeBinary, nullable=False),
    Column("sign_count", Integer, nullable=False),
    Column("created_at", BigInteger, nullable=False),
)
CEREMONIES: Final = Table(
    "ceremonies",
    metadata,
    Column("name", String, primary_key=True),
    Column("challenge", LargeBinary, nullable=False),
    Column("expires_at", BigInteger, nullable=False, index=True),
)
"""Passkeys that are being made or asked for: a page may come back by another node."""

MOST_CEREMONIES: Final = 10_000
"""How many may go on at once; the oldest end for the next."""


@dataclass(frozen=True, slots=True)
class Invitation:
    """A way in for one new person."""

    merchant: str
    role: Role
    expires_at: Millis
    used_by: str | None


@dataclass(frozen=True, slots=True)
class Passkey:
    """A credential that an agent's device holds (WebAuthn)."""

    credential: bytes
    agent: str
    public_key: bytes
    sign_count: int


_people = (AGENTS.c.id, AGENTS.c.merchant, AGENTS.c.name, AGENTS.c.role)
_present = AGENTS.c.removed_at.is_(None)
_put_merchant = Statement(
    insert(MERCHANTS)
    .values(id=bindparam("id"), body=bindparam("body"))
    .on_conflict_do_update(index_elements=[MERCHANTS.c.id], set_={"body": bindparam("body")})
)
_merchant = Statement(select(MERCHANTS.c.body).where(MERCHANTS.c.id == bindparam("id")))
_merchants = Statement(select(MERCHANTS.c.body).order_by(MERCHANTS.c.id))
_add_agent = Statement(AGENTS.insert().values({c.name: bindparam(c.name) for c in AGENTS.c if c.name != "removed_at"}))
_name_agent = Statement(
    insert(AGENTS)
    .values(
        {name: bindparam(name) for name in ("id", "merchant", "name", "role", "created_at")},
    )
    .on_conflict_do_update(index_elements=[AGENTS.c.id], set_={"name": bindparam("name")})
)
_agent = Statement(select(*_people).where(AGENTS.c.id == bindparam("id")))
_present_agent = Statement(select(*_people).where(AGENTS.c.id == bindparam("id"), _present))
_signs_in = Statement(select(AGENTS.c.id).where(AGENTS.c.id == bindparam("id"), AGENTS.c.login.is_not(None), _present))
_agents = Statement(
    select(*_people).where(AGENTS.c.merchant == bindparam("merchant"), _present).order_by(AGENTS.c.created_at)
)
_login = Statement(select(*_people, AGENTS.c.password).where(AGENTS.c.login == bindparam("login"), _present))
_remove = Statement(
    update(AGENTS)
    .where(AGENTS.c.id == bindparam("the_id"))
    .values(removed_at=bindparam("removed_at"), login=None, password=None)
)
_set_password = Statement(
    update(AGENTS).where(AGENTS.c.id == bindparam("the_id")).values(password=bindparam("password"))
)
_add_session = Statement(SESSIONS.insert().values({c.name: bindparam(c.name) for c in SESSIONS.c}))
_session = Statement(
    select(*_people, SESSIONS.c.expires_at, SESSIONS.c.lasts)
    .select_from(SESSIONS.join(AGENTS, AGENTS.c.id == SESSIONS.c.agent))
    .where(SESSIONS.c.fingerprint == bindparam("fingerprint"), SESSIONS.c.expires_at > bindparam("now"), _present)
)
_extend = Statement(
    update(SESSIONS)
    .where(SESSIONS.c.fingerprint == bindparam("the_fingerprint"))
    .values(expires_at=bindparam("expires_at"))
)
_end_session = Statement(delete(SESSIONS).where(SESSIONS.c.fingerprint == bindparam("fingerprint")))
_sessions = Statement(select(SESSIONS.c.fingerprint).where(SESSIONS.c.agent == bindparam("agent")))
_end_sessions = Statement(delete(SESSIONS).where(SESSIONS.c.agent == bindparam("agent")))
_add_link = Statement(LINKS.insert().values({c.name: bindparam(c.name) for c in LINKS.c}))
_follow_link = Statement(
    delete(LINKS).where(LINKS.c.fingerprint == bindparam("fingerprint")).returning(LINKS.c.agent, LINKS.c.expires_at)
)
_forget_links = Statement(delete(LINKS).where(LINKS.c.expires_at <= bindparam("now")))
_forget_sessions = Statement(delete(SESSIONS).where(SESSIONS.c.expires_at <= bindparam("now")))
_forget_invitations = Statement(delete(INVITATIONS).where(INVITATIONS.c.expires_at <= bindparam("now")))
_add_invitation = Statement(
    INVITATIONS.insert().values({c.name: bindparam(c.name) for c in INVITATIONS.c if c.name != "used_by"})
)
_invitation = Statement(
    select(INVITATIONS.c.merchant, INVITATIONS.c.role, INVITATIONS.c.expires_at, INVITATIONS.c.used_by).where(
        INVITATIONS.c.fingerprint == bindparam("fingerprint")
    )
)
_spend = Statement(
    update(INVITATIONS)
    .where(INVITATIONS.c.fingerprint == bindparam("the_fingerprint"), INVITATIONS.c.used_by.is_(None))
    .values(used_by=bindparam("used_by"))
)
_withdraw_invitations = Statement(
    delete(INVITATIONS).where(INVITATIONS.c.made_by == bindparam("made_by"), INVITATIONS.c.used_by.is_(None))
)
_ceremony = insert(CEREMONIES).values({c.name: bindparam(c.name) for c in CEREMONIES.c})
_begin_ceremony = Statement(
    _ceremony.on_conflict_do_update(
        index_elements=[CEREMONIES.c.name],
        set_={"challenge": _ceremony.excluded.challenge, "expires_at": _ceremony.excluded.expires_at},
    )
)
_end_ceremony = Statement(
    delete(CEREMONIES)
    .where(CEREMONIES.c.name == bindparam("name"))
    .returning(CEREMONIES.c.challenge, CEREMONIES.c.expires_at)
)
_forget_ceremonies = Statement(delete(CEREMONIES).where(CEREMONIES.c.expires_at <= bindparam("now")))
_oldest_kept = Statement(
    select(CEREMONIES.c.expires_at).order_by(CEREMONIES.c.expires_at.desc()).offset(MOST_CEREMONIES).limit(1)
)
_add_passkey = Statement(
    insert(PASSKEYS).values({c.name: bindparam(c.name) for c in PASSKEYS.c}).on_conflict_do_nothing()
)
_passkey = Statement(
    select(PASSKEYS.c.credential, PASSKEYS.c.agent, PASSKEYS.c.public_key, PASSKEYS.c.sign_count).where(
        PASSKEYS.c.credential == bindparam("credential")
    )
)
_passkeys = Statement(select(PASSKEYS.c.credential).where(PASSKEYS.c.agent == bindparam("agent")))
_count_use = Statement(
    update(PASSKEYS)
    .where(PASSKEYS.c.credential == bindparam("the_credential"))
    .values(sign_count=bindparam("sign_count"))
)


def put_merchant(tx: Transaction, merchant: Merchant) -> None:
    """Write a merchant, new or changed."""
    tx.change(_put_merchant, {"id": merchant.id, "body": msgspec.json.encode(merchant)})


def merchant(tx: Transaction, id: str) -> Merchant | None:
    """Return a merchant by its id."""
    row = tx.first(_merchant, {"id": id})
    return None if row is None else msgspec.json.decode(row[0], type=Merchant)


def merchants(tx: Transaction) -> list[Merchant]:
    """Return every merchant."""
    return [msgspec.json.decode(body, type=Merchant) for (body,) in tx.all(_merchants)]


def add_agent(tx: Transaction, agent: Agent, login: str, password: str, at: Millis) -> None:
    """Write a new person with her login and the hash of her password."""
    row = _row(agent) | {"login": login, "password": password, "created_at": at}
    tx.change(_add_agent, row)


def name_agent(tx: Transaction, agent: Agent, at: Millis) -> None:
    """Write a person whom the shop's back end vouches for, or her changed name."""
    tx.change(_name_agent, _row(agent) | {"created_at": at})


def agent(tx: Transaction, id: str) -> Agent | None:
    """Return a person by her id, removed or not."""
    row = tx.first(_agent, {"id": id})
    return None if row is None else _person(*row)


def present_agent(tx: Transaction, id: str) -> Agent | None:
    """Return a person by her id, unless she was removed."""
    row = tx.first(_present_agent, {"id": id})
    return None if row is None else _person(*row)


def signs_in(tx: Transaction, id: str) -> bool:
    """Whether a person is present and has a login of her own."""
    return tx.first(_signs_in, {"id": id}) is not None


def agents(tx: Transaction, merchant: str) -> list[Agent]:
    """Return the people of a merchant."""
    return [_person(*row) for row in tx.all(_agents, {"merchant": merchant})]


def by_login(tx: Transaction, login: str) -> tuple[Agent, str] | None:
    """Return the person of a login with the hash of her password."""
    row = tx.first(_login, {"login": login})
    return None if row is None or row[4] is None else (_person(*row[:4]), row[4])


def remove_agent(tx: Transaction, id: str, at: Millis) -> None:
    """Take a person out; her name stays in the list of calls."""
    tx.change(_remove, {"the_id": id, "removed_at": at})


def set_password(tx: Transaction, id: str, password: str) -> None:
    """Write the hash of a password anew."""
    tx.change(_set_password, {"the_id": id, "password": password})


def add_session(tx: Transaction, fingerprint: str, agent: str, now: Millis, lasts: Millis) -> None:
    """Write a session that lives on for so long with each use."""
    row = {"fingerprint": fingerprint, "agent": agent, "expires_at": now + lasts, "lasts": lasts}
    tx.change(_add_session, row)


def session(tx: Transaction, fingerprint: str, now: Millis) -> tuple[Agent, Millis, Millis] | None:
    """Return whose session this is, when it expires, and for how long it lives on with each use."""
    row = tx.first(_session, {"fingerprint": fingerprint, "now": now})
    return None if row is None else (_person(*row[:4]), row[4], row[5])


def extend_session(tx: Transaction, fingerprint: str, expires_at: Millis) -> None:
    """Let a session live on."""
    tx.change(_extend, {"the_fingerprint": fingerprint, "expires_at": expires_at})


def end_session(tx: Transaction, fingerprint: str) -> None:
    """End one session."""
    tx.change(_end_session, {"fingerprint": fingerprint})


def end_sessions(tx: Transaction, agent: str) -> frozenset[str]:
    """End every session of a person; return their fingerprints."""
    ended = frozenset(fingerprint for (fingerprint,) in tx.all(_sessions, {"agent": agent}))
    tx.change(_end_sessions, {"agent": agent})
    return ended


def add_link(tx: Transaction, fingerprint: str, agent: str, expires_at: Millis, now: Millis) -> None:
    """Write a way in for an agent, once."""
    tx.change(_forget_links, {"now": now})
    tx.change(_add_link, {"fingerprint": fingerprint, "agent": agent, "expires_at": expires_at})


def follow_link(tx: Transaction, fingerprint: str, now: Millis) -> str | None:
    """Return whom a link lets in, once; ``None`` where it was followed, has expired or never was."""
    row = tx.first(_follow_link, {"fingerprint": fingerprint})
    return row[0] if row is not None and row[1] > now else None


def forget_sessions(tx: Transaction, now: Millis) -> None:
    """Delete the sessions that have expired."""
    tx.change(_forget_sessions, {"now": now})


def forget_invitations(tx: Transaction, now: Millis) -> None:
    """Delete the invitations that have expired, used or not."""
    tx.change(_forget_invitations, {"now": now})


def add_invitation(
    tx: Transaction, fingerprint: str, merchant: str, role: Role, expires_at: Millis, made_by: str | None
) -> None:
    """Write an invitation."""
    row = {"fingerprint": fingerprint, "merchant": merchant, "role": role.value, "expires_at": expires_at}
    tx.change(_add_invitation, row | {"made_by": made_by})


def withdraw_invitations(tx: Transaction, made_by: str) -> None:
    """Delete the invitations that a person has made and nobody has used."""
    tx.change(_withdraw_invitations, {"made_by": made_by})


def begin_ceremony(tx: Transaction, name: str, challenge: bytes, expires_at: Millis, now: Millis) -> None:
    """Keep a challenge, in the place of an earlier one of that name."""
    tx.change(_forget_ceremonies, {"now": now})
    too_old = tx.first(_oldest_kept)
    if too_old is not None:
        tx.change(_forget_ceremonies, {"now": too_old[0]})
    tx.change(_begin_ceremony, {"name": name, "challenge": challenge, "expires_at": expires_at})


def end_ceremony(tx: Transaction, name: str, now: Millis) -> bytes | None:
    """Return a challenge, once; ``None`` where there is none that still counts."""
    row = tx.first(_end_ceremony, {"name": name})
    return row[0] if row is not None and row[1] > now else None


def invitation(tx: Transaction, fingerprint: str) -> Invitation | None:
    """Return an invitation, spent or not."""
    row = tx.first(_invitation, {"fingerprint": fingerprint})
    return None if row is None else Invitation(row[0], Role(row[1]), row[2], row[3])


def spend_invitation(tx: Transaction, fingerprint: str, agent: str) -> bool:
    """Use an invitation; ``False`` where somebody has used it already."""
    return tx.change(_spend, {"the_fingerprint": fingerprint, "used_by": agent}) == 1


def add_passkey(tx: Transaction, passkey: Passkey, at: Millis) -> bool:
    """Write a passkey; ``False`` where it is somebody's already."""
    row = {"credential": passkey.credential, "agent": passkey.agent, "public_key": passkey.public_key}
    return tx.change(_add_passkey, row | {"sign_count": passkey.sign_count, "created_at": at}) == 1


def passkey(tx: Transaction, credential: bytes) -> Passkey | None:
    """Return a passkey by its credential id."""
    row = tx.first(_passkey, {"credential": credential})
    return None if row is None else Passkey(*row)


def passkeys(tx: Transaction, agent: str) -> list[bytes]:
    """Return the credential ids of a person's passkeys."""
    return [credential for (credential,) in tx.all(_passkeys, {"agent": agent})]


def count_use(tx: Transaction, credential: bytes, sign_count: int) -> None:
    """Note how often a passkey says it has signed."""
    tx.change(_count_use, {"the_credential": credential, "sign_count": sign_count})


def _row(agent: Agent) -> dict[str, object]:
    return {"id": agent.id, "merchant": agent.merchant, "name": agent.name, "role": agent.role.value}


def _person(id: str, merchant: str, name: str, role: str) -> Agent:
    return Agent(id=id, merchant=merchant, name=name, role=Role(role))
