"""The camera rule, description by description."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kanhuo.calls.terms import Side
from kanhuo.consent.model import Purpose
from kanhuo.kernel.errors import Code, Refused
from kanhuo.signalling import policy
from kanhuo.signalling.model import Description, Direction, MediaLine, Pair, Peer
from kanhuo.signalling.sdp import read

BOTH = frozenset(Purpose)
NOTHING: frozenset[Purpose] = frozenset()


def sdp(*sections: str, session: str = "") -> str:
    head = f"v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n{session}"
    return head + "".join(sections)


def section(kind: str, direction: str | None, extra: str = "") -> str:
    line = f"a={direction}\r\n" if direction else ""
    return (
        f"m={kind} 9 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\na=mid:{kind}\r\n{line}a=rtpmap:96 x/90000\r\n{extra}"
    )


@pytest.mark.parametrize("direction", list(Direction))
def test_before_consent_a_buyers_video_may_only_be_received(direction: Direction) -> None:
    description = read(sdp(section("audio", "recvonly"), section("video", direction)))
    if direction.sends:
        with pytest.raises(Refused) as refusal:
            policy.check_description(description, Side.BUYER, NOTHING)
        assert refusal.value.code is Code.CAMERA_NOT_CONSENTED
    else:
        policy.check_description(description, Side.BUYER, NOTHING)


@pytest.mark.parametrize("direction", list(Direction))
def test_before_consent_an_agent_may_not_ask_for_the_buyers_video(direction: Direction) -> None:
    description = read(sdp(section("audio", "sendrecv"), section("video", direction)))
    if direction.receives:
        with pytest.raises(Refused, match="camera_not_consented"):
            policy.check_description(description, Side.AGENT, NOTHING)
    else:
        policy.check_description(description, Side.AGENT, NOTHING)


@pytest.mark.parametrize(("kind", "side"), list(itertools.product(("audio", "video"), Side)))
def test_after_consent_everything_may_flow(kind: str, side: Side) -> None:
    policy.check_description(read(sdp(section(kind, "sendrecv"))), side, BOTH)


def test_before_the_microphone_was_agreed_to_the_buyers_sound_may_not_be_sent() -> None:
    with pytest.raises(Refused, match="microphone_not_consented"):
        policy.check_description(read(sdp(section("audio", "sendrecv"))), Side.BUYER, {Purpose.CAMERA})
    policy.check_description(read(sdp(section("audio", "sendrecv"))), Side.AGENT, NOTHING)


def test_streams_announced_on_a_quiet_line_are_refused_too() -> None:
    sneaky = read(sdp(section("video", "recvonly", "a=ssrc:7 cname:x\r\n")))
    with pytest.raises(Refused, match="camera_not_consented"):
        policy.check_description(sneaky, Side.BUYER, NOTHING)


@pytest.mark.parametrize(
    "extra", ["a=rid:h send\r\n", "a=simulcast:send h;l\r\n", "a=SIMULCAST:send h\r\n", "a=ssrc-group:SIM 1 2\r\n"]
)
def test_simulcast_is_refused_whoever_agreed_to_what(extra: str) -> None:
    with pytest.raises(Refused, match="simulcast"):
        policy.check_description(read(sdp(section("video", "recvonly", extra))), Side.BUYER, BOTH)


@pytest.mark.parametrize(
    "sections",
    [
        (section("video", "recvonly"), section("video", "recvonly")),
        (section("audio", "recvonly"), section("audio", "inactive")),
        (section("application", "inactive"),),
        (section("Video", "sendrecv"),),
        (),
    ],
)
def test_lines_that_a_call_never_has_are_refused(sections: tuple[str, ...]) -> None:
    with pytest.raises(Refused, match="description_malformed"):
        policy.check_description(read(sdp(*sections)), Side.BUYER, BOTH)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "v=0",
        "hello\r\n",
        "v=0\r\n\x00=1\r\n",
        "v=0\r\na=\u2028a=sendrecv\r\n",
        "v=0\r\ns=\x0bm=video 9 x 1\r\n",
        sdp(section("video", "recvonly").replace("a=recvonly", "a=recvonly\r\na=sendrecv")),
        sdp(section("video", "recvonly").replace("a=recvonly", "a=SendRecv")),
        sdp(section("video", "recvonly").replace("a=recvonly", "a= sendrecv")),
        sdp(section("video", "recvonly").replace("a=recvonly", "a=sendrecv ")),
        sdp("m=video\r\n"),
        sdp(section("video", None)),
        sdp(section("audio", None), section("video", "recvonly")),
        # libwebrtc does not look at directions above the first media line, and takes a line without one for sendrecv
        sdp(section("audio", None), section("video", None), session="a=inactive\r\n"),
        sdp(section("video", "recvonly"), session="a=recvonly\r\n"),
        sdp(section("audio", None), section("video", "recvonly").replace("a=recvonly", "a=recvonly\r\na=recvonly")),
        sdp(*[section("audio", "inactive")] * 9),
        sdp("a=x\r\n" * 3_000),
    ],
)
def test_what_two_readers_might_read_differently_is_refused(text: str) -> None:
    with pytest.raises(Refused, match="description_malformed"):
        policy.check_description(read(text), Side.BUYER, NOTHING)


@given(
    st.text(max_size=400)
    | st.lists(st.sampled_from(["v=0", "m=video 9 x 1", "a=sendrecv", "a=ssrc:x y", "a=rid:1"])).map("\r\n".join)
)
def test_no_text_makes_the_reader_fail_in_any_other_way(text: str) -> None:
    try:
        policy.check_description(read(text), Side.BUYER, NOTHING)
    except Refused as refusal:
        assert refusal.code in {Code.DESCRIPTION_MALFORMED, Code.CAMERA_NOT_CONSENTED, Code.MICROPHONE_NOT_CONSENTED}


@given(
    st.lists(
        st.builds(
            MediaLine,
            kind=st.sampled_from(["audio", "video"]),
            direction=st.sampled_from(Direction),
            sources=st.integers(0, 2),
        ),
        min_size=1,
        max_size=3,
    ),
    st.frozensets(st.sampled_from(Purpose)),
    st.sampled_from(Side),
)
def test_whatever_passes_cannot_show_a_buyer_who_has_not_agreed(
    lines: list[MediaLine], agreed: frozenset[Purpose], side: Side
) -> None:
    try:
        policy.check_description(Description(tuple(lines)), side, agreed)
    except Refused:
        return
    for line in lines:
        if line.kind == "video" and Purpose.CAMERA not in agreed:
            assert not (line.direction.sends if side is Side.BUYER else line.direction.receives)


def test_the_buyer_alone_offers_and_rounds_only_rise() -> None:
    pair = policy.offered(Pair("c"), Side.BUYER, 1)
    with pytest.raises(Refused, match="unexpected_description"):
        policy.offered(pair, Side.AGENT, 2)
    with pytest.raises(Refused, match="stale_round"):
        policy.offered(pair, Side.BUYER, 1)


def test_a_round_has_one_answer_from_the_agent() -> None:
    pair = policy.offered(Pair("c"), Side.BUYER, 3)
    with pytest.raises(Refused, match="stale_round"):
        policy.answered(pair, Side.AGENT, 2)
    with pytest.raises(Refused, match="unexpected_description"):
        policy.answered(pair, Side.BUYER, 3)
    pair = policy.answered(pair, Side.AGENT, 3)
    with pytest.raises(Refused, match="unexpected_description"):
        policy.answered(pair, Side.AGENT, 3)


def test_candidates_belong_to_the_present_round_and_are_counted() -> None:
    pair = policy.offered(Pair("c"), Side.BUYER, 1)
    with pytest.raises(Refused, match="stale_round"):
        policy.candidate_found(pair, 0)
    for _ in range(policy.MOST_CANDIDATES):
        pair = policy.candidate_found(pair, 1)
    with pytest.raises(Refused, match="too_many"):
        policy.candidate_found(pair, 1)
    assert policy.offered(pair, Side.BUYER, 2).candidates == 0


def test_joining_again_changes_nothing_and_another_page_raises_the_version() -> None:
    pair = policy.joined(Pair("c"), Side.BUYER, "i1", "phone", 0, now=100)
    assert policy.joined(pair, Side.BUYER, "i1", "phone", 0, now=200) == pair
    other = policy.joined(pair, Side.AGENT, "i2", "desk", 4, now=50)
    assert (other.seq, other.round, other.of(Side.AGENT)) == (101, 4, Peer("i2", "desk", 101))
    assert other.of(Side.BUYER) == Peer("i1", "phone", 100)


def test_what_a_page_sends_is_told_once() -> None:
    buyer, agent = Peer("i1", "phone", 100), Peer("i2", "desk", 101)
    pair = Pair("c", seq=101, buyer=buyer, agent=agent)
    for side, peer in ((Side.BUYER, buyer), (Side.AGENT, agent)):
        told = policy.with_media(pair, side, peer, (True, False, None), now=300)
        now_says = told.of(side)
        assert now_says == Peer(peer.inst, peer.device, 300, audio=True)
        assert policy.with_media(told, side, now_says, (True, False, None), now=400) is told


PEERS = st.none() | st.builds(
    Peer, st.sampled_from(["i1", "i2"]), st.just("phone"), st.integers(0, 3), st.booleans(), st.booleans()
)
PAIRS = st.builds(
    Pair, st.just("c"), st.integers(0, 3), st.integers(0, 3), st.integers(0, 3), st.integers(0, 3), PEERS, PEERS
)


@given(PAIRS, PAIRS)
def test_two_nodes_that_tell_each_other_what_they_know_come_to_know_the_same(one: Pair, other: Pair) -> None:
    """And then have nothing more to tell: news that crosses on the way does not go round for ever."""
    here, there = policy.merged(one, other), policy.merged(other, one)
    same = (here.seq, here.round, here.answered) == (there.seq, there.round, there.answered)
    assert same
    assert not policy.adds(here, there) or _differ_in_what_one_page_says_at_one_instant(one, other)
    assert not policy.adds(here, one)
    assert policy.merged(here, one) == here


def _differ_in_what_one_page_says_at_one_instant(one: Pair, other: Pair) -> bool:
    """Never so in earnest: a side is changed by one node, and each change has an instant of its own."""
    return any(
        mine is not None and theirs is not None and mine != theirs
        and (mine.since, mine.inst) == (theirs.since, theirs.inst)
        for mine, theirs in ((one.buyer, other.buyer), (one.agent, other.agent))
    )  # fmt: skip
