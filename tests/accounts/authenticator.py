"""A device that holds passkeys (WebAuthn level 3), in as many lines as it takes: ES256, no attestation."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import cbor2
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from webauthn.helpers import bytes_to_base64url

PRESENT, VERIFIED, ATTESTED = 0x01, 0x04, 0x40


class Authenticator:
    """Without ``verifies`` it asks for a touch alone: neither a finger nor a PIN."""

    def __init__(self, origin: str, *, verifies: bool = True, id: bytes = b"a credential of it") -> None:
        self.id = id
        self._origin = origin
        self._host = origin.split("://")[1].partition(":")[0]
        self._flags = PRESENT | (VERIFIED if verifies else 0)
        self._key = generate_private_key(SECP256R1())
        self._count = 0

    @property
    def public_key(self) -> bytes:
        point = self._key.public_key().public_numbers()
        return cbor2.dumps({1: 2, 3: -7, -1: 1, -2: point.x.to_bytes(32, "big"), -3: point.y.to_bytes(32, "big")})

    def make(self, options: dict[str, Any]) -> dict[str, Any]:
        """Do what ``navigator.credentials.create`` does."""
        attested = bytes(16) + len(self.id).to_bytes(2, "big") + self.id + self.public_key
        about = self._about(ATTESTED) + attested
        attestation = cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": about})
        client = self._client("webauthn.create", options["challenge"])
        return self._credential(clientDataJSON=client, attestationObject=attestation)

    def sign(self, options: dict[str, Any]) -> dict[str, Any]:
        """Do what ``navigator.credentials.get`` does."""
        about, client = self._about(0), self._client("webauthn.get", options["challenge"])
        signature = self._key.sign(about + hashlib.sha256(client).digest(), ECDSA(SHA256()))
        return self._credential(clientDataJSON=client, authenticatorData=about, signature=signature)

    def _about(self, flags: int) -> bytes:
        self._count += 1
        return (
            hashlib.sha256(self._host.encode()).digest() + bytes([self._flags | flags]) + self._count.to_bytes(4, "big")
        )

    def _client(self, kind: str, challenge: str) -> bytes:
        return json.dumps({"type": kind, "challenge": challenge, "origin": self._origin}).encode()

    def _credential(self, **response: bytes) -> dict[str, Any]:
        id = bytes_to_base64url(self.id)
        made = {name: bytes_to_base64url(value) for name, value in response.items()}
        return {"id": id, "rawId": id, "type": "public-key", "response": made, "clientExtensionResults": {}}
