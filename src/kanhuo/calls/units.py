"""Units of work on calls: synchronous functions on a transaction that read, decide, write and journal.

Nothing interleaves in one. What they return is told to people only after the commit.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace

from kanhuo.calls import store, verdicts
from kanhuo.calls.events import (
    Accept,
    Accepted,
    Asked,
    Close,
    Command,
    Declined,
    Ended,
    Event,
    Hear,
    Heard,
    Lose,
    Offer,
    Regain,
    RingExpired,
    RingUnheard,
    RingWithdrawn,
    WithdrawRing,
)
from kanhuo.calls.model import ANSWERED, Call, decide, evolve
from kanhuo.calls.policy import Patience, deadline, expiry, may_be_offered, unanswered
from kanhuo.calls.store import Line
from kanhuo.calls.terms import Outcome, RatingWhy, Side, State
from kanhuo.catalogue import store as cards
from kanhuo.catalogue.model import ContextCard
from kanhuo.kernel.clock import Millis
from kanhuo.kernel.errors import Code, Refused, Stale, not_now, not_yours
from kanhuo.presence.service import UNASKED, Staff
from kanhuo.reach import store as knocks
from kanhuo.reach.model import Endpoint, Knock, Rung, Shown
from kanhuo.reach.model import evolve as evolve_knock
from kanhuo.reach.policy import AFTER_PAGE, AFTER_RING, climb, may_be_shown, reaches
from kanhuo.routing.policy import anyone_left, choose
from kanhuo.shell import journal
from kanhuo.shell.database import Transaction

TAKEN_OVER = 100
"""How many calls of a node that has died are taken over in one unit."""


@dataclass(frozen=True, slots=True)
class Change:
    """What one event made of a call; ``before`` is ``None`` for a new one."""

    before: Call | None
    after: Call
    event: Event


@dataclass(frozen=True, slots=True)
class Moment:
    """What a unit has to know of the world beside the database."""

    now: Millis
    patience: Patience
    node: str
    """Where the unit is run: whose sockets carry the page that asks for it."""
    staff: Staff = UNASKED
    """The merchant's people, where the unit may ring one of them."""
    by_shop: Endpoint | None = None
    """The shop's own back end, where it is told of rings."""


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


def ask(tx: Transaction, call: Call, key: str, card: ContextCard | None, moment: Moment) -> tuple[Call, list[Change]]:
    """Begin a call, or find the one that the same request began before; then ring whoever can be rung.

    ``card`` is ``None`` where it is known to be kept.

    Raises:
        Refused: ``already_in_call`` where the buyer has another call that has not ended.
    """
    if card is not None:
        cards.put(tx, call.card, card)
    asked = Asked(call.merchant, call.buyer, call.card, call.media)
    begun = store.begin(tx, call, key, deadline(call, moment.patience), moment.node, asked)
    if begun.known is not None:
        store.carry(tx, begun.known.id, Side.BUYER, moment.node)  # she may ask again at another node
        return begun.known, []
    if begun.live is not None:
        raise Refused(Code.ALREADY_IN_CALL, "this buyer is in a call already")
    return call, [Change(None, call, asked), *assign(tx, call.merchant, moment, begun.line)]


def move(tx: Transaction, call: str, command: Command, moment: Moment) -> tuple[Call, list[Change]]:
    """Give a command to a call and, where that sets somebody free or leaves the call waiting, ring whoever can be rung.

    Raises:
        Refused: ``not_found``, ``not_yours`` or ``not_now``; nothing has changed then.
    """
    before = found(tx, call)
    match command:
        case Lose(side) if store.carrier(tx, call, side) not in (None, moment.node):
            return before, []  # her page has moved to another node
        case Regain(side):
            store.carry(tx, call, side, moment.node)
    change = _step(tx, before, command, moment)
    return (before, []) if change is None else (change.after, [change, *_assign_after(tx, change, moment)])


