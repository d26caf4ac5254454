"""How a shop signs passes. This page is all that a shop's back end needs, in any language with a JWT library.

A pass says who somebody is (``sub``: the shop's own id, never a name or a telephone number), to which merchant the call
goes, and what it is about. kanhuo shows the ``context`` to the agent and keeps it with the call as it was at that moment.
"""

from __future__ import annotations

import time
from typing import Any

import jwt

LIFE = 15 * 60  # seconds; an hour at most


def buyer_pass(key: str, buyer: str, merchant: str, context: dict[str, Any]) -> str:
    """Return a pass for a buyer who looks at something: put it into ``<kanhuo-call pass="…">``."""
    now = int(time.time())
    claims = {
        "aud": "kanhuo",
        "iat": now,
        "exp": now + LIFE,
        "role": "buyer",
        "sub": buyer,
        "merchant": merchant,
        "context": context,
    }
    return jwt.encode(claims, key, algorithm="HS256")


def agent_pass(key: str, agent: str, name: str, merchant: str) -> str:
    """Return a pass for somebody of a merchant's staff whom the shop knows already."""
    now = int(time.time())
    claims = {
        "aud": "kanhuo",
        "iat": now,
        "exp": now + LIFE,
        "role": "agent",
        "sub": agent,
        "name": name,
        "merchant": merchant,
    }
    return jwt.encode(claims, key, algorithm="HS256")
