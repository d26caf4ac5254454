"""What an operator watches: figures of calls, learned from the news of what this node has committed, and ``/metrics``.

Figures of a shop are nobody else's business. They are shown to whoever asks this node directly from a private address, as
Prometheus does, and to nobody who comes through a proxy: those pass public requests on.
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any, Final

from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from kanhuo.calls.events import (
    Accepted,
    Asked,
    Connected,
    Declined,
    Ended,
    Heard,
    Offered,
    RingExpired,
    RingUnheard,
    RingWithdrawn,
)
from kanhuo.calls.policy import Patience, deadline
from kanhuo.calls.service import COMMITTED
from kanhuo.calls.terms import Media, Reason, State
from kanhuo.calls.units import Change
from kanhuo.kernel.clock import SECOND, Clock
from kanhuo.kernel.errors import Code, Refused
from kanhuo.shell.bus import Bus
from kanhuo.shell.metrics import Metrics

_END_OF_RING: Final = {
    Accepted: "accepted",
    Declined: "declined",
    RingExpired: "expired",
    RingUnheard: "unheard",
    RingWithdrawn: "withdrawn",
    Ended: "ended",
}
_PROXIES_SAY: Final = ("X-Forwarded-For", "Forwarded", "Via")


class CallFigures:
    """Counts what happens to calls by commits of this node, so that each happening is counted on one node."""

    def __init__(self, bus: Bus, clock: Clock, patience: Patience, metrics: Metrics) -> None:
        self._clock = clock
        self._patience = patience
        self._metrics = metrics
        for media in Media:
            metrics.asked.labels(media)
        for reason in Reason:
            metrics.ended.labels(reason)
        for end in _END_OF_RING.values():
            metrics.rings.labels(end)
        bus.subscribe(COMMITTED, self._on_change)

    def _on_change(self, change: Change) -> None:
        metrics, before, after = self._metrics, change.before, change.after
        now = self._clock.now()
        match change.event:
            case Asked():
                metrics.asked.labels(after.media).inc()
            case Offered() if before is not None and not before.tried:
                metrics.ring.observe((now - after.asked_at) / SECOND)
            case Heard(after=length) if before is not None and before.unheard:
                metrics.heard.observe(length / SECOND)
            case Accepted():
                metrics.answer.observe((now - after.asked_at) / SECOND)
            case Connected() if after.answered_at is not None:
                metrics.connect.observe((now - after.answered_at) / SECOND)
            case Ended(reason):
                metrics.ended.labels(reason).inc()
                if after.connected_at is not None and after.ended_at is not None:
                    metrics.talk.observe((after.ended_at - after.connected_at) / SECOND)
        if before is None:
            return
        if before.state is State.RINGING and (end := _END_OF_RING.get(type(change.event))) is not None:
            metrics.rings.labels(end).inc()
        due = deadline(before, self._patience)
        if due is not None and due <= now:
            metrics.late.observe((now - due) / SECOND)


@get("/metrics", include_in_schema=False)
async def metrics(request: Request[Any, Any, Any], registry: NamedDependency[CollectorRegistry]) -> Response[bytes]:
    """Return this node's figures in the text that Prometheus reads.

    Raises:
        Refused: ``not_found`` to whoever comes through a proxy or from a public address.
    """
    if not _is_near(request):
        raise Refused(Code.NOT_FOUND, "figures are shown to the shop's own network alone")
    encode, kind = choose_encoder(request.headers.get("Accept", ""))
    return Response(encode(registry), headers={"Content-Type": kind, "Cache-Control": "no-store"})


def _is_near(request: Request[Any, Any, Any]) -> bool:
    if request.client is None or any(name in request.headers for name in _PROXIES_SAY):
        return False
    try:
        return ip_address(request.client.host).is_private  # loopback is private too
    except ValueError:
        return False


HANDLERS: Final[tuple[HTTPRouteHandler, ...]] = (metrics,)
