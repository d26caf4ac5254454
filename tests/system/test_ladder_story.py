"""Rungs are slow, lost, tried again and answered twice, in any order; every ring has one outcome and every buyer an answer.

The whole house at work on its own database, with what is outside of it played: two agents with a browser and a robot each, whose
services answer whatever Hypothesis likes, when it likes.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from kanhuo.accounts import store as accounts
from kanhuo.accounts.model import Agent, Merchant, Party, Role
from kanhuo.app import build
from kanhuo.calls.model import ANSWERED
from kanhuo.calls.policy import DEFAULT
from kanhuo.calls.terms import DeclineWhy, Media, Reason
from kanhuo.calls.terms import State as CallState
from kanhuo.config import Settings
from kanhuo.kernel.clock import Millis
from kanhuo.kernel.errors import Refused
from kanhuo.reach import store
from kanhuo.reach.model import Endpoint, Kind, Knock, State
from kanhuo.reach.policy import TOLD_WITHIN
from kanhuo.shell import journal
from kanhuo.shell.database import Transaction
from kanhuo.shell.outbound import Answer, Outbound
from tests.support.clock import FakeClock
from tests.support.house import CONTEXT, KEY, SHOP
from tests.support.push import _POINT

AGENTS = ("age_wang", "age_zhao")
BUYERS = ("buy_li", "buy_qian", "buy_zhou")
OUTCOMES = {"Accepted", "Declined", "RingExpired", "RingUnheard", "RingWithdrawn", "Ended"}
POINT = ec.generate_private_key(ec.SECP256R1()).public_key().public_bytes(*_POINT)
ANSWERS = st.sampled_from(
    [
        Answer(200, None, b'{"errcode": 0}'),
        Answer(201),
        Answer(200, None, b'{"errcode": 45009}'),
        Answer(200, None, b"<html>"),
        Answer(429, 3_000),
        Answer(500),
        Answer(403),
        Answer(None),
        None,  # it does not answer yet
    ]
)


class Scripted(Outbound):
    """The outside: answers as it is told, or not before it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.next: list[Answer | None] = []
        self.open: list[asyncio.Future[Answer]] = []

    async def post(self, url: str, body: bytes, headers: Any, within: Millis) -> Answer:  # noqa: ARG002 - all the same here
        answer = self.next.pop(0) if self.next else Answer(200, None, b'{"errcode": 0}')
        if answer is not None:
            return answer
        self.open.append(asyncio.get_running_loop().create_future())
        return await self.open[-1]


