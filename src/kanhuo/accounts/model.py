"""Merchants, the people who answer for them, and the party a connection speaks for."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """What somebody is to us."""

    BUYER = "buyer"
    AGENT = "agent"
    OWNER = "owner"


@dataclass(frozen=True, slots=True)
class Opening:
    """One stretch of promised hours: a weekday (0 is Monday) with minutes after midnight in the merchant's time zone."""

    weekday: int
    start: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Merchant:
    """Somebody who sells and answers calls."""

    id: str
    name: str
    picture: str | None = None
    hours: tuple[Opening, ...] = ()
    """Promised hours; empty where none are promised."""
    zone: str = "Asia/Shanghai"


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """A person who answers for a merchant; the owner is one too."""

    id: str
    merchant: str
    name: str
    role: Role


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """Whom a connection or request speaks for, once a pass or a session has been verified."""

    role: Role
    id: str
    merchant: str
    name: str = ""
    context: bytes | None = None
    """For a buyer: the JSON of the pass's ``context`` claim, not yet validated (``catalogue`` does that)."""
    session: str | None = None
    """For an agent who signed in by herself: the fingerprint of her session, so that signing out can end sockets."""
    by_link: bool = False
    """Whether a link has let her in: others may read where it was sent to."""

    @property
    def answers(self) -> bool:
        """Whether this party answers calls (agents and owners) rather than makes them."""
        return self.role is not Role.BUYER
