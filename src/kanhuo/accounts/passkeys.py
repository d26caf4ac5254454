"""Passkeys (WebAuthn level 3): signing in with what a telephone or key holds, without a password."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    options_to_json,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import base64url_to_bytes
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from kanhuo.accounts import store
from kanhuo.accounts.model import Agent, Party
from kanhuo.accounts.policy import CEREMONY_LIFE
from kanhuo.accounts.store import Passkey
from kanhuo.kernel.clock import Clock
from kanhuo.kernel.errors import Code, Refused
from kanhuo.kernel.ids import new_secret
from kanhuo.shell.database import Database


class Passkeys:
    """Keeps passkeys and checks what they sign. A ceremony lives for five minutes."""

    def __init__(self, db: Database, clock: Clock, origin: str) -> None:
        self._db = db
        self._clock = clock
        self._origin = origin
        self._host = urlsplit(origin).hostname or "localhost"

    async def creation_options(self, party: Party) -> dict[str, Any]:
        """Return the options with which a signed-in person's page makes a passkey."""
        held = await self._db.read(store.passkeys, party.id)
        options = generate_registration_options(
            rp_id=self._host,
            rp_name="kanhuo",
            user_id=party.id.encode(),
            user_name=party.name,
            exclude_credentials=[PublicKeyCredentialDescriptor(id=credential) for credential in held],
            authenticator_selection=AuthenticatorSelectionCriteria(
                resident_key=ResidentKeyRequirement.REQUIRED, user_verification=UserVerificationRequirement.REQUIRED
            ),
        )
        await self._begin(party.id, options.challenge)
        return _plain(options_to_json(options))

    async def add(self, party: Party, credential: dict[str, Any]) -> None:
        """Keep a new passkey.

        Raises:
            Refused: ``passkey_failed``.
        """
        try:
            made = verify_registration_response(
                credential=credential,
                expected_challenge=await self._finish(party.id),
                expected_rp_id=self._host,
                expected_origin=self._origin,
                require_user_verification=True,
            )
        except (WebAuthnException, ValueError, KeyError, TypeError) as failure:
            raise _failed() from failure
        passkey = Passkey(made.credential_id, party.id, made.credential_public_key, made.sign_count)
        if not await self._db.write(store.add_passkey, passkey, self._clock.now()):
            raise _failed()

    async def request_options(self) -> tuple[str, dict[str, Any]]:
        """Return a ceremony's name and the options with which a page asks for a passkey."""
        options = generate_authentication_options(
            rp_id=self._host, user_verification=UserVerificationRequirement.REQUIRED
        )
        name = new_secret()
        await self._begin(name, options.challenge)
        return name, _plain(options_to_json(options))

    async def check(self, ceremony: str, credential: dict[str, Any]) -> Agent:
        """Return the person whose passkey signed the ceremony's challenge.

        Raises:
            Refused: ``passkey_failed``.
        """
        challenge = await self._finish(ceremony)
        try:
            known = await self._db.read(store.passkey, base64url_to_bytes(credential["id"]))
            if known is None:
                raise _failed()
            signed = verify_authentication_response(
                credential=credential,
                expected_challenge=challenge,
                expected_rp_id=self._host,
                expected_origin=self._origin,
                credential_public_key=known.public_key,
                credential_current_sign_count=known.sign_count,
                require_user_verification=True,
            )
        except (WebAuthnException, ValueError, KeyError, TypeError) as failure:
            raise _failed() from failure
        await self._db.write(store.count_use, known.credential, signed.new_sign_count)
        agent = await self._db.read(store.present_agent, known.agent)
        if agent is None:
            raise _failed()
        return agent

    async def _begin(self, name: str, challenge: bytes) -> None:
        now = self._clock.now()
        await self._db.write(store.begin_ceremony, name, challenge, now + CEREMONY_LIFE, now)

    async def _finish(self, name: str) -> bytes:
        challenge = await self._db.write(store.end_ceremony, name, self._clock.now())
        if challenge is None:
            raise _failed()
        return challenge


def _plain(options: str) -> dict[str, Any]:
    plain: dict[str, Any] = json.loads(options)
    return plain


def _failed() -> Refused:
    return Refused(Code.PASSKEY_FAILED, "the passkey was not accepted; try again or use the password")
