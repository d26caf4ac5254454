"""Passes that lie, and passes that are right."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from kanhuo.accounts.model import Role
from kanhuo.accounts.passes import mint, verifier
from kanhuo.kernel.errors import Code, Refused

NOW = 1_790_000_000_000
KEY = "a secret of thirty-two bytes or more"
CHECK = verifier(KEY, "kanhuo", b"pepper")
BUYER: dict[str, Any] = {"role": "buyer", "sub": "13812345678", "merchant": "m", "context": {"kind": "link"}}


def test_a_buyer_is_known_by_a_pseudonym_never_by_the_shops_own_id() -> None:
    party = CHECK.party(mint(KEY, BUYER, audience="kanhuo", now=NOW), NOW)
    assert party.role is Role.BUYER
    assert "13812345678" not in party.id
    assert party == CHECK.party(mint(KEY, BUYER, audience="kanhuo", now=NOW), NOW)


def test_a_pass_signed_with_ed25519_is_checked_with_the_public_key() -> None:
    private = Ed25519PrivateKey.generate()
    secret = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    public = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    check = verifier(public, "kanhuo", b"pepper")
    agent = {"role": "agent", "sub": "w", "merchant": "m", "name": "Wang"}
    assert check.party(mint(secret, agent, audience="kanhuo", now=NOW), NOW).name == "Wang"
    confused = _forged({"alg": "HS256"}, agent, public)
    with pytest.raises(Refused, match="bad_signature"):
        check.party(confused, NOW)


@pytest.mark.parametrize("header", [{"alg": "none"}, {"alg": "HS512"}, {"alg": "HS256", "kid": "../../dev/null"}])
def test_the_tokens_header_decides_nothing(header: dict[str, str]) -> None:
    with pytest.raises(Refused, match="bad_signature"):
        CHECK.party(_forged(header, BUYER, ""), NOW)


@pytest.mark.parametrize("key", ["short", "-----BEGIN nonsense"])
def test_a_poor_key_is_refused_at_the_start(key: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        verifier(key, "kanhuo", b"")


def test_a_public_key_of_another_kind_is_refused_at_the_start() -> None:
    rsa = generate_private_key(65_537, 2_048).public_key()
    with pytest.raises(ValueError, match="Ed25519"):
        verifier(rsa.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode(), "kanhuo", b"")


@pytest.mark.parametrize(("after", "taken"), [(0, True), (30, True), (31, False), (3_000, False)])
def test_a_pass_for_later_is_refused_until_then(after: int, taken: bool) -> None:
    """By ``nbf``, with the leeway that clocks are given."""
    token = mint(KEY, {**BUYER, "nbf": NOW // 1_000 + after}, audience="kanhuo", now=NOW)
    if taken:
        assert CHECK.party(token, NOW).role is Role.BUYER
    else:
        with pytest.raises(Refused, match="malformed"):
            CHECK.party(token, NOW)


@pytest.mark.parametrize("nbf", ["soon", None, True, -1, 2**70, [1]])
def test_a_pass_whose_beginning_is_no_time_is_refused(nbf: object) -> None:
    with pytest.raises(Refused, match="malformed"):
        CHECK.party(mint(KEY, {**BUYER, "nbf": nbf}, audience="kanhuo", now=NOW), NOW)


VALUES = st.none() | st.text() | st.integers() | st.floats(allow_nan=False) | st.lists(st.text())
NAMES = st.sampled_from(["role", "sub", "merchant", "context", "name", "iat", "exp", "nbf", "aud"])


@given(st.dictionaries(NAMES, VALUES | st.dictionaries(st.text(), st.text())))
def test_no_claims_make_it_fail_in_any_other_way(claims: dict[str, Any]) -> None:
    token = jwt.encode({"aud": "kanhuo", **claims}, KEY, algorithm="HS256") if _encodable(claims) else "x"
    try:
        CHECK.party(token, NOW)
    except Refused as refusal:
        assert refusal.code in {Code.MALFORMED, Code.EXPIRED, Code.WRONG_AUDIENCE}


@given(st.text())
def test_no_text_makes_it_fail_in_any_other_way(token: str) -> None:
    with pytest.raises(Refused):
        CHECK.party(token, NOW)


def _encodable(claims: dict[str, Any]) -> bool:
    try:
        jwt.encode(claims, KEY, algorithm="HS256")
    except (TypeError, ValueError, OverflowError):
        return False
    return True


def _forged(header: dict[str, str], claims: dict[str, Any], secret: str) -> str:

    times = {"aud": "kanhuo", "iat": NOW // 1000, "exp": NOW // 1000 + 60}
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in (header, {**claims, **times})]
    body = b".".join(parts)
    seal = base64.urlsafe_b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).rstrip(b"=")
    return (body + b"." + seal).decode()
