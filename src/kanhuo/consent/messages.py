"""Consent on the wire."""

from __future__ import annotations

from kanhuo.consent.model import Purpose
from kanhuo.shell.wire import Id, Message, Request, Seq


class ConsentGive(Request, frozen=True, tag="consent.give", kw_only=True):
    """The buyer says yes to a purpose. Answered ``done``; only then may a description that sends it follow."""

    call: Id
    purpose: Purpose


class ConsentWithdraw(Request, frozen=True, tag="consent.withdraw", kw_only=True):
    """The buyer takes a yes back. Answered ``done``."""

    call: Id
    purpose: Purpose


class ConsentsView(Message, frozen=True, tag="consents", kw_only=True):
    """What the buyer of the call agrees to at this moment; both sides receive it."""

    seq: Seq
    call: Id
    camera: bool
    microphone: bool
