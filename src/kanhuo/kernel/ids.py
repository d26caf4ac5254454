"""Identifiers and secrets, the one place that draws random numbers."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import Final

CALL: Final = "call"
MERCHANT: Final = "mer"
AGENT: Final = "agt"
SESSION: Final = "ses"


def new_id(kind: str) -> str:
    """Return a fresh identifier such as ``call_3Zk…``: unguessable (120 bits), safe in an address, never an authorisation."""
    return f"{kind}_{secrets.token_urlsafe(15)}"


def new_secret() -> str:
    """Return a fresh secret of 256 bits, safe in an address; only its :func:`fingerprint` is ever stored."""
    return secrets.token_urlsafe(32)


def new_salt() -> bytes:
    """Return 16 random bytes for sealing one message."""
    return secrets.token_bytes(16)


def fingerprint(secret: str) -> str:
    """Return the SHA-256 of a secret of full entropy in hexadecimal, for storing and looking it up."""
    return hashlib.sha256(secret.encode()).hexdigest()


def pseudonym(kind: str, key: bytes, subject: str) -> str:
    """Return a stable identifier for a person named by somebody else (a pass's subject).

    A shop may, against advice, put a telephone number into ``sub``. The keyed hash keeps it out of our rows and journal.
    """
    return f"{kind}_{hmac.new(key, subject.encode(), hashlib.sha256).hexdigest()[:32]}"
