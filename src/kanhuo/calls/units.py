"""Units of work on calls: synchronous functions on a transaction that read, decide, write and journal.

Nothing interleaves in one. What they return is told to people only after the commit.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from kanhuo.calls import store
from kanhuo.calls.events import (
    Asked,
    Close,
    Command,
    Declined,
    Ended,
    Event,
    Lose,
    Offer,
    RingExpired,
    RingWithdrawn,
    WithdrawRing,
)
from kanhuo.calls.model import ANSWERED, Call, decide, evolve
from kanhuo.calls.policy import Patience, deadline, expiry, may_be_offered, unanswered
from kanhuo.calls.terms import Outcome, RatingWhy, Side, State
from kanhuo.catalogue import store as cards
from kanhuo.catalogue.model import ContextCard
from kanhuo.kernel.clock import Millis
from kanhuo.kernel.errors import Code, Refused, not_now, not_yours
from kanhuo.presence.service import Staff
from kanhuo.routing.policy import anyone_left, choose
from kanhuo.shell import journal
from kanhuo.shell.database import Transaction

AT_ONCE = 64
"""How many waiting calls of one merchant are looked at together; the rest wait behind them anyway."""


@dataclass(frozen=True, slots=True)
class Change:
    """What one event made of a call; ``before`` is ``None`` for a new one."""

    before: Call | None
    after: Call
    event: Event


@dataclass(frozen=True, slots=True)
class Rated:
    """The buyer gave a verdict."""

    stars: int
    why: RatingWhy | None


@dataclass(frozen=True, slots=True)
class WrappedUp:
    """The agent summed the call up; her note stays out of the journal."""

    agent: str
    outcome: Outcome


def ask(
    tx: Transaction, call: Call, key: str, card: ContextCard, staff: Staff, patience: Patience
) -> tuple[Call, list[Change]]:
    """Begin a call, or find the one that the same request began before; then ring whoever can be rung.

    Raises:
        Refused: ``already_in_call`` where the buyer has another call that has not ended.
    """
    known = store.by_key(tx, call.buyer, key)
    if known is not None:
        return known, []
    if store.live_of_buyer(tx, call.buyer) is not None:
        raise Refused(Code.ALREADY_IN_CALL, "this buyer is in a call already")
    cards.put(tx, call.card, card)
    store.add(tx, call, key, deadline(call, patience))
    asked = Asked(call.merchant, call.buyer, call.card, call.media)
    journal.append(tx, call.id, asked, call.asked_at)
    return call, [Change(None, call, asked), *assign(tx, call.merchant, staff, patience, call.asked_at)]


def move(
    tx: Transaction, call: str, command: Command, staff: Staff, patience: Patience, now: Millis
) -> tuple[Call, list[Change]]:
    """Give a command to a call and, where that sets somebody free or leaves the call waiting, ring whoever can be rung.

    Raises:
        Refused: ``not_found``, ``not_yours`` or ``not_now``; nothing has changed then.
    """
    before = found(tx, call)
    change = _step(tx, before, command, patience, now)
    if change is None:
        return before, []
    return change.after, [change, *_assign_after(tx, change, staff, patience, now)]


def expire(tx: Transaction, call: str, staff: Staff, patience: Patience, now: Millis) -> list[Change]:
    """Let time act on a call, if it is due indeed."""
    before = found(tx, call)
    command = expiry(before, patience, now)
    if command is None:
        return []
    change = _step(tx, before, command, patience, now)
    return [] if change is None else [change, *_assign_after(tx, change, staff, patience, now)]


def assign(tx: Transaction, merchant: str, staff: Staff, patience: Patience, now: Millis) -> list[Change]:
    """Ring free agents for waiting calls, first come first served, and end the calls that nobody is left to take."""
    changes = _withdraw(tx, merchant, staff, patience, now)
    waiting = store.waiting(tx, merchant, AT_ONCE)
    if not waiting:
        return changes
    busy = store.engaged(tx, merchant) | staff.resting
    for call in waiting:
        command = _next(call, staff, busy, patience, now)
        change = None if command is None else _step(tx, call, command, patience, now)
        if change is not None:
            changes.append(change)
            busy |= {change.after.agent} if change.after.agent else set()
    return changes


def recover(tx: Transaction, patience: Patience, now: Millis) -> list[Change]:
    """After a restart: every page has lost its socket, so both sides of every live call have their time to return.

    Whoever was missing already could not come back while we were away: her time begins anew too.
    """
    changes = []
    for call in store.live(tx):
        present = call
        if call.missing:
            present = replace(call, missing_since=now, version=call.version + 1)
            store.put(tx, call, present, deadline(present, patience))
        for side in Side:
            change = _step(tx, present, Lose(side), patience, now)
            if change is not None:
                changes.append(change)
                present = change.after
    return changes


def rate(tx: Transaction, call: str, buyer: str, stars: int, why: RatingWhy | None, now: Millis) -> None:
    """Keep a buyer's verdict on an ended call; the first one counts.

    Raises:
        Refused: ``not_found``, ``not_yours``, or ``not_now`` while the call goes on.
    """
    rated = found(tx, call)
    if rated.buyer != buyer:
        raise not_yours("somebody else made this call")
    if rated.state is not State.ENDED:
        raise not_now("the call goes on")
    if not store.rated(tx, call):
        store.rate(tx, call, stars, why, now)
        journal.append(tx, call, Rated(stars, why), now)


def wrap_up(tx: Transaction, call: str, agent: str, outcome: Outcome, note: str, now: Millis) -> None:
    """Keep an agent's note on a call she answered; the first one counts.

    Raises:
        Refused: ``not_found``, ``not_yours``, or ``not_now`` while the call goes on.
    """
    wrapped = found(tx, call)
    if wrapped.agent != agent or wrapped.answered_at is None:
        raise not_yours("another agent answered this call")
    if wrapped.state is not State.ENDED:
        raise not_now("the call goes on")
    if not store.wrapped(tx, call):
        store.wrap_up(tx, wrapped, outcome, note, now)
        journal.append(tx, call, WrappedUp(agent, outcome), now)


def found(tx: Transaction, call: str) -> Call:
    """Return a call.

    Raises:
        Refused: ``not_found``.
    """
    known = store.get(tx, call)
    if known is None:
        raise Refused(Code.NOT_FOUND, "there is no such call")
    return known


def _withdraw(tx: Transaction, merchant: str, staff: Staff, patience: Patience, now: Millis) -> list[Change]:
    """Stop ringing agents who have gone off duty or closed their page: somebody else may be there."""
    if now - staff.counted_since < patience.nobody:
        return []  # after a restart of ours, pages need a moment to say that they are there
    on_duty = {agent for agent, _ in staff.on_duty}
    changes = []
    for call in store.ringing(tx, merchant):
        change = None if call.agent in on_duty else _step(tx, call, WithdrawRing(), patience, now)
        if change is not None:
            changes.append(change)
    return changes


def _step(tx: Transaction, before: Call, command: Command, patience: Patience, now: Millis) -> Change | None:
    event = decide(before, command)
    if event is None:
        return None
    after = evolve(before, event, now)
    store.put(tx, before, after, deadline(after, patience))
    journal.append(tx, after.id, event, now)
    return Change(before, after, event)


def _next(call: Call, staff: Staff, busy: frozenset[str], patience: Patience, now: Millis) -> Command | None:
    if may_be_offered(call, patience):
        if Side.BUYER in call.missing:
            return None
        agent = choose(staff.on_duty, busy.union(call.tried))
        if agent is not None:
            return Offer(agent)
        if anyone_left(staff.on_duty, call.tried):
            return None
        if staff.nobody_since is not None and now - staff.nobody_since < patience.nobody:
            return None
    return Close(unanswered(call))


def _assign_after(tx: Transaction, change: Change, staff: Staff, patience: Patience, now: Millis) -> list[Change]:
    if not isinstance(change.event, Declined | RingExpired | RingWithdrawn | Ended):
        return []
    before, after = change.before, change.after
    if after.agent is not None and before is not None and before.state in ANSWERED:
        staff = replace(staff, resting=staff.resting | {after.agent})
    return assign(tx, after.merchant, staff, patience, now)
