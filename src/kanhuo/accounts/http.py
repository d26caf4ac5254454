"""Signing in, inviting, passkeys: the HTTP that a merchant's people use."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

import msgspec
from litestar import Request, Response, delete, get, post
from litestar.datastructures import Cookie
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from kanhuo.accounts.messages import MerchantCard, merchant_on_the_wire
from kanhuo.accounts.model import Agent, Merchant, Party, Role
from kanhuo.accounts.passes import vouched
from kanhuo.accounts.passkeys import Passkeys
from kanhuo.accounts.policy import SESSION_LIFE, Act, allow
from kanhuo.accounts.service import Accounts, SignedIn
from kanhuo.kernel.clock import Millis

COOKIE: Final = "kanhuo_session"
"""The cookie that holds the secret of a session."""

Login = Annotated[str, msgspec.Meta(min_length=1, max_length=120)]
Password = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=60, pattern=r"\S")]


class SignIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A login with its password."""

    login: Login
    password: Password


class Secret(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The secret of an invitation or a link. It stands in the body, because addresses are kept in logs."""

    secret: Annotated[str, msgspec.Meta(max_length=64)]


class TakeUp(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a new person wants to be called and sign in."""

    secret: Annotated[str, msgspec.Meta(max_length=64)]
    name: Name
    login: Login
    password: Password


class Invite(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """In which role a new person is invited."""

    role: Literal["agent", "owner"]


class Me(msgspec.Struct, frozen=True):
    """Who is signed in, and for whom she answers."""

    agent: Person
    merchant: MerchantCard
    by_link: bool = False
    """Whether a link has let her in: then she may answer, and not change who else may."""


class Person(msgspec.Struct, frozen=True):
    """A person with her role."""

    id: str
    name: str
    role: Role
    vouched: bool = False
    """Whether she comes by the shop's pass and has no login here; then only the shop can take her out."""


class People(msgspec.Struct, frozen=True):
    """The people of a merchant."""

    agents: list[Person]


class Invited(msgspec.Struct, frozen=True):
    """An invitation to hand on."""

    link: str
    expires_at: int


class Invitation(msgspec.Struct, frozen=True):
    """What an invitation is for."""

    merchant: MerchantCard
    role: Role


class NewPasskey(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the browser made: ``RegistrationResponseJSON``."""

    credential: dict[str, Any]


class PasskeyOptions(msgspec.Struct, frozen=True):
    """A ceremony's name and ``PublicKeyCredentialRequestOptionsJSON``."""

    ceremony: str
    options: dict[str, Any]


class PasskeySignIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the browser signed: ``AuthenticationResponseJSON``."""

    ceremony: Annotated[str, msgspec.Meta(max_length=64)]
    credential: dict[str, Any]


@post("/v1/sessions")
async def sign_in(
    accounts: NamedDependency[Accounts],
    origin: NamedDependency[str],
    request: Request[Any, Any, Any],
    data: JSONBody[SignIn],
) -> Response[Me]:
    """Sign in by login and password."""
    address = request.client.host if request.client else "unknown"
    return _entered(origin, await accounts.sign_in(data.login, data.password, address))


@post("/v1/sessions/link")
async def follow(
    accounts: NamedDependency[Accounts], origin: NamedDependency[str], data: JSONBody[Secret]
) -> Response[Me]:
    """Sign in by a link that was sent to the person: it works once."""
    return _entered(origin, await accounts.follow(data.secret))


@get("/v1/me")
async def me(
    accounts: NamedDependency[Accounts],
    party: NamedDependency[Party],
    origin: NamedDependency[str],
    request: Request[Any, Any, Any],
) -> Response[Me]:
    """Return who is signed in; her session, which lives on with use, lives on in the browser too."""
    allow(party, Act.SEE_ONESELF)
    secret = request.cookies.get(COOKIE) if party.session is not None else None
    who = _me(await accounts.agent(party.id), await accounts.merchant(party.merchant), by_link=party.by_link)
    return Response(who, cookies=[] if secret is None else [_cookie(origin, secret)])


@delete("/v1/sessions/current", status_code=204)
async def sign_out(
    accounts: NamedDependency[Accounts], party: NamedDependency[Party], origin: NamedDependency[str]
) -> Response[None]:
    """Sign out here."""
    allow(party, Act.SIGN_OUT)
    await accounts.sign_out(party)
    return _left(origin)


@delete("/v1/sessions", status_code=204)
async def sign_out_everywhere(
    accounts: NamedDependency[Accounts], party: NamedDependency[Party], origin: NamedDependency[str]
) -> Response[None]:
    """Sign out on every device."""
    allow(party, Act.SIGN_OUT)
    await accounts.sign_out_everywhere(party.id)
    return _left(origin)


@post("/v1/invitations")
async def invite(
    accounts: NamedDependency[Accounts],
    party: NamedDependency[Party],
    origin: NamedDependency[str],
    data: JSONBody[Invite],
) -> Invited:
    """Invite somebody: a link to hand on."""
    allow(party, Act.INVITE)
    secret, expires_at = await accounts.invite(party.merchant, Role(data.role), party.id)
    return Invited(invitation_link(origin, secret), expires_at)


@post("/v1/invitations/look", status_code=200)
async def invitation(accounts: NamedDependency[Accounts], data: JSONBody[Secret]) -> Invitation:
    """Return what an invitation is for."""
    found = await accounts.invitation(data.secret)
    return Invitation(merchant_on_the_wire(await accounts.merchant(found.merchant)), found.role)


@post("/v1/invitations/take")
async def take_up(
    accounts: NamedDependency[Accounts], origin: NamedDependency[str], data: JSONBody[TakeUp]
) -> Response[Me]:
    """Take up an invitation and be signed in."""
    return _entered(origin, await accounts.join(data.secret, data.name, data.login, data.password))


@get("/v1/agents")
async def people(accounts: NamedDependency[Accounts], party: NamedDependency[Party]) -> People:
    """Return the owner's colleagues."""
    allow(party, Act.SEE_AGENTS)
    return People([_person(agent) for agent in await accounts.agents(party.merchant)])


@delete("/v1/agents/{agent:str}", status_code=204)
async def remove(accounts: NamedDependency[Accounts], party: NamedDependency[Party], agent: FromPath[str]) -> None:
    """Take a colleague out; she is signed out everywhere."""
    allow(party, Act.REMOVE_AGENT)
    await accounts.remove(party, agent)


@post("/v1/passkeys/options", status_code=200)
async def passkey_options(passkeys: NamedDependency[Passkeys], party: NamedDependency[Party]) -> dict[str, Any]:
    """Return the options with which the page makes a passkey."""
    allow(party, Act.KEEP_PASSKEYS)
    return await passkeys.creation_options(party)


@post("/v1/passkeys", status_code=204)
async def add_passkey(
    passkeys: NamedDependency[Passkeys], party: NamedDependency[Party], data: JSONBody[NewPasskey]
) -> None:
    """Keep a new passkey."""
    allow(party, Act.KEEP_PASSKEYS)
    await passkeys.add(party, data.credential)


@post("/v1/sessions/passkey/options", status_code=200)
async def passkey_request(passkeys: NamedDependency[Passkeys]) -> PasskeyOptions:
    """Return the options with which the page asks for a passkey."""
    return PasskeyOptions(*await passkeys.request_options())


@post("/v1/sessions/passkey")
async def sign_in_by_passkey(
    accounts: NamedDependency[Accounts],
    passkeys: NamedDependency[Passkeys],
    origin: NamedDependency[str],
    data: JSONBody[PasskeySignIn],
) -> Response[Me]:
    """Sign in by passkey."""
    return _entered(origin, await accounts.begin_session(await passkeys.check(data.ceremony, data.credential)))


def invitation_link(origin: NamedDependency[str], secret: str) -> str:
    """Return the link of an invitation; the secret stands behind ``#``, so no server or log sees it."""
    return f"{origin}/console/#invite={secret}"


HANDLERS: Final = (
    sign_in,
    follow,
    me,
    sign_out,
    sign_out_everywhere,
    invite,
    invitation,
    take_up,
    people,
    remove,
    passkey_options,
    add_passkey,
    passkey_request,
    sign_in_by_passkey,
)


def _entered(origin: str, entered: SignedIn) -> Response[Me]:
    cookies = [_cookie(origin, entered.secret)]
    who = _me(entered.agent, entered.merchant, by_link=entered.by_link)
    return Response(who, status_code=201, cookies=cookies)


def _left(origin: str) -> Response[None]:
    return Response(None, status_code=204, cookies=[_cookie(origin, "", life=0)])


def _cookie(origin: str, secret: str, life: Millis = SESSION_LIFE) -> Cookie:
    secure = origin.startswith("https://")  # by what is configured: behind a proxy every request looks like http
    return Cookie(key=COOKIE, value=secret, max_age=life // 1_000, httponly=True, samesite="lax", secure=secure)


def _me(agent: Agent, merchant: Merchant, *, by_link: bool) -> Me:
    return Me(_person(agent), merchant_on_the_wire(merchant), by_link)


def _person(agent: Agent) -> Person:
    return Person(agent.id, agent.name, agent.role, vouched(agent.id))
