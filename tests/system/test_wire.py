"""Bad input, lost lines, sessions that go on: the socket as a hostile or unlucky client meets it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from kanhuo.accounts.passes import mint
from tests.signalling.test_policy import sdp, section
from tests.support.client import Client, RefusedError
from tests.support.house import CONTEXT, KEY, SHOP, TestHouse


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "malformed"),
        ("{", "malformed"),
        ("[]", "malformed"),
        ('{"type":"call.fly","id":7}', "malformed"),
        ('{"type":"call.hang_up","id":7}', "malformed"),
        ('{"type":"call.hang_up","id":7,"call":"x","extra":1}', "malformed"),
        ('{"type":"call.hang_up","id":7,"call":"../../etc"}', "malformed"),
        ('{"type":"call.hang_up","id":0,"call":"x"}', "malformed"),
        ('{"type":"hello","version":1,"device":"d","inst":"i"}', "malformed"),
        ('{"id":' + "[" * 50_000, "malformed"),
        ('{"type":"chat.say","id":7,"call":"x","key":"k","text":"' + "x" * 70_000 + '"}', "too_large"),
        ('{"type":"call.hang_up","id":7,"call":"nope"}', "not_found"),
        ('{"type":"peer.join","id":7,"call":"nope","round":0}', "not_found"),
        ('{"type":"call.accept","id":7,"call":"nope","media":"video"}', "not_allowed"),
    ],
)
async def test_a_bad_message_is_refused_with_a_code_and_the_socket_stays(shop: TestHouse, text: str, code: str) -> None:
    buyer = await shop.buyer()
    await buyer.raw(text)
    refusal = await buyer.hear(lambda m: m["type"] == "refused")
    assert refusal["code"] == code
    assert "Traceback" not in refusal["why"]
    await buyer.settle()


async def test_bytes_that_are_no_text_are_refused(shop: TestHouse) -> None:
    buyer = await shop.buyer()
    await buyer.raw(b"\xff\xfe\x00")
    assert (await buyer.hear(lambda m: m["type"] == "refused"))["code"] == "malformed"


async def test_hello_comes_first(shop: TestHouse) -> None:
    async with connect(shop.url) as socket:
        await socket.send('{"type":"ping"}')
        assert json.loads(await socket.recv())["code"] == "hello_first"


async def test_another_version_is_refused_by_name(shop: TestHouse) -> None:
    async with connect(shop.url) as socket:
        await socket.send('{"type":"hello","version":99,"device":"d","inst":"i"}')
        assert json.loads(await socket.recv())["code"] == "version_unsupported"


async def test_too_many_bad_messages_are_abuse(shop: TestHouse) -> None:
    buyer = await shop.buyer()
    for _ in range(25):
        await buyer.raw("nonsense")
    assert (await buyer.closed())[0] == 1008


async def test_a_flood_is_slowed_down_and_then_cut_off(shop: TestHouse) -> None:
    buyer = await shop.buyer()
    with pytest.raises((ConnectionClosed, ConnectionError)):
        for _ in range(6_000):
            await buyer.raw('{"type":"ping"}')
        await buyer.hear(lambda _: False)
    assert any(m["type"] == "refused" and m["code"] == "too_many" for m in buyer.heard)


async def test_a_message_in_endless_pieces_is_abuse(shop: TestHouse) -> None:
    async def pieces() -> AsyncIterator[str]:
        while True:
            yield ""

    async with connect(shop.url) as socket:
        with pytest.raises(ConnectionClosed):
            await socket.send(pieces())
        assert socket.close_code == 1008


async def test_after_a_flood_a_page_resumes_and_has_missed_nothing(shop: TestHouse) -> None:
    agent, buyer = await shop.agent(), await shop.buyer()
    call = await shop.talking(buyer, agent)
    for _ in range(450):
        await buyer.raw('{"type":"ping"}')
    await buyer.hear(lambda m: m["type"] == "refused" and m["code"] == "too_many")
    id_ = await buyer.send("chat.read", call=call, after=0)
    await buyer.hear(lambda m: m.get("re") == id_)
    await buyer.vanish()
    for n in range(5):
        await agent.ask("chat.say", call=call, key=f"k{n}", text=f"line {n}")
    buyer.heard.clear()
    await buyer.open(resume=True)
    assert buyer.welcome["resumed"]
    assert [(await buyer.hear(lambda m: m["type"] == "chat.line"))["text"] for _ in range(5)] == [
        f"line {n}" for n in range(5)
    ]


async def test_a_page_of_a_foreign_origin_gets_no_socket(shop: TestHouse) -> None:
    with pytest.raises(InvalidStatus):
        await connect(shop.url, additional_headers={"Origin": "https://evil.example"})


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"key": KEY[::-1]}, "bad_signature"),
        ({"audience": "another"}, "wrong_audience"),
        ({"late": 20 * 60_000}, "expired"),
        ({"life": 2 * 3_600_000}, "malformed"),
        ({"role": "king"}, "malformed"),
        ({"merchant": ""}, "malformed"),
        ({"context": None}, "malformed"),
        ({"context": {"kind": "product", "ref": "r", "title": ""}}, "malformed"),
        ({"context": {"kind": "product", "ref": "r", "title": "t", "picture": "javascript:alert(1)"}}, "malformed"),
        ({"merchant": "mer_nobody"}, "not_found"),
    ],
)
async def test_a_refused_pass_says_why(shop: TestHouse, change: dict[str, object], code: str) -> None:
    claims: dict[str, object] = {"role": "buyer", "sub": "li", "merchant": SHOP, "context": CONTEXT}
    claims |= {name: value for name, value in change.items() if name in claims}
    key, audience, life = change.get("key", KEY), change.get("audience", "kanhuo"), change.get("life", 900_000)
    token = mint(str(key), claims, audience=str(audience), now=shop.clock.now(), life=int(str(life)))
    shop.clock.pass_(int(str(change.get("late", 0))))
    with pytest.raises(RefusedError, match=code):
        await shop.client(Client(shop.url, pass_=token))


async def test_garbage_is_no_pass(shop: TestHouse) -> None:
    for token in ("x", "a.b.c", "eyJhbGciOiJub25lIn0.e30."):
        with pytest.raises(RefusedError, match=r"malformed|bad_signature"):
            await shop.client(Client(shop.url, pass_=token))


async def test_nobody_without_pass_or_session_gets_in(shop: TestHouse) -> None:
    with pytest.raises(RefusedError, match="not_signed_in"):
        await shop.client(Client(shop.url, cookie="made-up"))


async def test_a_lost_line_resumes_and_nothing_is_missed_or_done_twice(shop: TestHouse) -> None:
    agent, buyer = await shop.agent(), await shop.buyer()
    call = await shop.talking(buyer, agent)
    await buyer.vanish()
    for n in range(5):
        await agent.ask("chat.say", call=call, key=f"k{n}", text=f"line {n}")
    before = len(buyer.heard)
    await buyer.open(resume=True)
    assert buyer.welcome["resumed"]
    await buyer.hear(lambda m: m["type"] == "chat.line" and m["n"] == 5)
    lines = [m["n"] for m in buyer.heard[before:] if m["type"] == "chat.line"]
    assert lines == [1, 2, 3, 4]
    await shop.beat(5_000)
    assert (await shop.kinds(call))[-1] == "Spoken", "a short loss is no interruption"


async def test_a_session_belongs_to_one_load_of_a_page(shop: TestHouse) -> None:
    buyer = await shop.buyer()
    await buyer.vanish()
    buyer.inst = "another"
    await buyer.open(resume=True)
    assert not buyer.welcome["resumed"]


async def test_a_repeated_message_is_taken_once(shop: TestHouse) -> None:
    agent, buyer = await shop.agent(), await shop.buyer()
    call = await shop.talking(buyer, agent)
    said = {"type": "chat.say", "id": 900, "call": call, "key": "k", "text": "once"}
    for _ in range(3):
        await buyer.raw(json.dumps(said))
    await buyer.hear(lambda m: m["type"] == "done" and m["re"] == 900)
    await buyer.settle()
    assert (await shop.kinds(call)).count("Spoken") == 1


async def test_a_side_that_stays_away_for_half_a_minute_is_lost(shop: TestHouse) -> None:
    agent, buyer = await shop.agent(), await shop.buyer()
    call = await shop.talking(buyer, agent)
    await buyer.vanish()
    await shop.beat()
    await shop.beat(4_000)
    broken = await agent.call_in("broken", call=call)
    assert broken["missing"] == ["buyer"]
    await shop.beat(29_999)
    assert (await shop.app.calls.get(call)).reason is None
    await shop.beat(1)
    assert (await agent.call_in("ended", call=call))["reason"] == "buyer_lost"


async def test_a_reloaded_page_takes_its_side_up_again(shop: TestHouse) -> None:
    agent, buyer = await shop.agent(), await shop.buyer(device="phone")
    call = await shop.talking(buyer, agent)
    await buyer.vanish()
    await shop.beat()
    await shop.beat(4_000)
    again = await shop.buyer(device="phone")
    assert again.welcome["live"] == [call]
    await again.ask("peer.join", call=call, round=1)
    peers = await agent.hear(lambda m: m["type"] == "peers" and m["buyer"]["inst"] == again.inst)
    assert peers["round"] == 1
    await agent.call_in("talking", call=call)
    assert (await shop.kinds(call))[-2:] == ["Interrupted", "Resumed"]


async def test_a_pass_that_expired_meanwhile_leads_back_into_its_call_and_into_no_other(shop: TestHouse) -> None:
    agent, buyer = await shop.agent(), await shop.buyer()
    call = await shop.talking(buyer, agent)
    shop.clock.pass_(20 * 60_000)
    reloaded = await shop.client(Client(shop.url, pass_=buyer.pass_, device=buyer.device))
    assert reloaded.welcome["live"] == [call]
    assert reloaded.welcome["card"]["title"] == "Fuji apples, 5 kg"
    stale = shop.pass_("buyer", "zhou")
    shop.clock.pass_(20 * 60_000)
    with pytest.raises(RefusedError, match="expired"):
        await shop.client(Client(shop.url, pass_=stale))
    await reloaded.ask("call.hang_up", call=call)
    with pytest.raises(RefusedError, match="expired"):
        await shop.client(Client(shop.url, pass_=buyer.pass_, device=buyer.device))


async def test_going_off_duty_on_one_device_tells_the_others(shop: TestHouse) -> None:
    desk, phone = await shop.agent(device="desk"), await shop.agent(device="phone")
    await phone.send("presence.beat", duty=False, foreground=True)
    await desk.hear(lambda m: m["type"] == "presence.off_duty")
    await phone.settle()
    assert not any(m["type"] == "presence.off_duty" for m in phone.heard)


async def test_an_agents_page_closed_while_ringing_lets_the_next_one_ring(shop: TestHouse) -> None:
    first = await shop.agent("wang")
    shop.clock.pass_(1_000)
    second = await shop.agent("zhao")
    buyer = await shop.buyer()
    call = await shop.ringing(buyer, first)
    await first.vanish()
    for _ in range(26):
        await shop.beat(200)
    await second.call_in("ringing", call=call, here=True)
    assert (await shop.kinds(call))[-2:] == ["RingWithdrawn", "Offered"]


async def test_descriptions_reach_exactly_the_other_page(shop: TestHouse) -> None:
    agent, buyer, stranger = await shop.agent(), await shop.buyer(), await shop.buyer("chen")
    call = await shop.talking(buyer, agent)
    offer = sdp(section("audio", "sendrecv"), section("video", "recvonly"))
    await buyer.ask("peer.describe", call=call, to=agent.inst, round=1, kind="offer", sdp=offer)
    described = await agent.hear(lambda m: m["type"] == "peer.described")
    assert (described["sdp"], described["by"], described["round"]) == (offer, buyer.inst, 1)
    candidate = {"candidate": "candidate:1 1 udp 1 10.77.0.1 9 typ host", "sdpMid": "0"}
    await agent.send("peer.candidate", call=call, to=buyer.inst, round=1, candidate=candidate)
    found = await buyer.hear(lambda m: m["type"] == "peer.candidate_found")
    assert found["candidate"]["candidate"] == candidate["candidate"]
    with pytest.raises(RefusedError, match="not_yours"):
        await stranger.ask("peer.describe", call=call, to=agent.inst, round=2, kind="offer", sdp=offer)
    with pytest.raises(RefusedError, match="peer_absent"):
        await buyer.ask("peer.describe", call=call, to="nobody", round=2, kind="offer", sdp=offer)


async def test_the_camera_rule_is_the_servers(shop: TestHouse) -> None:
    agent, buyer = await shop.agent(), await shop.buyer()
    call = await shop.talking(buyer, agent)
    filming = sdp(section("audio", "sendrecv"), section("video", "sendrecv"))
    with pytest.raises(RefusedError, match="camera_not_consented"):
        await buyer.ask("peer.describe", call=call, to=agent.inst, round=1, kind="offer", sdp=filming)
    with pytest.raises(RefusedError, match="not_allowed"):
        await agent.ask("consent.give", call=call, purpose="camera")
    await buyer.ask("consent.give", call=call, purpose="camera")
    assert (await agent.hear(lambda m: m["type"] == "consents" and m["camera"]))["call"] == call
    await buyer.ask("peer.describe", call=call, to=agent.inst, round=1, kind="offer", sdp=filming)
    await agent.ask("peer.describe", call=call, to=buyer.inst, round=1, kind="answer", sdp=filming)
    await buyer.ask("consent.withdraw", call=call, purpose="camera")
    with pytest.raises(RefusedError, match="camera_not_consented"):
        await buyer.ask("peer.describe", call=call, to=agent.inst, round=2, kind="offer", sdp=filming)
    quiet = sdp(section("audio", "sendrecv"), section("video", "recvonly"))
    await buyer.ask("peer.describe", call=call, to=agent.inst, round=2, kind="offer", sdp=quiet)
    with pytest.raises(RefusedError, match="camera_not_consented"):
        await agent.ask("peer.describe", call=call, to=buyer.inst, round=2, kind="answer", sdp=filming)
    described = [m for m in agent.heard if m["type"] == "peer.described"]
    assert [m["sdp"] for m in described] == [filming, quiet], "a refused description never arrives"
    assert (await shop.kinds(call)).count("Given") == 2
    assert "Withdrawn" in await shop.kinds(call)


async def test_many_calls_at_once_leave_one_unbroken_journal(shop: TestHouse) -> None:
    agents = [await shop.agent(f"agent-{n}") for n in range(6)]
    buyers = [await shop.buyer(f"buyer-{n}") for n in range(6)]

    async def live(buyer: Client) -> None:
        call = (await buyer.ask("call.ask", key="k", media="voice"))["call"]
        await buyer.call_in("ringing", call=call)

    await asyncio.gather(*(live(buyer) for buyer in buyers))
    rings = [await agent.call_in("ringing", here=True) for agent in agents]
    assert len({ring["call"] for ring in rings}) == 6
    await asyncio.gather(
        *(a.ask("call.accept", call=r["call"], media="voice") for a, r in zip(agents, rings, strict=True))
    )
    await asyncio.gather(*(a.ask("call.hang_up", call=r["call"]) for a, r in zip(agents, rings, strict=True)))
    verdict = await shop.verdict()
    assert verdict.broken is None
    assert verdict.chains == 6
