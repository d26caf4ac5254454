"""Passing descriptions and candidates between exactly two pages, after the rules have been applied.

A pair lives in memory. After a restart both pages join again with the round they know of; a talk goes on meanwhile,
because media never came through here.
"""

from __future__ import annotations

from dataclasses import dataclass

from kanhuo.accounts.model import Party
from kanhuo.calls.model import ANSWERED, Call
from kanhuo.calls.service import CHANGED, Calls, side_of
from kanhuo.calls.terms import Side, State
from kanhuo.calls.units import Change
from kanhuo.consent.model import Purpose
from kanhuo.consent.service import WITHDRAWN, ConsentBook
from kanhuo.kernel.clock import Clock
from kanhuo.kernel.errors import Code, Refused, not_now, not_yours
from kanhuo.shell.bus import Bus
from kanhuo.shell.wire import Message, tell
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
        self._devices: dict[tuple[str, Side], str] = {}
        bus.subscribe(CHANGED, self._on_change)
        bus.subscribe(WITHDRAWN, self._on_withdrawn)

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
        pair = policy.joined(before, side, page.inst, message.round, self._clock.now())
        self._pairs[call.id] = pair
        self._devices[call.id, side] = page.device
        consents = await self._consents.view(call.id)
        tell(self._bus, page.party.id, consents, only=page.device)
        if pair is before or call.state not in ANSWERED:
            tell(self._bus, page.party.id, self._view(pair), only=page.device)
        else:
            self._show(call, pair)

    async def describe(self, page: Page, message: PeerDescribe) -> None:
        """Check a description and pass it on.

        Raises:
            Refused: ``camera_not_consented``, ``microphone_not_consented``, ``description_malformed``,
                ``unexpected_description``, ``stale_round``, ``peer_absent``, ``not_yours``, ``not_now``.
        """
        call, side, pair, _ = self._addressed(page, message.call, message.to)
        agreed = await self._consents.of(call.id)
        move = policy.offered if message.kind is DescriptionKind.OFFER else policy.answered
        after = move(pair, side, message.round)
        # reading is what costs: whoever may not speak now is not read
        policy.check_description(read(message.sdp), side, agreed.purposes)
        self._pairs[call.id] = after
        described = PeerDescribed(call=call.id, by=page.inst, round=message.round, kind=message.kind, sdp=message.sdp)
        self._pass_on(call, side.other, described)

    def candidate(self, page: Page, message: PeerCandidate) -> None:
        """Pass a candidate on.

        Raises:
            Refused: ``stale_round``, ``too_many``, ``peer_absent``, ``not_yours``, ``not_now``.
        """
        call, side, pair, _ = self._addressed(page, message.call, message.to)
        self._pairs[call.id] = policy.candidate_found(pair, message.round)
        found = PeerCandidateFound(call=call.id, by=page.inst, round=message.round, candidate=message.candidate)
        self._pass_on(call, side.other, found)

    def restart(self, page: Page, message: PeerRestart) -> None:
        """Pass the agent's wish for an ICE restart to the buyer's page.

        Raises:
            Refused: ``unexpected_description`` from the buyer, ``peer_absent``, ``not_yours``, ``not_now``.
        """
        call, side, _, _ = self._addressed(page, message.call, message.to)
        if side is Side.BUYER:
            raise Refused(Code.UNEXPECTED_DESCRIPTION, "the buyer's page restarts by making an offer")
        self._pass_on(call, Side.BUYER, PeerRestartAsked(call=call.id, by=page.inst))

    def media(self, page: Page, message: PeerMedia) -> None:
        """Note what a page says it sends, and tell both sides.

        Raises:
            Refused: ``not_yours``, ``not_now``, ``camera_not_consented``.
        """
        call, side, pair, peer = self._speaking(page, message.call)
        if side is Side.BUYER and message.video and not self._consents.known(call.id).allows(Purpose.CAMERA):
            raise Refused(Code.CAMERA_NOT_CONSENTED, "the buyer has not agreed to the camera")
        state = (message.audio, message.video, message.facing.value if message.facing else None)
        after = policy.with_media(pair, side, peer.inst, state, self._clock.now())
        if after is not pair:
            self._pairs[call.id] = after
            self._show(call, after)

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

    def _pass_on(self, call: Call, side: Side, message: Message) -> None:
        party = call.buyer if side is Side.BUYER else call.agent
        if party is not None:
            tell(self._bus, party, message, only=self._devices.get((call.id, side)))

    def _show(self, call: Call, pair: Pair) -> None:
        if call.state not in ANSWERED:
            return
        view = self._view(pair)
        for side in Side:
            self._pass_on(call, side, view)

    def _view(self, pair: Pair) -> PeersView:
        return PeersView(
            seq=pair.seq,
            call=pair.call,
            round=pair.round,
            buyer=_on_the_wire(pair.buyer),
            agent=_on_the_wire(pair.agent),
            ice=self._ice,
        )

    def _on_change(self, change: Change) -> None:
        call = change.after
        if call.state is State.ENDED:
            self._pairs.pop(call.id, None)
            for side in Side:
                self._devices.pop((call.id, side), None)

    def _on_withdrawn(self, what: tuple[str, Purpose]) -> None:
        """Whatever the buyer's page still says: what she has taken back is shown no more."""
        call, pair = self._calls.live(what[0]), self._pairs.get(what[0])
        if call is None or pair is None or pair.buyer is None or what[1] is not Purpose.CAMERA:
            return
        after = policy.with_media(pair, Side.BUYER, pair.buyer.inst, (pair.buyer.audio, False, None), self._clock.now())
        self._pairs[call.id] = after
        self._show(call, after)


def _on_the_wire(peer: Peer | None) -> PeerSide | None:
    if peer is None:
        return None
    facing = Facing(peer.facing) if peer.facing else None
    return PeerSide(inst=peer.inst, audio=peer.audio, video=peer.video, facing=facing)
