"""Webhooks: messages to a back end, signed so that it knows who sends (Standard Webhooks 1.0.0, standardwebhooks.com)."""

from __future__ import annotations

from base64 import b64decode, b64encode
from dataclasses import dataclass
from hashlib import sha256
from hmac import digest
from typing import Final

from kanhuo.kernel.clock import SECOND, Millis

PREFIX: Final = "whsec_"


@dataclass(frozen=True, slots=True)
class Webhook:
    """A back end that is told things, and the key that it knows us by."""

    url: str
    key: bytes

    @classmethod
    def of(cls, url: str, secret: str) -> Webhook:
        """Return a webhook by its settings; the secret is base64, with or without ``whsec_`` before it.

        Raises:
            ValueError: the secret cannot be read, or has not the 24 to 64 bytes that the standard wants.
        """
        try:
            key = b64decode(secret.removeprefix(PREFIX), validate=True)
        except ValueError as failure:
            raise ValueError("the secret of a webhook is base64, with whsec_ before it") from failure
        if not 24 <= len(key) <= 64:
            raise ValueError("the secret of a webhook has 24 to 64 bytes, as base64")
        return cls(url, key)

    def headers(self, id: str, body: bytes, now: Millis) -> dict[str, str]:
        """Return what is sent with a body; ``id`` is the same each time the same message is tried."""
        instant = str(now // SECOND)
        seal = digest(self.key, f"{id}.{instant}.".encode() + body, sha256)
        return {
            "Content-Type": "application/json",
            "webhook-id": id,
            "webhook-timestamp": instant,
            "webhook-signature": f"v1,{b64encode(seal).decode()}",
        }
