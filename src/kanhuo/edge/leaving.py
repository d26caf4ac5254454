"""How a node ends without anybody noticing.

Told to stop, it first says to whoever balances that nobody new is to be sent here, and serves on until that has been seen.
Then it shuts the door and asks its pages to go to another node, one after the other: each opens a second socket while the
first still serves (``bye`` with ``moving``). The rest of the time is for those who are slow.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from kanhuo.edge.reception import Reception
from kanhuo.kernel.clock import SECOND
from kanhuo.shell.alarm import pause

log = logging.getLogger(__name__)

UNSEEN: Final = 1 / 5
"""For which part of the drain the door stays open, because a balancer looks only every few seconds."""

ONE_BY_ONE: Final = 3 / 5
"""Over which part of the drain the pages go."""


async def leave(reception: Reception, seconds: float, shut_the_door: Callable[[], None]) -> None:
    """Let every page go to another node; return when all have gone, or when the time is over."""
    drain = round(seconds * SECOND)
    log.info("this node is about to end: it drains for up to %d ms", drain)
    await pause(round(drain * UNSEEN))
    shut_the_door()
    with suppress(TimeoutError):
        async with asyncio.timeout((1 - UNSEEN) * seconds):
            await reception.send_on(round(drain * ONE_BY_ONE))
    log.info("drained: %d sockets are left", reception.traffic.sockets)
