"""Presence on the wire."""

from __future__ import annotations

from kanhuo.shell.wire import Message, Request


class PresenceBeat(Request, frozen=True, tag="presence.beat", kw_only=True):
    """An agent's device says how it is: at once on every change, and every 15 s. Silence of 45 s means gone. Not answered.

    ``duty`` is the agent's own switch (going off duty on one device means all of them); ``foreground`` whether the page is visible.
    """

    duty: bool
    foreground: bool


class PresenceOffDuty(Message, frozen=True, tag="presence.off_duty"):
    """The agent went off duty on another of her devices: this one's switch is off too, and its beats have to say so."""
