"""Passing descriptions and candidates between exactly two pages, after the rules have been applied.

A pair lives in memory, on each node that one of its pages is connected to. After a restart both pages join again with the
round they know of; a talk goes on meanwhile, because media never came through here. Nodes tell each other the whole pair,
and each merges what it hears: what was lost on the way is made good by the next word.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from kanhuo.accounts.model import Party
from kanhuo.calls.model import ANSWERED, Call
from kanhuo.calls.service import CHANGED, Calls
from kanhuo.calls.terms import Side, State
from kanhuo.calls.views import side_of
from kanhuo.consent.model import Purpose
from kanhuo.consent.service import AGREED, Agreed, ConsentBook
from kanhuo.kernel.clock import Clock
from kanhuo.kernel.errors import Code, Refused, not_now, not_yours
from kanhuo.shell.bus import Bus, Topic
from kanhuo.shell.wire import MOVED, Message, Moved, tell, tell_here
from kanhuo.signalling import policy
from kanhuo.signalling.messages import (
    DescriptionKind,
    Facing,
    IceServer,
    PeerCandidate,
    PeerCandidateFound,
    PeerDescribe,
    PeerDescribed,
    PeerJoin,
    PeerMedia,
    PeerRestart,
    PeerRestartAsked,
    PeerSide,
    PeersView,
)
from kanhuo.signalling.model import Pair, Peer
from kanhuo.signalling.sdp import read

PAIRED: Final = Topic("signalling.paired", Pair)
"""News: a pair as one node knows it."""


@dataclass(frozen=True, slots=True)
class Page:
    """Who speaks: a party on one device, in one load of a page."""

    party: Party
    device: str
    inst: str


class Signalling:
    """The pairs of pages of every call that goes on."""

    def __init__(self, bus: Bus, clock: Clock, calls: Calls, consents: ConsentBook, ice: tuple[IceServer, ...]) -> None:
        self._bus = bus
        self._clock = clock
        self._calls = calls
        self._consents = consents
        self._ice = ice
        self._pairs: dict[str, Pair] = {}
        bus.subscribe(CHANGED, self._on_change)
        bus.subscribe(AGREED, self._on_agreed)
        bus.subscribe(PAIRED, self._on_paired)
        bus.subscribe(MOVED, self._on_moved)
        bus.on_return(self._tell_again)

    async def join(self, page: Page, message: PeerJoin) -> None:
        """Let a page carry its side of a call; the newest page wins.

        Raises:
            Refused: ``not_yours``, ``not_now`` (the call has ended, or an agent has not answered it), ``not_found``.
        """
        call = await self._calls.regained(page.party, page.device, message.call)
        side = side_of(call, page.party)
        if side is Side.AGENT and call.state not in ANSWERED:
            raise not_now("answer the call first")
        before = self._pairs.get(call.id, Pair(call.id))
        pair = policy.joined(before, side, page.inst, page.device, message.round, self._clock.now())
        self._pairs[call.id] = pair
        consents = await self._consents.view(call.id)
        tell_here(self._bus, page.party.id, consents, only=page.device)
        pair = self._pairs.get(call.id, pair)
        if pair is before or call.state not in ANSWERED:
            tell_here(self._bus, page.party.id, self._view(pair), only=page.device)
        self._tell(call, pair)

    async def describe(self, page: Page, message: PeerDescribe) -> None:
        """Check a description and pass it on.

        Raises:
            Refused: ``camera_not_consented``, ``microphone_not_consented``, ``description_malformed``,
                ``unexpected_description``, ``stale_round``, ``peer_absent``, ``not_yours``, ``not_now``.
        """
        self._addressed(page, message.call, message.to)
        agreed = await self._consents.of(message.call)
        call, side, pair, other = self._addressed(page, message.call, message.to)
        move = policy.offered if message.kind is DescriptionKind.OFFER else policy.answered
        after = move(pair, side, message.round)
        # reading is what costs: whoever may not speak now is not read
        policy.check_description(read(message.sdp), side, agreed.purposes)
        self._pairs[call.id] = after
        self._bus.publish(PAIRED, after, *_parties(call))
        described = PeerDescribed(call=call.id, by=page.inst, round=message.round, kind=message.kind, sdp=message.sdp)
        self._pass_on(call, side.other, other, described)

    def candidate(self, page: Page, message: PeerCandidate) -> None:
        """Pass a candidate on.

        Raises:
            Refused: ``stale_round``, ``too_many``, ``peer_absent``, ``not_yours``, ``not_now``.
        """
        call, side, pair, other = self._addressed(page, message.call, message.to)
        self._pairs[call.id] = policy.candidate_found(pair, message.round)
        found = PeerCandidateFound(call=call.id, by=page.inst, round=message.round, candidate=message.candidate)
        self._pass_on(call, side.other, other, found)

    def restart(self, page: Page, message: PeerRestart) -> None:
        """Pass the agent's wish for an ICE restart to the buyer's page.

        Raises:
            Refused: ``unexpected_description`` from the buyer, ``peer_absent``, ``not_yours``, ``not_now``.
        """
        call, side, _, other = self._addressed(page, message.call, message.to)
        if side is Side.BUYER:
            raise Refused(Code.UNEXPECTED_DESCRIPTION, "the buyer's page restarts by making an offer")
        self._pass_on(call, Side.BUYER, other, PeerRestartAsked(call=call.id, by=page.inst))

    def media(self, page: Page, message: PeerMedia) -> None:
        """Note what a page says it sends, and tell both sides.

        Raises:
            Refused: ``not_yours``, ``not_now``, ``camera_not_consented``.
        """
        call, side, pair, peer = self._speaking(page, message.call)
        if side is Side.BUYER and message.video and not self._consents.known(call.id).allows(Purpose.CAMERA):
            raise Refused(Code.CAMERA_NOT_CONSENTED, "the buyer has not agreed to the camera")
        state = (message.audio, message.video, message.facing.value if message.facing else None)
        after = policy.with_media(pair, side, peer, state, self._clock.now())
        if after is not pair:
            self._pairs[call.id] = after
            self._tell(call, after)

    def _speaking(self, page: Page, call: str) -> tuple[Call, Side, Pair, Peer]:
        known = self._calls.live(call)
        if known is None:
            raise not_now("there is no such call going on")
        side = side_of(known, page.party)
        pair = self._pairs.get(call)
        peer = pair.of(side) if pair is not None else None
        if pair is None or peer is None or peer.inst != page.inst:
            raise not_yours("this page does not carry the call; join it first")
        return known, side, pair, peer

    def _addressed(self, page: Page, call: str, to: str) -> tuple[Call, Side, Pair, Peer]:
        known, side, pair, _ = self._speaking(page, call)
        if known.state not in ANSWERED:
            raise not_now("nobody has answered yet")
        other = pair.of(side.other)
        if other is None or other.inst != to:
            raise Refused(Code.PEER_ABSENT, "the other side's page is another one by now, or not here")
        return known, side, pair, other

    def _pass_on(self, call: Call, side: Side, peer: Peer, message: Message) -> None:
        party = call.buyer if side is Side.BUYER else call.agent
        if party is not None:
            tell(self._bus, party, message, only=peer.device)

    def _tell(self, call: Call, pair: Pair) -> None:
        """Show a pair that has changed to the pages here, and tell it to the nodes of the others."""
        self._bus.publish(PAIRED, pair, *_parties(call))
        self._show(call, pair)

    def _show(self, call: Call, pair: Pair) -> None:
        if call.state not in ANSWERED:
            return
        view = self._view(pair)
        for side, party in ((Side.BUYER, call.buyer), (Side.AGENT, call.agent)):
            peer = pair.of(side)
            if party is not None and peer is not None:
                tell_here(self._bus, party, view, only=peer.device)

    def _view(self, pair: Pair) -> PeersView:
        return PeersView(
            seq=pair.seq,
            call=pair.call,
            round=pair.round,
            buyer=_on_the_wire(pair.buyer),
            agent=_on_the_wire(pair.agent),
            ice=self._ice,
        )

    def _on_change(self, call: Call) -> None:
        if call.state is State.ENDED:
            self._pairs.pop(call.id, None)

    def _on_paired(self, told: Pair) -> None:
        """Take in what another node knows of a pair, and answer where it lacks something."""
        call, known = self._calls.live(told.call), self._pairs.get(told.call)
        if call is None or known is told:
            return
        known = known or Pair(told.call)
        if policy.adds(known, told):
            after = policy.merged(known, told)
            after = replace(after, seq=policy.next_seq(after, self._clock.now()))
            self._pairs[call.id] = after
            self._show(call, after)
        if policy.adds(told, known):
            self._bus.publish(PAIRED, self._pairs[call.id], *_parties(call))

    def _on_moved(self, moved: Moved) -> None:
        """Let the node that a page has moved to know its pair before the page says a word there."""
        call = self._calls.of_party(moved.party)
        pair = self._pairs.get(call.id) if call is not None else None
        if call is not None and pair is not None:
            self._bus.publish(PAIRED, pair, *_parties(call))

    def _tell_again(self) -> None:
        for pair in list(self._pairs.values()):
            call = self._calls.live(pair.call)
            if call is not None:
                self._bus.publish(PAIRED, pair, *_parties(call))

    def _on_agreed(self, agreed: Agreed) -> None:
        """Whatever the buyer's page still says: what she has taken back is shown no more."""
        call, pair = self._calls.live(agreed.call), self._pairs.get(agreed.call)
        if call is None or pair is None or pair.buyer is None or agreed.consents.allows(Purpose.CAMERA):
            return
        after = policy.with_media(pair, Side.BUYER, pair.buyer, (pair.buyer.audio, False, None), self._clock.now())
        if after is not pair:
            self._pairs[call.id] = after
            self._tell(call, after)


def _parties(call: Call) -> tuple[str, ...]:
    return tuple(party for party in (call.buyer, call.agent) if party is not None)


def _on_the_wire(peer: Peer | None) -> PeerSide | None:
    if peer is None:
        return None
    facing = Facing(peer.facing) if peer.facing else None
    return PeerSide(inst=peer.inst, audio=peer.audio, video=peer.video, facing=facing)