def step(tx: Transaction, call: str, command: Command, moment: Moment, known: Call | None) -> tuple[Call, list[Change]]:
    """Give a command to a call where nobody is to be rung for it: one writing statement at most.

    ``known`` is the call as this node remembers it. It is tried first; where the memory is late it is read and decided
    anew, so that nobody is refused by what was.

    Raises:
        Refused: as :func:`move`.
    """
    if known is not None:
        with suppress(Refused, Stale):
            change = _step(tx, known, command, moment)
            if change is not None:
                return change.after, [change]
    before = found(tx, call)
    change = _step(tx, before, command, moment)
    if change is None and isinstance(command, Accept):
        store.carry(tx, call, Side.AGENT, moment.node)  # accepted already, at another node, where the answer was lost
    return (before, []) if change is None else (change.after, [change])


def expire(tx: Transaction, call: str, moment: Moment) -> list[Change]:
    """Let time act on a call, if it is due indeed and no other node is at it."""
    before = store.if_due(tx, call, moment.now)
    command = None if before is None else expiry(before, moment.patience, moment.now)
    if before is None or command is None:
        return []
    change = _step(tx, before, command, moment)
    return [] if change is None else [change, *_assign_after(tx, change, moment)]


def assign(tx: Transaction, merchant: str, moment: Moment, line: Line | None = None) -> list[Change]:
    """Ring free agents for waiting calls, first come first served, and end the calls that nobody is left to take.

    ``line`` is the merchant's, where it has just been read.
    """
    line = store.line(tx, merchant) if line is None else line
    changes = _withdraw(tx, line, moment)
    if changes:
        line = store.line(tx, merchant)
    busy = line.engaged | moment.staff.resting
    for call in line.waiting:
        command = _next(call, busy, moment)
        where = _where(tx, call, command, moment) if isinstance(command, Offer) else []
        if isinstance(command, Offer) and command.agent in moment.staff.away and where:
            command = replace(command, rung=where[0][0].rung)
        change = None if command is None else _step(tx, call, command, moment)
        if change is not None:
            changes.append(change)
            busy |= {change.after.agent} if change.after.agent else set()
            _plan_knocks(tx, change.after, where, moment)
    return changes


def heard(
    tx: Transaction, call: str, agent: str, rung: Rung, device: str, moment: Moment, *, opened: bool = False
) -> list[Change]:
    """Note that the ring has reached an agent, if she is still rung; the rungs above are left for a little longer."""
    before = found(tx, call)
    if before.state is not State.RINGING or before.agent != agent:
        return []
    after = moment.now - before.since
    change = _step(tx, before, Hear(agent, rung, device, after, opened), moment)
    if change is None:  # it was known already that the ring reaches her; how soon on this device is worth a line too
        journal.append(tx, call, Heard(agent, rung, device, after), moment.now)
    if not reaches(rung) or opened:
        knocks.leave_in_peace(tx, call, moment.now + AFTER_RING if opened else before.since + AFTER_RING)
    return [] if change is None else [change]


def knocked(tx: Transaction, knock: str, moment: Moment) -> tuple[bool, list[Change]]:
    """Note that the ring is shown by what was knocked at; also say whether the ring is over."""
    known = knocks.knock(tx, knock)
    if known is None:
        return True, []
    call = found(tx, known.call)
    over = call.state is not State.RINGING or call.agent != known.agent
    if over or not may_be_shown(known):
        return over, []
    knocks.put(tx, known, evolve_knock(known, Shown(), moment.now))
    knocks.answered(tx, known.agent)
    opened = known.rung is not Rung.PUSH
    return False, heard(tx, call.id, known.agent, known.rung, known.endpoint, moment, opened=opened)


def take_over(tx: Transaction, dead: str, moment: Moment) -> tuple[int, list[Change]]:
    """Let the sides that a dead node carried have their time to return; also say how many calls were looked at.

    Their pages have lost their sockets and look for another node.
    """
    changes = []
    calls = store.carried(tx, dead, TAKEN_OVER)
    for call, sides in calls:
        present = call
        for side in sides:
            store.carry(tx, call.id, side, None)
            change = _step(tx, present, Lose(side), moment)
            if change is not None:
                changes.append(change)
                present = change.after
    return len(calls), changes


