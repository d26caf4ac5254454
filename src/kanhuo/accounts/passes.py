"""Passes: short-lived tokens (JWT, RFC 7519) by which the shop's back end vouches for a buyer or an agent.

The algorithm follows from the configured key, never from the token's header: a secret means HS256, a PEM public key means
EdDSA. So neither ``none`` nor a public key used as a secret is ever believed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from kanhuo.accounts.model import Party, Role
from kanhuo.kernel.clock import HOUR, SECOND, Millis
from kanhuo.kernel.errors import Code, Refused
from kanhuo.kernel.ids import pseudonym

LIFE: Final[Millis] = HOUR
"""The longest life of a pass."""

LEEWAY: Final[Millis] = 30 * SECOND
"""How far the shop's clock may be off."""

VOUCHED: Final = "agx"
"""How the ids of agents begin who come by a pass."""

LARGEST_CONTEXT: Final = 4_096
"""The longest context of a pass, in bytes of JSON."""

SHORTEST_SECRET: Final = 32

_OPTIONS: Final[Any] = {
    "require": ["exp", "iat", "aud", "sub"],
    "verify_exp": False,
    "verify_iat": False,
    "verify_nbf": False,
}


@dataclass(frozen=True, slots=True)
class Verifier:
    """Checks passes against one key and one audience; ``pepper`` turns subjects into pseudonyms."""

    key: str | Ed25519PublicKey
    audience: str
    pepper: bytes

    @property
    def algorithm(self) -> str:
        """The only algorithm believed."""
        return "HS256" if isinstance(self.key, str) else "EdDSA"

    def party(self, token: str, now: Millis, late: Millis = 0) -> Party:
        """Return the party that a pass vouches for; ``late`` is for how long after its expiry it still does.

        Raises:
            Refused: ``expired``, ``bad_signature``, ``wrong_audience`` or ``malformed``.
        """
        claims = self._claims(token)
        self._check_time(claims, now, late)
        subject, merchant = _text(claims, "sub", 200), _text(claims, "merchant", 64)
        match claims.get("role"):
            case "buyer":
                return Party(
                    role=Role.BUYER,
                    id=pseudonym("buy", self.pepper, subject),
                    merchant=merchant,
                    context=_context(claims.get("context")),
                )
            case "agent":
                return Party(
                    role=Role.AGENT,
                    id=pseudonym(VOUCHED, self.pepper, f"{merchant}\x1f{subject}"),
                    merchant=merchant,
                    name=_text(claims, "name", 60),
                )
            case _:
                raise _malformed("its role is neither buyer nor agent")

    def _claims(self, token: str) -> Mapping[str, Any]:
        try:
            claims: Mapping[str, Any] = jwt.decode(
                token, self.key, algorithms=[self.algorithm], audience=self.audience, options=_OPTIONS
            )
        except (jwt.InvalidAudienceError, jwt.MissingRequiredClaimError) as failure:
            if isinstance(failure, jwt.MissingRequiredClaimError):
                raise _malformed(f"it has no {failure.claim}") from failure
            raise Refused(Code.WRONG_AUDIENCE, f"the pass is not for {self.audience}") from failure
        except (jwt.InvalidSignatureError, jwt.InvalidAlgorithmError, jwt.InvalidKeyError) as failure:
            raise Refused(Code.BAD_SIGNATURE, "the pass was not signed with the configured key") from failure
        except (jwt.PyJWTError, ValueError, TypeError) as failure:
            raise _malformed("it is not a JWT") from failure
        return claims

    def _check_time(self, claims: Mapping[str, Any], now: Millis, late: Millis) -> None:
        issued, expires = _seconds(claims, "iat"), _seconds(claims, "exp")
        if expires * 1_000 + LEEWAY + late <= now:
            raise Refused(Code.EXPIRED, "the pass has expired; ask the shop for a new one")
        if not issued < expires <= issued + LIFE // 1_000:
            raise _malformed("it must be valid for an hour at most")
        if max(issued, _seconds(claims, "nbf") if "nbf" in claims else 0) * 1_000 > now + LEEWAY:
            raise _malformed("it is not valid yet")


def verifier(key: str, audience: str, pepper: bytes) -> Verifier:
    """Return the verifier for a configured key.

    Raises:
        ValueError: the key is neither a PEM public key of Ed25519 nor a secret of 32 bytes or more.
    """
    if key.lstrip().startswith("-----BEGIN"):
        public = load_pem_public_key(key.encode())
        if not isinstance(public, Ed25519PublicKey):
            raise ValueError("the key of passes must be an Ed25519 public key")
        return Verifier(public, audience, pepper)
    if len(key.encode()) < SHORTEST_SECRET:
        raise ValueError(f"the secret of passes must have {SHORTEST_SECRET} bytes or more")
    return Verifier(key, audience, pepper)


def vouched(agent: str) -> bool:
    """Whether this is the id of an agent who comes by the shop's pass and has no login here."""
    return agent.startswith(f"{VOUCHED}_")


def mint(key: str, claims: Mapping[str, Any], *, audience: str, now: Millis, life: Millis = LIFE // 4) -> str:
    """Return a pass signed with a secret (HS256) or a PEM private key of Ed25519 (EdDSA); for trying things out."""
    algorithm = "EdDSA" if key.lstrip().startswith("-----BEGIN") else "HS256"
    issued = now // 1_000
    times = {"aud": audience, "iat": issued, "exp": issued + life // 1_000}
    return jwt.encode({**claims, **times}, key, algorithm=algorithm)


def _text(claims: Mapping[str, Any], name: str, longest: int) -> str:
    value = claims.get(name)
    if not isinstance(value, str) or not 1 <= len(value) <= longest or not value.isprintable():
        raise _malformed(f"its {name} must be a text of 1 to {longest} characters")
    return value


def _seconds(claims: Mapping[str, Any], name: str) -> int:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 2**40:
        raise _malformed(f"its {name} must be a number of seconds")
    return int(value)


def _context(value: object) -> bytes:
    if not isinstance(value, dict):
        raise _malformed("a buyer's pass needs a context")
    context = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")
    if len(context) > LARGEST_CONTEXT:
        raise _malformed(f"its context may have {LARGEST_CONTEXT} bytes at most")
    return context


def _malformed(why: str) -> Refused:
    return Refused(Code.MALFORMED, f"the pass is refused: {why}")
