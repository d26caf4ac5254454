"""Who is asking: passes and sessions become parties; people are invited, sign in and sign out."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from kanhuo.accounts import store
from kanhuo.accounts.model import Agent, Merchant, Party, Role
from kanhuo.accounts.passes import Verifier, vouched
from kanhuo.accounts.policy import (
    INVITATION_LIFE,
    LINK_SESSION_LIFE,
    SESSION_LIFE,
    check_password,
    counted_as,
    normalised,
    too_many_tries,
)
from kanhuo.accounts.store import Invitation
from kanhuo.kernel.clock import Clock, Millis
from kanhuo.kernel.errors import Code, Refused
from kanhuo.kernel.ids import AGENT, fingerprint, new_id, new_secret
from kanhuo.shell import journal
from kanhuo.shell.bus import Bus, Topic
from kanhuo.shell.database import Database, Transaction

SIGNED_OUT: Final = Topic("accounts.signed_out", frozenset[str])
"""News: the fingerprints of sessions that have ended."""

MERCHANT_CHANGED: Final = Topic("accounts.merchant_changed", str)
"""News for every node: the merchant (an id) whose name or hours have changed."""

_NOBODY: Final = PasswordHasher().hash("nobody has this password")
"""Checked for unknown logins, so that they take as long as known ones."""

REMEMBERED: Final = 10_000

MOST_HASHES: Final = 32
"""How many passwords may wait to be hashed."""


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A person who has just signed in, and the secret of her session (for the cookie, stored nowhere)."""

    agent: Agent
    merchant: Merchant
    secret: str
    by_link: bool = False


@dataclass(frozen=True, slots=True)
class Joined:
    """A person has taken up an invitation."""

    agent: str
    merchant: str
    role: Role


@dataclass(frozen=True, slots=True)
class Removed:
    """A person was taken out by the owner."""

    agent: str
    by: str


