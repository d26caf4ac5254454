"""Logs can be read by machines, and hold nothing that people said."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kanhuo.accounts.passes import mint
from kanhuo.kernel.clock import SystemClock
from kanhuo.kernel.errors import Code, Refused
from kanhuo.shell import logs
from tests.support.client import Client, RefusedError
from tests.support.engines import Postgres, free_port
from tests.support.house import CONTEXT, KEY

WORDS = "我把身份证号写在这里 and my telephone 13800138000"
NAME = "Wang Xiaoming"
SDP = "v=0\r\na=ice-pwd:a-secret-of-the-description\r\n"
FIELDS = {"at", "level", "logger", "message", "node", "call", "exception"}


@pytest.fixture
def kept() -> Iterator[None]:
    """Put the root logger back as it was."""
    root, ours = logging.getLogger(), logging.getLogger("kanhuo")
    before = root.handlers[:], root.level, ours.level
    yield
    root.handlers[:], root.level, ours.level = before[0], before[1], before[2]
    logging.captureWarnings(capture=False)


def written(form: str = "json") -> tuple[io.StringIO, logging.Logger]:
    stream = io.StringIO()
    logs.begin("node-1", form, stream)
    return stream, logging.getLogger("kanhuo.test")


@pytest.mark.usefixtures("kept")
def test_a_line_for_machines() -> None:
    stream, log = written()
    log.warning("%d calls\nwait", 3, extra={"call": "call_1"})
    (line,) = stream.getvalue().splitlines()
    read = json.loads(line)
    assert re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$", read.pop("at"))
    expected = {
        "level": "warning",
        "logger": "kanhuo.test",
        "message": "3 calls\nwait",
        "node": "node-1",
        "call": "call_1",
    }
    assert read == expected


@pytest.mark.usefixtures("kept")
def test_a_line_for_people() -> None:
    stream, log = written("text")
    log.info("a node has died", extra={"call": "call_1"})
    logging.getLogger("some.library").info("too much")
    assert re.match(r"\S+Z info    kanhuo\.test: a node has died \[call_1\]\n$", stream.getvalue())


@pytest.mark.usefixtures("kept")
def test_what_exceptions_say_stays_out_and_where_they_were_raised_stands_there() -> None:
    stream, log = written()
    failures = (KeyError(WORDS), OSError(28, "No space left on device", WORDS), Refused(Code.NOT_NOW, WORDS))
    for failure in failures:
        try:
            try:
                raise ValueError(WORDS)
            except ValueError as first:
                raise failure from first
        except (KeyError, OSError, Refused):
            log.exception("it failed")
    assert WORDS not in stream.getvalue()
    told = [json.loads(line)["exception"] for line in stream.getvalue().splitlines()]
    kinds = ("KeyError at", "OSError(No space left on device) at", "Refused(not_now) at")
    assert all(line.startswith(kind) for line, kind in zip(told, kinds, strict=True))
    assert all(
        re.search(r"test_logs\.py:\d+ test_what_.* from ValueError at .*test_logs\.py:\d+", line) for line in told
    )


@pytest.mark.usefixtures("kept")
async def test_what_nobody_caught_is_told_by_kind() -> None:
    stream, _ = written()
    logs.guard(asyncio.get_running_loop())

    def fails() -> None:
        raise ValueError(WORDS)

    told = asyncio.Event()
    asyncio.get_running_loop().call_soon(fails)
    asyncio.get_running_loop().call_soon(told.set)
    await told.wait()
    (line,) = stream.getvalue().splitlines()
    assert json.loads(line)["exception"].startswith("ValueError at ")


async def test_a_server_fed_with_secrets_tells_none(tmp_path: Path, postgres: Postgres) -> None:
    url, port = postgres.database(), free_port()
    ours = {"KANHUO_DATA": str(tmp_path), "KANHUO_DATABASE": url, "KANHUO_PASS_KEY": KEY, "KANHUO_PORT": str(port)}
    command = [sys.executable, "-m", "kanhuo.cli"]
    environment = {**os.environ, **ours}
    made = [*command, "merchant", "add", "--name", "Orchard", "--id", "mer_fruit"]
    await asyncio.to_thread(subprocess.run, made, env=environment, check=True, capture_output=True)
    log = tmp_path / "log"
    with log.open("wb") as out:
        process = subprocess.Popen([*command, "serve"], env=environment, stdout=out, stderr=out)
    try:
        async with asyncio.timeout(20):
            while not await asyncio.to_thread(_answers, port):
                assert process.poll() is None, log.read_text()
        secrets = await _feed(port, lambda text: postgres.sql(text, url))
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)
    text = log.read_text()
    lines = [json.loads(line) for line in text.splitlines()]
    assert all(FIELDS >= set(line) >= FIELDS - {"call", "exception"} for line in lines)
    failed = [line for line in lines if line["message"] == "a ChatSay failed"]
    assert failed, text
    assert failed[0]["exception"].startswith("CheckViolationError(23514) at ")
    assert failed[0]["call"].startswith("call_")
    assert [line for line in lines if line["message"] == "POST /v1/invitations/look failed"], text
    for secret in secrets:
        assert secret not in text


async def _feed(port: int, sql: Any) -> list[str]:
    """Let refusals and failures happen that hold what people said; return what must not be told."""

    def pass_(role: str, sub: str, key: str = KEY, **claims: object) -> str:
        body = {"role": role, "sub": sub, "merchant": "mer_fruit", **claims}
        return mint(key, body, audience="kanhuo", now=SystemClock().now())

    url = f"ws://127.0.0.1:{port}/socket"
    agent = await Client(url, pass_=pass_("agent", "wang", name=NAME)).open()
    buyer = await Client(url, pass_=pass_("buyer", "telephone-of-li", context=CONTEXT)).open()
    await agent.send("presence.beat", duty=True, foreground=True)
    await agent.hear(lambda m: m["type"] == "desk" and m["duty"])
    call = (await buyer.ask("call.ask", key="k", media="video"))["call"]
    await agent.call_in("ringing", call=call)
    await agent.ask("call.accept", call=call, media="video")
    for side in (agent, buyer):
        await side.ask("peer.join", call=call, round=0)
    sql("ALTER TABLE chat_lines ADD CHECK (false) NOT VALID")
    sql("ALTER TABLE invitations RENAME TO gone")
    for type_, fields in (
        ("chat.say", {"key": "1", "text": WORDS}),
        ("peer.describe", {"to": agent.inst, "round": 1, "kind": "offer", "sdp": SDP}),
    ):
        with pytest.raises(RefusedError):
            await buyer.ask(type_, call=call, **fields)
    await buyer.raw(json.dumps({"type": "chat.say", "id": 99, "call": call, "key": "1", "text": 5, "words": WORDS}))
    await buyer.raw(WORDS)
    await buyer.settle()
    forged = pass_("buyer", "li", "another key, which is also long enough!", context=CONTEXT)
    with pytest.raises(RefusedError):
        await Client(url, pass_=forged).open()
    await asyncio.to_thread(_post, port, "/v1/invitations/look", b'{"secret": "whoever-has-this-may-come-in"}')
    await asyncio.to_thread(_post, port, "/v1/sessions", json.dumps({"login": NAME, "password": WORDS}).encode())
    await asyncio.to_thread(_post, port, f"/v1/{forged}", WORDS.encode())
    for client in (agent, buyer):
        await client.close()
    assert agent.pass_ is not None
    assert buyer.pass_ is not None
    tokens = [
        forged,
        agent.pass_,
        buyer.pass_,
        str(agent.session),
        str(buyer.session),
        KEY,
        "whoever-has-this-may-come-in",
    ]
    return [WORDS, NAME, "13800138000", "ice-pwd", "telephone-of-li", "Fuji", *tokens]


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=1):
            return True
    except (urllib.error.URLError, OSError):
        return False


def _post(port: int, path: str, body: bytes) -> None:
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", body, {"Content-Type": "application/json"})
    try:
        urllib.request.urlopen(request, timeout=10).close()
    except urllib.error.HTTPError as failure:
        failure.close()
