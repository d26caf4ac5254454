"""What a description may say. Here stands the camera rule.

The pages talk to each other directly, so the server cannot stop a packet; it can decide which descriptions reach the
other side. Two rules together keep a buyer unfilmed: her own description may not offer to send video, and the agent's may
not offer to receive it. A page of either side, however it was written, then has no agreed line on which a picture of the
buyer could be shown.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import replace
from typing import Final

from kanhuo.calls.terms import Side
from kanhuo.consent.model import Purpose
from kanhuo.kernel.errors import Code, Refused
from kanhuo.signalling.model import Description, Pair, Peer

MOST_CANDIDATES: Final = 200
"""How many candidates one round may have; a page with many interfaces and relays has some thirty."""

ALLOWED_LINES: Final = {"audio": 1, "video": 1}
"""How many media lines of each kind a description may have. Chat and pictures go through the server: no data channel."""

_RULES: Final = {
    "video": (Purpose.CAMERA, Code.CAMERA_NOT_CONSENTED, "camera"),
    "audio": (Purpose.MICROPHONE, Code.MICROPHONE_NOT_CONSENTED, "microphone"),
}


def check_description(description: Description, side: Side, agreed: AbstractSet[Purpose]) -> None:
    """See that a description keeps the rules.

    Args:
        description: what ``side`` says of its media.
        side: who made it.
        agreed: what the buyer agrees to at this moment.

    Raises:
        Refused: ``camera_not_consented``, ``microphone_not_consented``, or ``description_malformed`` for lines that a
            call never has.
    """
    _check_shape(description)
    for line in description.lines:
        purpose, code, what = _RULES[line.kind]
        if purpose in agreed:
            continue
        if side is Side.BUYER and (line.direction.sends or line.sources):
            raise Refused(code, f"the description would send the buyer's {what}, to which the buyer has not agreed")
        if side is Side.AGENT and line.direction.receives and line.kind == "video":
            raise Refused(code, f"the description asks for the buyer's {what}, to which the buyer has not agreed")


def _check_shape(description: Description) -> None:
    if not description.lines:
        raise Refused(Code.DESCRIPTION_MALFORMED, "the description has no media lines")
    for kind in {line.kind for line in description.lines}:
        count = sum(line.kind == kind for line in description.lines)
        if count > ALLOWED_LINES.get(kind, 0):
            raise Refused(Code.DESCRIPTION_MALFORMED, f"a call has one audio and one video line, not {count} × {kind}")
    if any(line.layers for line in description.lines):
        raise Refused(Code.DESCRIPTION_MALFORMED, "a call between two has no use for simulcast")


def joined(pair: Pair, side: Side, inst: str, device: str, round: int, now: int) -> Pair:
    """Return the pair after a page has taken one side; ``round`` is the highest it knows of."""
    before = pair.of(side)
    seq = next_seq(pair, now)
    peer = before if before is not None and (before.inst, before.device) == (inst, device) else Peer(inst, device, seq)
    after = _with(replace(pair, round=max(pair.round, round)), side, peer)
    return after if after == pair else replace(after, seq=seq)


def with_media(pair: Pair, side: Side, peer: Peer, media: tuple[bool, bool, str | None], now: int) -> Pair:
    """Return the pair after a side's page has said what it sends: sound, picture, and which way the camera looks."""
    if (peer.audio, peer.video, peer.facing) == media:
        return pair
    seq = next_seq(pair, now)
    return replace(_with(pair, side, Peer(peer.inst, peer.device, seq, *media)), seq=seq)


def merged(one: Pair, other: Pair) -> Pair:
    """Return what two nodes know of a pair together; the same in whichever order, and however often, it is done."""
    return Pair(
        call=one.call,
        seq=max(one.seq, other.seq),
        round=max(one.round, other.round),
        answered=max(one.answered, other.answered),
        candidates=one.candidates if one.round >= other.round else 0,
        buyer=_later(one.buyer, other.buyer),
        agent=_later(one.agent, other.agent),
    )


def adds(known: Pair, told: Pair) -> bool:
    """Whether what is told says something that is not known yet."""
    after = merged(known, told)
    return (after.round, after.answered, after.buyer, after.agent) != (
        known.round, known.answered, known.buyer, known.agent
    )  # fmt: skip


def _later(one: Peer | None, other: Peer | None) -> Peer | None:
    if one is None or other is None:
        return one or other
    return max(one, other, key=lambda peer: (peer.since, peer.inst, peer.device))


def _with(pair: Pair, side: Side, peer: Peer) -> Pair:
    return replace(pair, buyer=peer) if side is Side.BUYER else replace(pair, agent=peer)


def offered(pair: Pair, side: Side, round: int) -> Pair:
    """Return the pair after an offer.

    The buyer alone offers: two first offers at once leave one side's ICE agent wedged for good (measured).

    Raises:
        Refused: ``unexpected_description`` from the agent, ``stale_round`` for a number used before.
    """
    if side is not Side.BUYER:
        raise Refused(Code.UNEXPECTED_DESCRIPTION, "the buyer's page alone makes offers; ask for one with peer.restart")
    if round <= pair.round:
        raise Refused(Code.STALE_ROUND, f"round {pair.round} has been offered already")
    return replace(pair, round=round, candidates=0)


def answered(pair: Pair, side: Side, round: int) -> Pair:
    """Return the pair after an answer.

    Raises:
        Refused: ``unexpected_description`` from the buyer or where this round has its answer, ``stale_round``.
    """
    if round != pair.round:
        raise Refused(Code.STALE_ROUND, f"round {pair.round} is the present one")
    if side is not Side.AGENT or pair.answered >= round:
        raise Refused(Code.UNEXPECTED_DESCRIPTION, "no answer of this side is expected in this round")
    return replace(pair, answered=round)


def candidate_found(pair: Pair, round: int) -> Pair:
    """Return the pair after one more candidate.

    Raises:
        Refused: ``stale_round``, ``too_many``.
    """
    if round != pair.round:
        raise Refused(Code.STALE_ROUND, f"round {pair.round} is the present one")
    if pair.candidates >= MOST_CANDIDATES:
        raise Refused(Code.TOO_MANY, f"a round has {MOST_CANDIDATES} candidates at most")
    # for every candidate that passes: `replace` takes three times as long
    return Pair(pair.call, pair.seq, pair.round, pair.answered, pair.candidates + 1, pair.buyer, pair.agent)


def next_seq(pair: Pair, now: int) -> int:
    """Return the next version of a pair: an instant, so that it goes on rising after a restart."""
    return max(pair.seq + 1, now)