class Accounts:
    """Merchants and the people who answer for them."""

    def __init__(self, db: Database, bus: Bus, clock: Clock, verifier: Verifier) -> None:
        self._db = db
        self._bus = bus
        self._clock = clock
        self._verifier = verifier
        self._hasher = PasswordHasher()
        self._hashers = ThreadPoolExecutor(2, thread_name_prefix="argon2")
        self._hashes = 0
        self._merchants: dict[str, Merchant] = {}
        self._agents: OrderedDict[str, Agent] = OrderedDict()
        self._failures: OrderedDict[str, deque[Millis]] = OrderedDict()
        bus.subscribe(MERCHANT_CHANGED, lambda merchant: self._merchants.pop(merchant, None))
        bus.on_return(self._merchants.clear)

    # Who is asking

    async def party(self, pass_: str | None, cookie: str | None, *, late: Millis = 0) -> Party:
        """Return for whom a connection or request speaks: by its pass, else by its session cookie.

        ``late`` is for how long after its expiry a pass still speaks.

        Raises:
            Refused: ``expired``, ``bad_signature``, ``wrong_audience``, ``malformed`` or ``not_signed_in``.
        """
        if pass_ is None:
            return await self._by_session(cookie)
        party = self._verifier.party(pass_, self._clock.now(), late)
        if party.answers:
            await self._name(Agent(id=party.id, merchant=party.merchant, name=party.name, role=party.role))
        return party

    async def merchant(self, id: str) -> Merchant:
        """Return a merchant.

        Raises:
            Refused: ``not_found``.
        """
        if id not in self._merchants:
            merchant = await self._db.read(store.merchant, id)
            if merchant is None:
                raise Refused(Code.NOT_FOUND, "there is no such merchant")
            self._merchants[id] = merchant
        return self._merchants[id]

    async def agent(self, id: str) -> Agent:
        """Return a person who answers, or once answered.

        Raises:
            Refused: ``not_found``.
        """
        if id not in self._agents:
            agent = await self._db.read(store.agent, id)
            if agent is None:
                raise Refused(Code.NOT_FOUND, "there is no such agent")
            self._remember(agent)
        return self._agents[id]

    async def put_merchant(self, merchant: Merchant) -> None:
        """Write a merchant, new or changed."""
        await self._db.write(store.put_merchant, merchant)
        self._bus.broadcast(MERCHANT_CHANGED, merchant.id)

    # Invitations

    async def invite(self, merchant: str, role: Role, made_by: str | None = None) -> tuple[str, Millis]:
        """Return the secret of a new invitation and when it expires; it ends with who made it."""
        secret, now = new_secret(), self._clock.now()
        await self._db.write(_invite, fingerprint(secret), merchant, role, made_by, now)
        return secret, now + INVITATION_LIFE

    async def invitation(self, secret: str) -> Invitation:
        """Return what an invitation is for.

        Raises:
            Refused: ``invitation_spent`` where it was used, has expired or never was.
        """
        found = await self._db.read(store.invitation, fingerprint(secret))
        if found is None or found.used_by is not None or found.expires_at <= self._clock.now():
            raise _spent()
        return found

    async def join(self, secret: str, name: str, login: str, password: str) -> SignedIn:
        """Take up an invitation: a new person with a login and a password, signed in at once.

        Raises:
            Refused: ``invitation_spent``, ``weak_password``, ``name_taken``.
        """
        check_password(password)
        invitation = await self.invitation(secret)
        hashed = await self._hashing(self._hasher.hash, password)
        agent = Agent(id=new_id(AGENT), merchant=invitation.merchant, name=name.strip(), role=invitation.role)
        now = self._clock.now()
        await self._db.write(_join, fingerprint(secret), agent, normalised(login), hashed, now)
        return await self.begin_session(agent)

    # Signing in and out

    async def sign_in(self, login: str, password: str, address: str) -> SignedIn:
        """Sign a person in by login and password; unknown logins take as long as known ones.

        Raises:
            Refused: ``wrong_password``; ``too_many`` after too many failures of this login or this address; ``overloaded``.
        """
        login, now = normalised(login), self._clock.now()
        names = (f"login {login}", f"address {counted_as(address)}")
        if any(too_many_tries(list(self._failures.get(name, ())), now) for name in names):
            raise Refused(Code.TOO_MANY, "too many failed sign-ins; try again in a quarter of an hour")
        # counted before it is checked: many at once are many tries
        tries = [self._tries(name) for name in names]
        for failures in tries:
            failures.append(now)
        try:
            agent = await self._proved(login, password)
        except Refused as refusal:
            if refusal.code is Code.OVERLOADED:  # nothing was tried
                _take_back(tries, now)
            raise
        _take_back(tries, now)
        return await self.begin_session(agent)

    async def begin_session(self, agent: Agent) -> SignedIn:
        """Sign in a person whose identity has been proved.

        Raises:
            Refused: ``not_allowed`` where she has no login of her own: what a pass vouches for ends with the pass.
        """
        secret = new_secret()
        await self._db.write(_begin, fingerprint(secret), agent.id, self._clock.now())
        return SignedIn(agent, await self.merchant(agent.merchant), secret)

    async def signs_in(self, agent: str) -> bool:
        """Return whether a person is there and has a login of her own, so that a link lets her in."""
        return await self._db.read(store.signs_in, agent)

    async def link(self, agent: str, until: Millis) -> str:
        """Return a secret that signs an agent in, once, until then."""
        secret = new_secret()
        await self._db.write(store.add_link, fingerprint(secret), agent, until, self._clock.now())
        return secret

    async def follow(self, secret: str) -> SignedIn:
        """Sign in who was given a link.

        Raises:
            Refused: ``link_spent`` where it was followed before, has expired or never was.
        """
        session = new_secret()
        agent = await self._db.write(_follow, fingerprint(secret), fingerprint(session), self._clock.now())
        return SignedIn(agent, await self.merchant(agent.merchant), session, by_link=True)

    async def sign_out(self, party: Party) -> None:
        """End the party's own session and its sockets."""
        if party.session is not None:
            await self._db.write(store.end_session, party.session)
            self._bus.publish(SIGNED_OUT, frozenset({party.session}), party.id)

    async def sign_out_everywhere(self, agent: str) -> None:
        """End every session of a person, and their sockets."""
        self._bus.publish(SIGNED_OUT, await self._db.write(store.end_sessions, agent), agent)

    # Colleagues

    async def agents(self, merchant: str) -> list[Agent]:
        """Return the people of a merchant."""
        return await self._db.read(store.agents, merchant)

    async def remove(self, owner: Party, agent: str) -> None:
        """Take a person out and sign her out everywhere.

        Raises:
            Refused: ``not_found``, or ``not_now`` for the owner herself and for those who come by the shop's pass.
        """
        if agent == owner.id:
            raise Refused(Code.NOT_NOW, "an owner cannot remove herself")
        if vouched(agent):
            raise Refused(Code.NOT_NOW, "the shop vouches for her by its passes; there she has to be taken out")
        found = await self._db.read(store.agent, agent)
        if found is None or found.merchant != owner.merchant:
            raise Refused(Code.NOT_FOUND, "there is no such agent")
        await self._db.write(_remove, agent, owner.id, self._clock.now())
        await self.sign_out_everywhere(agent)

    # How it is done

    async def _by_session(self, cookie: str | None) -> Party:
        mark, now = fingerprint(cookie or ""), self._clock.now()
        found = await self._db.read(store.session, mark, now) if cookie else None
        if found is None:
            raise Refused(Code.NOT_SIGNED_IN, "sign in first, or bring a pass")
        agent, expires_at, lasts = found
        if expires_at - now < lasts // 2:
            await self._db.write(store.extend_session, mark, now + lasts)
        return Party(
            role=agent.role,
            id=agent.id,
            merchant=agent.merchant,
            name=agent.name,
            session=mark,
            by_link=lasts < SESSION_LIFE,
        )

    async def _proved(self, login: str, password: str) -> Agent:
        found = await self._db.read(store.by_login, login)
        agent, hashed = found or (None, _NOBODY)
        right = await self._hashing(self._matches, hashed, password)
        if agent is None or not right:
            raise Refused(Code.WRONG_PASSWORD, "the login or the password is wrong")
        if self._hasher.check_needs_rehash(hashed):
            renewed = await self._hashing(self._hasher.hash, password)
            await self._db.write(store.set_password, agent.id, renewed)
        return agent

    async def _name(self, agent: Agent) -> None:
        if self._agents.get(agent.id) != agent:
            await self._db.write(store.name_agent, agent, self._clock.now())
            self._remember(agent)

    def _remember(self, agent: Agent) -> None:
        self._agents[agent.id] = agent
        if len(self._agents) > REMEMBERED:
            self._agents.popitem(last=False)

    def _tries(self, name: str) -> deque[Millis]:
        failures = self._failures.setdefault(name, deque(maxlen=32))
        self._failures.move_to_end(name)
        if len(self._failures) > REMEMBERED:
            self._failures.popitem(last=False)
        return failures

    async def _hashing(self, work: Callable[..., Any], *values: str) -> Any:
        """Hash away from the loop and from everybody else's threads; a hash takes 64 MiB and a twentieth of a second."""
        if self._hashes >= MOST_HASHES:
            raise Refused(Code.OVERLOADED, "too many people sign in at once; try again in a moment")
        self._hashes += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._hashers, work, *values)
        finally:
            self._hashes -= 1

    def _matches(self, hashed: str, password: str) -> bool:
        try:
            return self._hasher.verify(hashed, password)
        except (VerificationError, InvalidHashError):
            return False


