"""Consent: a person's yes to one purpose within one call, withdrawable at any moment."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never


class Purpose(StrEnum):
    """What a person may say yes to."""

    CAMERA = "camera"
    MICROPHONE = "microphone"


@dataclass(frozen=True, slots=True)
class Given:
    """The buyer said yes to a purpose."""

    purpose: Purpose


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """The buyer took the yes back."""

    purpose: Purpose


@dataclass(frozen=True, slots=True)
class Consents:
    """What the buyer of one call says yes to at this moment. ``seq`` rises with every change."""

    seq: int = 0
    purposes: frozenset[Purpose] = frozenset()

    def allows(self, purpose: Purpose) -> bool:
        """Whether the purpose has been agreed to and not withdrawn."""
        return purpose in self.purposes


def give(consents: Consents, purpose: Purpose) -> Given | None:
    """Say yes; ``None`` where that was said already."""
    return None if consents.allows(purpose) else Given(purpose)


def withdraw(consents: Consents, purpose: Purpose) -> Withdrawn | None:
    """Take a yes back; ``None`` where there was none."""
    return Withdrawn(purpose) if consents.allows(purpose) else None


def evolve(consents: Consents, event: Given | Withdrawn) -> Consents:
    """Return the consents after the event."""
    match event:
        case Given(purpose):
            return Consents(consents.seq + 1, consents.purposes | {purpose})
        case Withdrawn(purpose):
            return Consents(consents.seq + 1, consents.purposes - {purpose})
        case _ as unreachable:
            assert_never(unreachable)
