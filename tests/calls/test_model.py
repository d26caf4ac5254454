"""The call machine: every cell of its table, and everything that may happen in any order."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from kanhuo.calls import events as ev
from kanhuo.calls.model import ANSWERED, TRANSITIONS, Call, decide, evolve
from kanhuo.calls.policy import DEFAULT, deadline, expiry, may_be_offered, unanswered
from kanhuo.calls.terms import DeclineWhy, Media, Reason, Side, State
from kanhuo.kernel.errors import Refused
from kanhuo.reach.model import Rung

NOW = 1_000_000


def call(state: State = State.WAITING, **facts: Any) -> Call:
    own: dict[str, Any] = {}
    if state in (State.RINGING, *ANSWERED):
        own |= {"agent": "wang", "tried": ("wang",)}
    if state in ANSWERED:
        own |= {"device": "desk", "answered_at": NOW}
    if state in (State.TALKING, State.BROKEN):
        own |= {"connected_at": NOW, "up": tuple(Side)}
    if state is State.BROKEN:
        own |= {"missing": (Side.BUYER,), "missing_since": NOW}
    if state is State.ENDED:
        own |= {"ended_at": NOW, "reason": Reason.COMPLETED}
    base: dict[str, Any] = {"id": "c", "merchant": "m", "buyer": "li", "card": "d", "media": Media.VIDEO}
    return Call(**{**base, "asked_at": NOW, "since": NOW, "state": state, **own, **facts})


COMMANDS: list[ev.Command] = [
    ev.Offer("zhao"),
    ev.Offer("zhao", Rung.PUSH),
    ev.Hear("wang", Rung.PUSH, "phone", 700),
    ev.Hear("zhao", Rung.SOCKET, "desk", 5),
    ev.Accept("wang", "desk", Media.VIDEO),
    ev.Decline("wang", DeclineWhy.BUSY),
    ev.ExpireRing(),
    ev.WithdrawRing(),
    *[kind(side) for kind in (ev.ConfirmMedia, ev.Lose, ev.Regain, ev.HangUp) for side in Side],
    ev.Close(Reason.QUEUE_TIMEOUT),
]


@pytest.mark.parametrize("state", list(State))
@pytest.mark.parametrize("command", COMMANDS, ids=repr)
def test_a_command_leads_to_a_state_of_the_table_or_changes_nothing(state: State, command: ev.Command) -> None:
    before = call(state)
    try:
        event = decide(before, command)
    except Refused:
        return
    if event is not None:
        after = evolve(before, event, NOW + 5)
        assert after.state is TRANSITIONS[state][type(event)]
        assert after.version == before.version + 1


@pytest.mark.parametrize(
    ("state", "side", "reason"),
    [
        (State.WAITING, Side.BUYER, Reason.QUEUE_ABANDONED),
        (State.RINGING, Side.BUYER, Reason.BUYER_CANCELLED),
        (State.CONNECTING, Side.BUYER, Reason.BUYER_CANCELLED),
        (State.CONNECTING, Side.AGENT, Reason.DECLINED),
        (State.TALKING, Side.BUYER, Reason.COMPLETED),
        (State.TALKING, Side.AGENT, Reason.COMPLETED),
        (State.BROKEN, Side.AGENT, Reason.BUYER_LOST),
        (State.BROKEN, Side.BUYER, Reason.COMPLETED),
    ],
)
def test_hanging_up_ends_every_state_with_its_own_reason(state: State, side: Side, reason: Reason) -> None:
    assert decide(call(state), ev.HangUp(side)) == ev.Ended(reason, side)


def test_accepting_again_on_the_same_device_is_no_fault() -> None:
    talking = call(State.TALKING)
    assert decide(talking, ev.Accept("wang", "desk", Media.VIDEO)) is None
    for thief in (ev.Accept("wang", "phone", Media.VIDEO), ev.Accept("zhao", "desk", Media.VIDEO)):
        with pytest.raises(Refused, match="not_yours"):
            decide(talking, thief)
    with pytest.raises(Refused, match="not_now"):
        decide(call(State.ENDED, agent="wang"), ev.Accept("wang", "desk", Media.VIDEO))
    with pytest.raises(Refused, match="not_yours"):
        decide(call(State.RINGING), ev.Accept("zhao", "desk", Media.VIDEO))


def test_declining_again_is_no_fault_and_ends_nobody_elses_ring() -> None:
    passed_on = call(State.RINGING, agent="zhao", tried=("wang", "zhao"))
    assert decide(passed_on, ev.Decline("wang", DeclineWhy.BUSY)) is None
    with pytest.raises(Refused, match="not_yours"):
        decide(passed_on, ev.Decline("sun", DeclineWhy.BUSY))


def test_an_agent_is_never_rung_twice_for_one_call() -> None:
    with pytest.raises(Refused, match="not_now"):
        decide(call(tried=("zhao",)), ev.Offer("zhao"))


def test_both_sides_media_make_a_talk() -> None:
    connecting = call(State.CONNECTING)
    first = decide(connecting, ev.ConfirmMedia(Side.AGENT))
    assert first == ev.MediaConfirmed(Side.AGENT)
    half = evolve(connecting, first, NOW)
    assert decide(half, ev.ConfirmMedia(Side.AGENT)) is None
    assert decide(half, ev.ConfirmMedia(Side.BUYER)) == ev.Connected()
    assert decide(call(State.TALKING), ev.ConfirmMedia(Side.BUYER)) is None


def test_a_talk_is_broken_until_the_last_missing_side_is_back() -> None:
    talk = call(State.TALKING)
    broken = evolve(talk, ev.Interrupted(Side.BUYER), NOW)
    both = evolve(broken, ev.Interrupted(Side.AGENT), NOW + 9)
    assert both.missing_since == NOW
    half = evolve(both, ev.Returned(Side.BUYER), NOW + 20)
    assert half.missing_since == NOW + 20, "whoever is still away has her whole time"
    assert decide(both, ev.Lose(Side.AGENT)) is None
    assert decide(both, ev.Regain(Side.AGENT)) == ev.Returned(Side.AGENT)
    one = evolve(both, ev.Returned(Side.AGENT), NOW)
    assert decide(one, ev.Regain(Side.BUYER)) == ev.Resumed(Side.BUYER)
    again = evolve(one, ev.Resumed(Side.BUYER), NOW + 20)
    assert (again.state, again.missing, again.missing_since) == (State.TALKING, (), None)
    assert decide(again, ev.Regain(Side.BUYER)) is None
    assert decide(call(), ev.Lose(Side.AGENT)) is None, "nobody is rung: there is no agent to lose"


def test_a_declined_call_forgets_who_was_missing_at_the_agents_side() -> None:
    ringing = evolve(call(State.RINGING), ev.Interrupted(Side.AGENT), NOW)
    waiting = evolve(ringing, ev.RingWithdrawn("wang"), NOW)
    assert (waiting.missing, waiting.missing_since, waiting.agent) == ((), None, None)
    both = evolve(ringing, ev.Interrupted(Side.BUYER), NOW)
    assert evolve(both, ev.Declined("wang", DeclineWhy.BUSY), NOW).missing == (Side.BUYER,)


# policy


@pytest.mark.parametrize(
    ("state", "after", "command"),
    [
        (State.WAITING, DEFAULT.queue, ev.Close(Reason.QUEUE_TIMEOUT)),
        (State.RINGING, DEFAULT.ring, ev.ExpireRing()),
        (State.CONNECTING, DEFAULT.connect, ev.Close(Reason.MEDIA_FAILED)),
        (State.TALKING, DEFAULT.longest, ev.Close(Reason.COMPLETED)),
        (State.BROKEN, DEFAULT.back, ev.Close(Reason.BUYER_LOST)),
    ],
)
def test_every_state_ends_by_itself(state: State, after: int, command: ev.Command) -> None:
    timed = call(state)
    assert deadline(timed, DEFAULT) == NOW + after
    assert expiry(timed, DEFAULT, NOW + after - 1) is None
    assert expiry(timed, DEFAULT, NOW + after) == command


def test_an_ended_call_is_never_due() -> None:
    ended = call(State.ENDED, missing=(Side.BUYER,), missing_since=NOW)
    assert deadline(ended, DEFAULT) is None
    assert expiry(ended, DEFAULT, NOW * 9) is None


def test_a_page_gone_before_the_talk_ends_the_wait_or_the_ring_sooner() -> None:
    gone = call(State.RINGING, missing=(Side.AGENT,), missing_since=NOW)
    assert expiry(gone, DEFAULT, NOW + DEFAULT.blink) == ev.WithdrawRing()
    left = call(State.WAITING, missing=(Side.BUYER,), missing_since=NOW)
    assert expiry(left, DEFAULT, NOW + DEFAULT.blink) == ev.Close(Reason.BUYER_LOST)


def test_a_ring_that_has_to_reach_a_device_first_is_given_up_sooner() -> None:
    ringing = evolve(call(), ev.Offered("wang", Rung.PUSH), NOW)
    assert deadline(ringing, DEFAULT) == NOW + DEFAULT.unheard
    assert decide(ringing, ev.ExpireRing()) == ev.RingUnheard("wang")
    assert evolve(ringing, ev.RingUnheard("wang"), NOW).state is State.WAITING
    heard = decide(ringing, ev.Hear("wang", Rung.PUSH, "phone", 700))
    assert heard == ev.Heard("wang", Rung.PUSH, "phone", 700)
    shown = evolve(ringing, heard, NOW + 700)
    assert deadline(shown, DEFAULT) == NOW + 700 + DEFAULT.ring, "it counts from when it reached her"
    assert decide(shown, ev.ExpireRing()) == ev.RingExpired("wang")
    assert decide(shown, ev.Hear("wang", Rung.PUSH, "tablet", 900)) is None, "once is enough"
    opened = decide(shown, ev.Hear("wang", Rung.ROBOT, "chat", 24_000, opened=True))
    assert opened is not None, "she has opened it herself and needs time to answer"
    assert deadline(evolve(shown, opened, NOW + 24_000), DEFAULT) == NOW + 24_000 + DEFAULT.ring
    passed_on = evolve(shown, ev.RingExpired("wang"), NOW + 30_000)
    page = evolve(passed_on, ev.Offered("zhao"), NOW + 30_000)
    assert deadline(page, DEFAULT) == NOW + 30_000 + DEFAULT.ring


def test_three_offers_are_enough_and_only_declines_make_declined() -> None:
    assert may_be_offered(call(tried=("a", "b")), DEFAULT)
    assert not may_be_offered(call(tried=("a", "b", "c")), DEFAULT)
    assert unanswered(call()) is Reason.NO_ANSWER
    assert unanswered(call(tried=("a",), refusals=1)) is Reason.DECLINED
    assert unanswered(call(tried=("a", "b"), refusals=1)) is Reason.NO_ANSWER


class CallStory(RuleBasedStateMachine):
    """Buyers, agents and the clock do what they like, in any order, and messages are lost or come twice."""

    @initialize()
    def tap(self) -> None:
        self.now = NOW
        self.call = call()
        self.ends = 0

    def give(self, command: ev.Command) -> None:
        before = self.call
        try:
            event = decide(before, command)
        except Refused:
            assert self.call is before
            return
        if event is not None:
            self.call = evolve(before, event, self.now)
            self.ends += isinstance(event, ev.Ended)

    @rule(agent=st.sampled_from(["wang", "zhao", "sun", "qian"]), rung=st.sampled_from(Rung))
    def offer(self, agent: str, rung: Rung) -> None:
        if may_be_offered(self.call, DEFAULT):
            self.give(ev.Offer(agent, rung))

    @rule(agent=st.sampled_from(["wang", "zhao"]), rung=st.sampled_from(Rung), opened=st.booleans())
    def hear(self, agent: str, rung: Rung, opened: bool) -> None:
        self.give(ev.Hear(agent, rung, "phone", self.now - self.call.since, opened))

    @rule(agent=st.sampled_from(["wang", "zhao", "sun"]), device=st.sampled_from(["desk", "phone"]))
    def accept(self, agent: str, device: str) -> None:
        self.give(ev.Accept(agent, device, Media.VIDEO))

    @rule(agent=st.sampled_from(["wang", "zhao", "sun"]), why=st.sampled_from(DeclineWhy))
    def decline(self, agent: str, why: DeclineWhy) -> None:
        self.give(ev.Decline(agent, why))

    @rule(side=st.sampled_from(Side), kind=st.sampled_from([ev.ConfirmMedia, ev.Lose, ev.Regain, ev.HangUp]))
    def by_a_side(self, side: Side, kind: type[ev.Lose]) -> None:
        self.give(kind(side))

    @rule(length=st.sampled_from([1, 5_000, 25_000, 60_000]))
    def time_passes(self, length: int) -> None:
        self.now += length
        command = expiry(self.call, DEFAULT, self.now)
        if command is not None:
            self.give(command)

    @precondition(lambda self: self.call.state is not State.ENDED)
    @rule()
    def everybody_leaves(self) -> None:
        """Whatever state it is in, a call whose people are gone ends by time alone, with a reason."""
        deserted = self.call
        now = self.now
        for _ in range(12):
            due = deadline(deserted, DEFAULT)
            if due is None:
                break
            now = max(now, due)
            command = expiry(deserted, DEFAULT, now)
            assert command is not None, "a deadline that has come makes something happen"
            event = decide(deserted, command)
            assert event is not None
            deserted = evolve(deserted, event, now)
        assert deserted.state is State.ENDED

    @invariant()
    def the_call_makes_sense(self) -> None:
        now = self.call
        assert (now.reason is not None) == (now.state is State.ENDED) == (now.ended_at is not None)
        assert self.ends <= 1
        assert len(set(now.tried)) == len(now.tried) <= DEFAULT.offers
        assert (now.state is State.BROKEN) <= bool(now.missing)
        assert not (now.state is State.TALKING and now.missing)
        assert now.unheard <= (now.state in (State.RINGING, State.ENDED)), "only a ring waits to be heard"
        assert (now.missing_since is None) == (not now.missing)
        if now.state in ANSWERED:
            assert now.agent is not None
            assert now.device is not None
            assert now.answered_at is not None
        if now.state is not State.ENDED:
            assert deadline(now, DEFAULT) is not None


TestCallStory = CallStory.TestCase
TestCallStory.settings = settings(max_examples=150, stateful_step_count=40)


def test_a_talk_does_not_begin_before_both_are_there() -> None:
    connecting = call(State.CONNECTING, up=(Side.BUYER,), missing=(Side.BUYER,), missing_since=NOW)
    confirmed = decide(connecting, ev.ConfirmMedia(Side.AGENT))
    assert confirmed == ev.MediaConfirmed(Side.AGENT)
    waiting = evolve(connecting, confirmed, NOW)
    assert waiting.state is State.CONNECTING
    back = decide(waiting, ev.Regain(Side.BUYER))
    assert back == ev.Connected()
    talking = evolve(waiting, back, NOW + 7)
    assert (talking.state, talking.missing, talking.missing_since) == (State.TALKING, (), None)
    assert talking.connected_at == NOW + 7


def test_an_agent_who_hangs_up_on_a_ring_passes_it_on() -> None:
    assert decide(call(State.RINGING), ev.HangUp(Side.AGENT)) == ev.Declined("wang", DeclineWhy.OTHER)