def _begin(tx: Transaction, mark: str, agent: str, now: Millis) -> None:
    if not store.signs_in(tx, agent):
        raise Refused(Code.NOT_ALLOWED, "who comes by the shop's pass has no login here")
    store.forget_sessions(tx, now)
    store.add_session(tx, mark, agent, now, SESSION_LIFE)


def _follow(tx: Transaction, link: str, mark: str, now: Millis) -> Agent:
    id = store.follow_link(tx, link, now)
    agent = None if id is None or not store.signs_in(tx, id) else store.agent(tx, id)
    if agent is None:
        raise Refused(Code.LINK_SPENT, "this link has been followed or has expired; sign in")
    store.forget_sessions(tx, now)
    store.add_session(tx, mark, agent.id, now, LINK_SESSION_LIFE)
    return agent


def _invite(tx: Transaction, mark: str, merchant: str, role: Role, made_by: str | None, now: Millis) -> None:
    store.forget_invitations(tx, now)
    store.add_invitation(tx, mark, merchant, role, now + INVITATION_LIFE, made_by)


def _join(tx: Transaction, mark: str, agent: Agent, login: str, hashed: str, now: Millis) -> None:
    if not store.spend_invitation(tx, mark, agent.id):
        raise _spent()
    if store.by_login(tx, login) is not None:
        raise Refused(Code.NAME_TAKEN, "somebody else has this login")
    store.add_agent(tx, agent, login, hashed, now)
    journal.append(tx, agent.merchant, Joined(agent.id, agent.merchant, agent.role), now)


def _remove(tx: Transaction, agent: str, by: str, now: Millis) -> None:
    removed = store.agent(tx, agent)
    assert removed is not None
    store.remove_agent(tx, agent, now)
    store.withdraw_invitations(tx, agent)
    journal.append(tx, removed.merchant, Removed(agent, by), now)


def _take_back(tries: list[deque[Millis]], at: Millis) -> None:
    for failures in tries:
        failures.remove(at)


def _spent() -> Refused:
    return Refused(Code.INVITATION_SPENT, "this invitation has been used or has expired; ask for a new one")
