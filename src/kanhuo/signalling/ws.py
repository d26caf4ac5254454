"""Signalling from the socket. Messages name calls; pages are known by their connection."""

from __future__ import annotations

from kanhuo.signalling.messages import PeerCandidate, PeerDescribe, PeerJoin, PeerMedia, PeerRestart
from kanhuo.signalling.service import Page, Signalling


async def join(signalling: Signalling, page: Page, message: PeerJoin) -> None:
    """Carry a side of a call."""
    await signalling.join(page, message)


async def describe(signalling: Signalling, page: Page, message: PeerDescribe) -> None:
    """Pass a description on."""
    await signalling.describe(page, message)


def candidate(signalling: Signalling, page: Page, message: PeerCandidate) -> None:
    """Pass a candidate on."""
    signalling.candidate(page, message)


def restart(signalling: Signalling, page: Page, message: PeerRestart) -> None:
    """Pass the wish for a restart on."""
    signalling.restart(page, message)


def media(signalling: Signalling, page: Page, message: PeerMedia) -> None:
    """Note what a page sends."""
    signalling.media(page, message)
