"""What an operator's machines ask of a node."""

from __future__ import annotations

import asyncio
import json
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from tests.support.house import TestHouse


@dataclass
class Answer:
    status: int
    kind: str
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)


async def ask(shop: TestHouse, path: str, port: int = 0, **headers: str) -> Answer:
    request = urllib.request.Request(f"http://127.0.0.1:{port or shop.port}{path}")
    for name, value in headers.items():
        request.add_header(name.replace("_", "-"), value)

    def wait() -> Answer:
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return Answer(answer.status, answer.headers["Content-Type"], answer.read().decode())
        except urllib.error.HTTPError as failure:
            with failure:
                return Answer(failure.code, failure.headers["Content-Type"], failure.read().decode())

    return await asyncio.to_thread(wait)


class Figures:
    """One look at a node's figures."""

    def __init__(self, text: str) -> None:
        self.families = list(text_string_to_metric_families(text))
        self._samples = [sample for family in self.families for sample in family.samples]

    def __call__(self, name: str, **labels: str) -> float:
        return sum(s.value for s in self._samples if s.name == name and labels.items() <= s.labels.items())


async def figures(shop: TestHouse) -> Figures:
    answer = await ask(shop, "/metrics")
    assert answer.status == 200, answer.text
    return Figures(answer.text)


async def until(shop: TestHouse, path: str, wanted: Callable[[Answer], bool]) -> Answer:
    """Ask until the answer is the one wanted; each try is a whole request, so nothing sleeps."""
    async with asyncio.timeout(20):
        while not wanted(answer := await ask(shop, path)):
            pass
    return answer