class LadderStory(RuleBasedStateMachine):
    """What everybody may do, in any order."""

    @initialize()
    def house(self) -> None:
        self.runner = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory()
        self.clock = FakeClock()
        self.app = build(Settings(data=Path(self.folder.name), pass_key=KEY), clock=self.clock)
        self.outside = Scripted()
        self.app.reach._sender._outbound = self.outside
        self.calls: set[str] = set()
        self.run(self.app.open())
        self.run(self.app.accounts.put_merchant(Merchant(id=SHOP, name="Orchard")))
        self.run(self.app.db.write(furnish, self.clock.now()))
        self.clock.pass_(DEFAULT.nobody)

    def teardown(self) -> None:
        if not hasattr(self, "runner"):
            return
        try:
            self.everybody_leaves()
        finally:
            self.run(self.app.stop())
            self.runner.close()
            self.folder.cleanup()

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.runner.run(work)

    def settle(self) -> None:
        """Let the house do what it has to, but for what waits for the outside."""

        async def settled() -> None:
            for _ in range(3):
                await self.app.calls.beat()
                await self.app.reach.beat()
                while await self._moves():
                    pass

        self.run(settled())

    async def _moves(self) -> bool:
        """Give every task a turn; return whether one of them is not waiting for the outside."""
        running = [task for task in self.app.reach._tasks if not task.done()]
        waiting = sum(not answer.done() for answer in self.outside.open)
        if len(running) <= waiting:
            return False
        await asyncio.wait(running, timeout=0.001)
        return True

    def try_(self, work: Coroutine[Any, Any, Any]) -> None:
        """Do what may be too late by now: then nothing has changed, and whoever did it is told so."""
        try:
            self.run(work)
        except Refused as refusal:
            assert refusal.code in ("not_now", "not_yours", "already_in_call")

    def knocks(self, wanted: Callable[[Knock], bool]) -> list[Knock]:
        found = [knock for call in sorted(self.calls) for knock in self.run(self.app.db.read(store.of_call, call))]
        return sorted((knock for knock in found if wanted(knock)), key=lambda knock: -knock.planned_at)

    @rule(buyer=st.sampled_from(BUYERS), key=st.integers(0, 3))
    def ask(self, buyer: str, key: int) -> None:
        context = msgspec.json.encode(CONTEXT)
        party = Party(role=Role.BUYER, id=buyer, merchant=SHOP, context=context)

        async def asked() -> None:
            self.calls.add((await self.app.calls.ask(party, "phone", f"{buyer}{key}", Media.VIDEO)).id)

        self.try_(asked())

    @rule(answers=st.lists(ANSWERS, min_size=2, max_size=6))
    def the_outside_will_say(self, answers: list[Answer | None]) -> None:
        self.outside.next.extend(answers)

    @rule(length=st.sampled_from([1, 500, 1_000, 3_000, 4_000, 10_000, 25_000]))
    def time_passes(self, length: int) -> None:
        self.clock.pass_(length)
        self.settle()

    @rule(answer=ANSWERS.filter(lambda answer: answer is not None), which=st.integers(0, 9))
    def what_was_slow_answers(self, answer: Answer, which: int) -> None:
        waiting = [slow for slow in self.outside.open if not slow.done()]
        if waiting:
            self.run(_give(waiting[which % len(waiting)], answer))
        self.settle()

    @rule(which=st.integers(0, 5), times=st.integers(1, 2))
    def it_is_shown(self, which: int, times: int) -> None:
        """Whatever was sent, even long ago, may say that it shows the ring; more than once."""
        sent = self.knocks(lambda knock: knock.tries > 0)
        for _ in range(times if sent else 0):
            self.run(self.app.ringing.knocked(sent[which % len(sent)].id))

    @rule(which=st.integers(0, 99))
    def not_now(self, which: int) -> None:
        sent = self.knocks(lambda knock: knock.tries > 0)
        if sent:
            self.try_(self.app.ringing.later(sent[which % len(sent)].id))

    @rule(agent=st.sampled_from(AGENTS), device=st.sampled_from(["desk", "phone"]), which=st.integers(0, 9))
    def accept(self, agent: str, device: str, which: int) -> None:
        if self.calls:
            call = sorted(self.calls)[which % len(self.calls)]
            self.try_(self.app.calls.accept(_agent(agent), device, call, Media.VIDEO))

    @rule(agent=st.sampled_from(AGENTS), which=st.integers(0, 9))
    def decline(self, agent: str, which: int) -> None:
        if self.calls:
            call = sorted(self.calls)[which % len(self.calls)]
            self.try_(self.app.calls.decline(_agent(agent), call, DeclineWhy.BUSY))

    @rule(which=st.integers(0, 9))
    def the_buyer_hangs_up(self, which: int) -> None:
        if not self.calls:
            return
        known = self.run(self.app.calls.get(sorted(self.calls)[which % len(self.calls)]))
        self.try_(self.app.calls.hang_up(Party(role=Role.BUYER, id=known.buyer, merchant=SHOP), known.id))

    @invariant()
    def nobody_is_rung_while_in_a_call(self) -> None:
        if not hasattr(self, "runner"):
            return
        live = [self.run(self.app.calls.get(call)) for call in self.calls]
        held = Counter(call.agent for call in live if call.state in (CallState.RINGING, *ANSWERED))
        assert all(count == 1 for count in held.values()), held

    @invariant()
    def a_ring_has_one_outcome(self) -> None:
        for call in getattr(self, "calls", ()):
            rings = 0
            kinds = [line.kind for line in self.run(self.app.db.read(journal.lines_of, call))]
            for kind in kinds:
                if kind == "Offered":
                    assert rings == 0, kinds
                    rings = 1
                elif kind in OUTCOMES:
                    assert rings == 1 or kind == "Ended", kinds
                    rings = 0

    def everybody_leaves(self) -> None:
        """Nobody does anything any more, and the outside answers nothing: every buyer is told all the same."""
        for _ in range(12):
            self.clock.pass_(DEFAULT.unheard)
            self.settle()
        for slow in self.outside.open:
            if not slow.done():
                self.run(_give(slow, Answer(None)))
        for _ in range(12):
            self.clock.pass_(max(DEFAULT.ring, TOLD_WITHIN // 4))
            self.settle()
        for call in self.calls:
            known = self.run(self.app.calls.get(call))
            if known.answered_at is None:
                assert known.state is CallState.ENDED, known
                assert known.reason in (
                    Reason.NO_ANSWER,
                    Reason.DECLINED,
                    Reason.BUYER_CANCELLED,
                    Reason.QUEUE_ABANDONED,
                    Reason.QUEUE_TIMEOUT,
                ), known
        left = self.knocks(lambda knock: knock.due is not None or knock.state not in (State.OVER, State.FAILED))
        assert left == [], "what was sent is taken back, and nothing is sent for ever"
        assert self.run(self.app.db.read(journal.verify)).broken is None


async def _give(slow: asyncio.Future[Answer], answer: Answer) -> None:
    slow.set_result(answer)


def _agent(id: str) -> Party:
    return Party(role=Role.AGENT, id=id, merchant=SHOP)


def furnish(tx: Transaction, now: Millis) -> None:
    """Let two agents be on duty with their pages closed, each with a browser and a robot."""
    for id in AGENTS:
        accounts.add_agent(tx, Agent(id=id, merchant=SHOP, name=id, role=Role.AGENT), id, "no hash", now)
        accounts.add_session(tx, f"session of {id}", id, now, 10**12)
        kept: dict[str, Any] = {"merchant": SHOP, "agent": id, "made_at": now}
        url = f"https://push.example.com/{id}"
        browser = Endpoint(
            id=f"end_{id}",
            url=url,
            device="d",
            key=POINT,
            secret=b"sixteen bytes...",
            session=f"session of {id}",
            **kept,
        )
        store.add(tx, browser)
        robot = "https://qyapi.weixin.qq.com/cgi-bin/webhook/send"
        store.add(tx, Endpoint(id=f"bot_{id}", kind=Kind.WECOM, url=robot, **kept))
        store.take_up(tx, id, SHOP, now)


TestLadderStory = LadderStory.TestCase
TestLadderStory.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
