"""Web Push: sealed as the RFC's own example, and signed."""

from __future__ import annotations

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from kanhuo.shell.push import LARGEST, Signer, b64, new_key, seal, unb64
from tests.support.push import Browser

# RFC 8291, appendix A
PRIVATE = "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"
THEIRS = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
SECRET = "BTBZMqHH6r4Tts7J_aSIgg"
SALT = "DGv6ra1nlYgDCS1FRnbzlw"
SEALED = (
    "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A"
    "_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
)


def test_the_example_of_the_rfc() -> None:
    ours = ec.derive_private_key(int.from_bytes(unb64(PRIVATE), "big"), ec.SECP256R1())
    sealed = seal(b"When I grow up, I want to be a watermelon", unb64(THEIRS), unb64(SECRET), unb64(SALT), ours)
    assert b64(sealed) == SEALED


@given(message=st.binary(max_size=300), salt=st.binary(min_size=16, max_size=16))
def test_what_is_sealed_can_be_read_by_the_browser_alone(message: bytes, salt: bytes) -> None:
    browser = Browser("")
    assert browser.read(seal(message, browser.point, browser.secret, salt)) == message


def test_the_longest_message_fits_into_a_record() -> None:
    browser = Browser("")
    assert len(seal(b"x" * LARGEST, browser.point, browser.secret, bytes(16))) == 4096
    with pytest.raises(ValueError, match="at most"):
        seal(b"x" * (LARGEST + 1), browser.point, browser.secret, bytes(16))


@pytest.mark.parametrize("key", [b"", b"\x04" + bytes(64), b"\x05" * 65, b"\x02" + bytes(32)])
def test_what_is_not_a_key_is_refused(key: bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        seal(b"x", key, bytes(16), bytes(16))


def test_a_signature_names_the_service_and_ends_within_a_day() -> None:
    signer = Signer.of(new_key(), "https://call.example.com")
    header = signer.authorization("https://push.example.net:8443/send/1", 1_790_000_000_000)
    token = header.removeprefix("vapid t=").partition(",")[0]
    claims = jwt.decode(
        token, signer.key.public_key(), algorithms=["ES256"], options={"verify_aud": False, "verify_exp": False}
    )
    assert claims == {"aud": "https://push.example.net:8443", "exp": 1_790_043_200, "sub": "https://call.example.com"}
    assert header.endswith(f"k={signer.public}")
    assert len(unb64(signer.public)) == 65
