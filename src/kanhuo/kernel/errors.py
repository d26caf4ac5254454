"""Refusals: a stable code for programs and a sentence for people; a refusal changes nothing.

The sentence is for the engineer who reads it; screens translate the code (``web/src/ui/messages``).
"""

from __future__ import annotations

from enum import StrEnum


class Code(StrEnum):
    """Every reason for which kanhuo refuses a request. Codes are never renamed."""

    # the wire
    MALFORMED = "malformed"
    TOO_LARGE = "too_large"
    TOO_MANY = "too_many"
    HELLO_FIRST = "hello_first"
    VERSION = "version_unsupported"
    ORIGIN = "wrong_origin"
    # who is asking
    EXPIRED = "expired"
    BAD_SIGNATURE = "bad_signature"
    WRONG_AUDIENCE = "wrong_audience"
    NOT_SIGNED_IN = "not_signed_in"
    NOT_ALLOWED = "not_allowed"
    WRONG_PASSWORD = "wrong_password"  # noqa: S105 - a code
    WEAK_PASSWORD = "weak_password"  # noqa: S105 - a code
    NAME_TAKEN = "name_taken"
    INVITATION_SPENT = "invitation_spent"
    LINK_SPENT = "link_spent"
    PASSKEY_FAILED = "passkey_failed"
    # the call
    NOT_FOUND = "not_found"
    NOT_YOURS = "not_yours"
    NOT_NOW = "not_now"
    ALREADY_IN_CALL = "already_in_call"
    # descriptions and candidates
    CAMERA_NOT_CONSENTED = "camera_not_consented"
    MICROPHONE_NOT_CONSENTED = "microphone_not_consented"
    DESCRIPTION_MALFORMED = "description_malformed"
    UNEXPECTED_DESCRIPTION = "unexpected_description"
    STALE_ROUND = "stale_round"
    PEER_ABSENT = "peer_absent"
    # pictures
    NOT_A_PICTURE = "not_a_picture"
    # us
    OVERLOADED = "overloaded"
    INTERNAL = "internal"


class Refused(Exception):
    """The request is refused and nothing has changed. ``code`` is for programs, ``why`` for people."""

    def __init__(self, code: Code, why: str) -> None:
        super().__init__(f"{code}: {why}")
        self.code = code
        self.why = why


class Stale(Exception):
    """Somebody else changed the row between our reading and our writing; decide again."""


def not_now(why: str) -> Refused:
    """Refuse because the thing is in another state by now."""
    return Refused(Code.NOT_NOW, why)


def not_yours(why: str) -> Refused:
    """Refuse because it belongs to somebody else (for instance, another agent was faster)."""
    return Refused(Code.NOT_YOURS, why)
