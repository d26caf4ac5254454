"""Web Push: a message sealed for one browser (RFC 8291, RFC 8188), signed so that its push service knows who sends (RFC 8292).

Written here on ``cryptography``: the usual package is under the MPL, the permissive one brings a validation framework along,
and what is left of the three RFCs fits on a page (ADR 11).
"""

from __future__ import annotations

import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDH,
    SECP256R1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from kanhuo.kernel.clock import HOUR, SECOND, Millis

RECORD: Final = 4_096
"""A push service need not take more than this (RFC 8030, section 7.2)."""

LARGEST: Final = RECORD - 86 - 17
"""The most bytes that can be sent: less the header, the padding's delimiter and the seal."""

SIGNED_FOR: Final[Millis] = 12 * HOUR
"""For how long a signature counts; 24 h at most (RFC 8292, section 2)."""

_POINT: Final = (serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)


def b64(data: bytes) -> str:
    """Return bytes as base64url without padding."""
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    """Return the bytes of base64url, with or without padding.

    Raises:
        ValueError: it is none.
    """
    return urlsafe_b64decode(text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4))


def public_key(point: bytes) -> EllipticCurvePublicKey:
    """Return the key of a browser.

    Raises:
        ValueError: the bytes are not an uncompressed point of the curve P-256.
    """
    if len(point) != 65:
        raise ValueError("a browser's key has 65 bytes")
    try:
        return EllipticCurvePublicKey.from_encoded_point(SECP256R1(), point)
    except UnsupportedAlgorithm as failure:
        raise ValueError("not a point of P-256") from failure


def seal(message: bytes, key: bytes, secret: bytes, salt: bytes, ours: EllipticCurvePrivateKey | None = None) -> bytes:
    """Return a message that only the browser with this ``key`` and ``secret`` can read, as one ``aes128gcm`` record.

    Args:
        message: at most ``LARGEST`` bytes.
        key: the browser's public key ``p256dh`` (65 bytes).
        secret: its ``auth`` (16 bytes).
        salt: 16 random bytes, never the same twice.
        ours: a key for this one message; a fresh one if none is given.

    Raises:
        ValueError: the message is too long, or the key none.
    """
    if len(message) > LARGEST:
        raise ValueError(f"a push message has {LARGEST} bytes at most")
    ours = ours or generate_private_key(SECP256R1())
    point = ours.public_key().public_bytes(*_POINT)
    shared = ours.exchange(ECDH(), public_key(key))
    keyed = _derive(shared, secret, b"WebPush: info\0" + key + point, 32)
    sealing = _derive(keyed, salt, b"Content-Encoding: aes128gcm\0", 16)
    nonce = _derive(keyed, salt, b"Content-Encoding: nonce\0", 12)
    header = salt + struct.pack("!IB", RECORD, len(point)) + point
    return header + AESGCM(sealing).encrypt(nonce, message + b"\x02", None)


def _derive(key: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    return HKDF(hashes.SHA256(), length, salt, info).derive(key)


def new_key() -> str:
    """Return a fresh signing key (PEM)."""
    made = generate_private_key(SECP256R1())
    return made.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


@dataclass(frozen=True, slots=True)
class Signer:
    """Signs for push services, by the one key that all of an installation's browsers have subscribed with."""

    key: EllipticCurvePrivateKey
    contact: str
    """Where a push service's people can reach ours: an ``https:`` or ``mailto:`` URI."""

    @classmethod
    def of(cls, pem: str, contact: str) -> Signer:
        """Return the signer of a key.

        Raises:
            ValueError: the key cannot be read.
        """
        key = serialization.load_pem_private_key(pem.encode(), None)
        if not isinstance(key, EllipticCurvePrivateKey):
            raise ValueError("a push key is of the curve P-256")
        return cls(key, contact)

    @property
    def public(self) -> str:
        """The ``applicationServerKey`` that browsers subscribe with."""
        return b64(self.key.public_key().public_bytes(*_POINT))

    def authorization(self, url: str, now: Millis) -> str:
        """Return the ``Authorization`` header for a push service."""
        parts = urlsplit(url)
        claims = {
            "aud": f"{parts.scheme}://{parts.netloc}",
            "exp": (now + SIGNED_FOR) // SECOND,
            "sub": self.contact,
        }
        return f"vapid t={jwt.encode(claims, self.key, algorithm='ES256')}, k={self.public}"
