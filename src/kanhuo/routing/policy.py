"""Who gets the next call: the agent who has been idle the longest and has not been rung for it yet; who is at her page first."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from kanhuo.kernel.clock import Millis


def choose(on_duty: Iterable[tuple[str, Millis]], unfit: Collection[str], later: Collection[str] = ()) -> str | None:
    """Return the agent to ring, or ``None``.

    Args:
        on_duty: agents with the instant since when each has been idle.
        unfit: those in a call, wrapping up, or rung for this call before.
        later: those who come after everybody else, because they are not at their page.
    """
    fit = [(agent in later, since, agent) for agent, since in on_duty if agent not in unfit]
    return min(fit)[2] if fit else None


def anyone_left(on_duty: Iterable[tuple[str, Millis]], tried: Collection[str]) -> bool:
    """Whether somebody on duty could still be rung for a call, now or once she is free."""
    return any(agent not in tried for agent, _ in on_duty)