def wait_anew(tx: Transaction, moment: Moment) -> None:
    """Give those who are missing their whole time again: while no node was there, nobody could come back."""
    for call in store.absent(tx):
        anew = replace(call, missing_since=moment.now, version=call.version + 1)
        store.put(tx, call, anew, deadline(anew, moment.patience))


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
    if not verdicts.rated(tx, call):
        verdicts.rate(tx, call, stars, why, now)
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
    verdicts.wrap_up(tx, wrapped, outcome, note, now, WrappedUp(agent, outcome))


def found(tx: Transaction, call: str) -> Call:
    """Return a call.

    Raises:
        Refused: ``not_found``.
    """
    known = store.get(tx, call)
    if known is None:
        raise Refused(Code.NOT_FOUND, "there is no such call")
    return known


def _withdraw(tx: Transaction, line: Line, moment: Moment) -> list[Change]:
    """Stop ringing agents who have gone off duty or closed their page: somebody else may be there."""
    staff = moment.staff
    if not staff.whole or moment.now - staff.counted_since < moment.patience.nobody:
        return []  # after a restart of ours, pages need a moment to say that they are there
    on_duty = {agent for agent, _ in staff.on_duty}
    changes = []
    for call in line.ringing:
        change = None if call.agent in on_duty else _step(tx, call, WithdrawRing(), moment)
        if change is not None:
            changes.append(change)
    return changes


def _step(tx: Transaction, before: Call, command: Command, moment: Moment) -> Change | None:
    event = decide(before, command)
    if event is None:
        return None
    after = evolve(before, event, moment.now)
    agent_at = moment.node if isinstance(event, Accepted) else None
    store.happened(tx, before, after, deadline(after, moment.patience), event, moment.now, agent_at)
    return Change(before, after, event)


def _next(call: Call, busy: frozenset[str], moment: Moment) -> Command | None:
    staff = moment.staff
    if may_be_offered(call, moment.patience):
        if Side.BUYER in call.missing:
            return None
        agent = choose(staff.on_duty, busy.union(call.tried), later=staff.away)
        if agent is not None:
            return Offer(agent, Rung.PUSH if agent in staff.away else Rung.SOCKET)
        if anyone_left(staff.on_duty, call.tried):
            return None
        if not staff.whole:
            return None  # somebody may be on duty with another node
        if staff.nobody_since is not None and moment.now - staff.nobody_since < moment.patience.nobody:
            return None
    return Close(unanswered(call))


def _where(tx: Transaction, call: Call, offer: Offer, moment: Moment) -> list[tuple[Endpoint, Millis]]:
    """Return where an agent can be knocked at beyond her pages, first rung first."""
    if offer.agent not in moment.staff.reachable:
        return []
    endpoints = knocks.endpoints(tx, offer.agent, moment.now)
    if moment.by_shop is not None:
        endpoints.append(moment.by_shop)
    return climb(endpoints, knocks.ladder(tx, call.merchant))


def _plan_knocks(tx: Transaction, call: Call, where: list[tuple[Endpoint, Millis]], moment: Moment) -> None:
    if call.agent is None or not where:
        return
    pattern = Knock(
        id="",
        call=call.id,
        card=call.card,
        media=call.media,
        merchant=call.merchant,
        agent=call.agent,
        endpoint="",
        rung=Rung.PUSH,
        planned_at=call.since,
        until=call.since + moment.patience.ring + (moment.patience.unheard if call.unheard else 0),
        due=knocked_at(call),
    )
    knocks.plan(tx, pattern, where)


def knocked_at(call: Call) -> Millis:
    """Return when the agent who has begun to be rung is first knocked at: at once where she has no page open."""
    return call.since + (0 if call.unheard else AFTER_PAGE)


def _assign_after(tx: Transaction, change: Change, moment: Moment) -> list[Change]:
    if moment.staff is UNASKED or not isinstance(
        change.event, Declined | RingExpired | RingUnheard | RingWithdrawn | Ended
    ):
        return []
    before, after = change.before, change.after
    if after.agent is not None and before is not None and before.state in ANSWERED:
        resting = moment.staff.resting | {after.agent}
        moment = replace(moment, staff=replace(moment.staff, resting=resting))
    return assign(tx, after.merchant, moment)
