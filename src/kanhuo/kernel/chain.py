"""The hash chain of the journal.

Each line's digest covers the digest of the line before it, so no line can be changed, removed or moved without every
later digest failing to match (the construction of RFC 9162's ancestors: Haber & Stornetta, 1991).
"""

from __future__ import annotations

import hashlib
from typing import Final

GENESIS: Final = b"\0" * 32
"""What the first line of a chain is linked to."""


def link(previous: bytes, chain: str, n: int, at: int, kind: str, body: bytes) -> bytes:
    """Return the SHA-256 digest (32 bytes) of a line and of everything before it.

    Fields are joined by a byte that none of them holds; ``body`` comes last and may hold anything.
    """
    head = f"{chain}\x1f{n}\x1f{at}\x1f{kind}\x1f".encode()
    return hashlib.sha256(previous + head + body).digest()
