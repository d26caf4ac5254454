"""Signed messages to a back end."""

from __future__ import annotations

from base64 import b64encode

import pytest

from kanhuo.shell.webhook import Webhook

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@pytest.mark.parametrize("secret", [SECRET, SECRET.removeprefix("whsec_")])
def test_it_is_signed_as_the_libraries_that_verify_expect(secret: str) -> None:
    """The example of the reference libraries' own tests."""
    hook = Webhook.of("https://shop.example.com/hooks", secret)
    assert hook.headers("msg_p5jXN8AQM9LWM0D4loKWxJek", b'{"test": 2432232314}', 1_614_265_330_000) == {
        "Content-Type": "application/json",
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


@pytest.mark.parametrize("bytes_", [0, 23, 65])
def test_a_secret_that_is_too_short_or_too_long_is_refused(bytes_: int) -> None:
    with pytest.raises(ValueError, match="24 to 64"):
        Webhook.of("https://shop.example.com", b64encode(bytes(bytes_)).decode())


def test_what_is_no_secret_is_refused() -> None:
    with pytest.raises(ValueError, match="base64"):
        Webhook.of("https://shop.example.com", "whsec_not base64!")
