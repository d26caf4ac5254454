"""The closed sets of words a call is told in."""

from __future__ import annotations

from enum import StrEnum


class Side(StrEnum):
    """The two ends of a call."""

    BUYER = "buyer"
    AGENT = "agent"

    @property
    def other(self) -> Side:
        """The opposite end."""
        return Side.AGENT if self is Side.BUYER else Side.BUYER


class Media(StrEnum):
    """What the call is asked or answered with; each side's camera is switched separately later on."""

    VIDEO = "video"
    VOICE = "voice"


class State(StrEnum):
    """Where a call stands."""

    WAITING = "waiting"
    RINGING = "ringing"
    CONNECTING = "connecting"
    TALKING = "talking"
    BROKEN = "broken"
    ENDED = "ended"


class Reason(StrEnum):
    """Why a call ended; every call ends with exactly one."""

    COMPLETED = "completed"
    BUYER_CANCELLED = "buyer_cancelled"
    QUEUE_ABANDONED = "queue_abandoned"
    QUEUE_TIMEOUT = "queue_timeout"
    DECLINED = "declined"
    NO_ANSWER = "no_answer"
    AGENT_LOST = "agent_lost"
    BUYER_LOST = "buyer_lost"
    MEDIA_FAILED = "media_failed"
    REFUSED = "refused"
    BLOCKED = "blocked"


class DeclineWhy(StrEnum):
    """What an agent says when she does not take a call."""

    BUSY = "busy"
    NOT_MINE = "not_mine"
    AWAY = "away"
    OTHER = "other"


class RatingWhy(StrEnum):
    """What a buyer gives as the reason of a verdict; codes, so that no words need keeping."""

    SOLVED = "solved"
    SAW_CLEARLY = "saw_clearly"
    FRIENDLY = "friendly"
    NOT_SOLVED = "not_solved"
    UNCLEAR_PICTURE = "unclear_picture"
    UNCLEAR_SOUND = "unclear_sound"
    LONG_WAIT = "long_wait"
    IMPOLITE = "impolite"
    OTHER = "other"


class Outcome(StrEnum):
    """How the agent sums the call up."""

    ANSWERED = "answered"
    WILL_BUY = "will_buy"
    AGREED = "agreed"
    FOLLOW_UP = "follow_up"
    NOT_RESOLVED = "not_resolved"
    SKIPPED = "skipped"
