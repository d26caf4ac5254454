"""Traces: what happened to one call, on whichever nodes, as one picture (OpenTelemetry).

Nothing is passed along. The trace's id is made from the call's, and so is the id of its root, so that spans of all nodes meet
where they are collected. A word on the bus has an id made from its own bytes: the node that hears it names the one that
told it without having been told how.

Watching is done by what stands around the database, the bus and the dispatch. Without an endpoint they do not stand there,
this module is not even loaded, and nothing costs anything. Spans hold ids, names of events and reasons.
"""

from __future__ import annotations

import os
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from hashlib import blake2b, sha256
from typing import Any, Concatenate, Final, ParamSpec, TypeAlias, TypeVar

import msgspec
from msgspec import Raw
from opentelemetry.context import Context, attach, detach
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, Sampler, TraceIdRatioBased
from opentelemetry.trace import (
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    get_current_span,
    set_span_in_context,
)

from kanhuo.calls import units
from kanhuo.calls.events import Ended
from kanhuo.calls.model import Call
from kanhuo.calls.service import COMMITTED
from kanhuo.calls.units import Change
from kanhuo.edge.dispatch import Answer, Dispatch, Rooms
from kanhuo.kernel.clock import nanoseconds
from kanhuo.kernel.errors import Refused
from kanhuo.kernel.ids import CALL
from kanhuo.shell.bus import Bus, Topic
from kanhuo.shell.database import Database, Transaction
from kanhuo.shell.measured import Around
from kanhuo.shell.redis import RedisBus
from kanhuo.shell.wire import Request, Telling
from kanhuo.signalling.messages import PeerDescribed
from kanhuo.signalling.service import Page

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")
Facts: TypeAlias = Mapping[str, str]

_ID_OF_CALL: Final = CALL + "_"
_DESCRIBED: Final = b'{"type":"peer.described"'
_pack: Final = msgspec.msgpack.Encoder().encode
_described: Final = msgspec.json.Decoder(PeerDescribed).decode


class _Ids(RandomIdGenerator):
    """Random ids, but for spans whose ids have been made from something."""

    def __init__(self) -> None:
        self.trace: int | None = None
        self.span: int | None = None

    def generate_trace_id(self) -> int:
        """Return the next trace's id."""
        made, self.trace = self.trace, None
        return super().generate_trace_id() if made is None else made

    def generate_span_id(self) -> int:
        """Return the next span's id."""
        made, self.span = self.span, None
        return super().generate_span_id() if made is None else made


def ids_of(call: str) -> tuple[int, int]:
    """Return the trace of a call and the trace's root, the same on every node."""
    made = sha256(call.encode()).digest()
    return int.from_bytes(made[:16]), int.from_bytes(made[16:24])


class Traces:
    """Makes the spans of this node and sends them off."""

    def __init__(self, endpoint: str, node: str) -> None:
        names = {"service.name": os.environ.get("OTEL_SERVICE_NAME", "kanhuo"), "service.instance.id": node}
        self._ids = _Ids()
        self._provider = TracerProvider(
            sampler=_sampler(), resource=Resource.create(names), id_generator=self._ids, shutdown_on_exit=False
        )
        within = float(os.environ.get("OTEL_EXPORTER_OTLP_TIMEOUT", "2"))  # an ending node waits for this too
        exporter = OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces", timeout=within)
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("kanhuo")

    def begin(
        self,
        name: str,
        call: str,
        *,
        facts: Facts | None = None,
        kind: SpanKind = SpanKind.INTERNAL,
        began: int | None = None,
        own: int | None = None,
        under: int | None = None,
    ) -> Span:
        """Begin a span of a call, under the one that is current, or ``under`` another, or under the trace's root.

        ``own`` is its id where another node has to know it.
        """
        trace, root = ids_of(call)
        present = get_current_span()
        if under is not None or present.get_span_context().trace_id != trace:
            above = SpanContext(trace, under or root, is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED))
            present = NonRecordingSpan(above)
        self._ids.span = own
        attributes = {"kanhuo.call": call, **(facts or {})}
        context = set_span_in_context(present, Context())
        return self._tracer.start_span(name, context=context, kind=kind, attributes=attributes, start_time=began)

    @contextmanager
    def span(self, name: str, call: str, kind: SpanKind, facts: Facts | None = None) -> Iterator[None]:
        """Keep a span current for as long as the block lasts; a refusal is one of its facts, a failure its status."""
        span = self.begin(name, call, kind=kind, facts=facts)
        try:
            with _current(span):
                yield
        except Exception as failure:
            _say(span, failure)
            raise
        finally:
            span.end()

    def ended(self, change: Change) -> None:
        """Send the root of a call's trace once it has ended: the call itself."""
        call = change.after
        if not isinstance(change.event, Ended) or call.ended_at is None:
            return
        self._ids.trace, self._ids.span = ids_of(call.id)
        facts = {"kanhuo.call": call.id, "kanhuo.reason": change.event.reason.value, "kanhuo.media": call.media.value}
        span = self._tracer.start_span("call", Context(), attributes=facts, start_time=call.asked_at * 1_000_000)
        span.end(call.ended_at * 1_000_000)

    def database(self, inner: Database) -> Database:
        """Return the same database, watched."""
        return TracedDatabase(inner, self)

    def dispatch(self, rooms: Rooms) -> Dispatch:
        """Return a dispatch that is watched."""
        return TracedDispatch(rooms, self)

    def bus(self, url: str, node: str) -> RedisBus:
        """Return a bus that is watched."""
        bus = TracedBus(url, node, self)
        self.watch(bus)
        return bus

    def watch(self, bus: Bus) -> None:
        """Hear from a bus which calls end by a commit of this node."""
        bus.subscribe(COMMITTED, self.ended)

    def close(self) -> None:
        """Send what waits."""
        self._provider.shutdown()


class TracedDatabase(Around):
    """A database of which every unit of work that concerns a call makes a span."""

    def __init__(self, inner: Database, traces: Traces) -> None:
        super().__init__(inner)
        self._traces = traces

    async def write(self, work: Callable[Concatenate[Transaction, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run a unit of work; its calls are known before by its arguments, or afterwards by what it changed."""
        return await self._spanned(self._inner.write(work, *args, **kwargs), _name(work, args), args)

    async def write_alone(self, work: Callable[Concatenate[Transaction, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run a unit of work that writes by one statement, as :meth:`write`."""
        return await self._spanned(self._inner.write_alone(work, *args, **kwargs), _name(work, args), args)

    async def _spanned(self, run: Awaitable[R], name: str, args: tuple[object, ...]) -> R:
        began = nanoseconds()
        try:
            result = await run
        except Exception as failure:
            call = _call_of_arguments(args)
            if call is not None:
                span = self._traces.begin(name, call, began=began)
                _say(span, failure)
                span.end()
            raise
        changes = _changes(result)
        for change in changes:
            facts = {"kanhuo.event": type(change.event).__name__}
            if isinstance(change.event, Ended):
                facts["kanhuo.reason"] = change.event.reason.value
            self._traces.begin(name, change.after.id, facts=facts, began=began).end()
        call = None if changes else _call_of_arguments(args)
        if call is not None:
            self._traces.begin(name, call, began=began).end()
        return result


class TracedBus(RedisBus):
    """A bus on which every word about a call makes a span with the node that tells it and with each that hears it."""

    def __init__(self, url: str, node: str, traces: Traces) -> None:
        super().__init__(url, node)
        self._traces = traces
        self._hearing: Raw | None = None

    def publish(self, topic: Topic[T], item: T, *parties: str) -> None:
        """Tell this node's listeners, and the nodes that attend one of the parties."""
        call = _call_told(item)
        if call is None:
            super().publish(topic, item, *parties)
            return
        own = _id_of_word(_pack((self._node, topic.name, item)))
        span = self._traces.begin(f"tell {_what(topic.name, item)}", call, kind=SpanKind.PRODUCER, own=own)
        super().publish(topic, item, *parties)
        span.end()

    def _take_in(self, word: Raw) -> None:
        self._hearing = word
        try:
            super()._take_in(word)
        finally:
            self._hearing = None

    def _tell(self, topic: str, item: object) -> None:
        word, self._hearing = self._hearing, None
        call = None if word is None else _call_told(item)
        if word is None or call is None:
            super()._tell(topic, item)
            return
        kind, under = SpanKind.CONSUMER, _id_of_word(word)
        span = self._traces.begin(f"hear {_what(topic, item)}", call, kind=kind, under=under)
        with _current(span):
            super()._tell(topic, item)
        span.end()


class TracedDispatch(Dispatch):
    """A dispatch in which every request about a call is a span."""

    def __init__(self, rooms: Rooms, traces: Traces) -> None:
        super().__init__(rooms)
        self._traces = traces

    async def in_time(self, page: Page, message: Request) -> Answer:
        """Carry out a message; return what is sent back, ``done`` being the last.

        Raises:
            Refused: as its use case does.
        """
        call = getattr(message, "call", None)
        if call is None:
            return await super().in_time(page, message)
        name = str(message.__struct_config__.tag)
        with self._traces.span(name, call, SpanKind.SERVER, {"kanhuo.role": page.party.role.value}):
            return await super().in_time(page, message)


@contextmanager
def _current(span: Span) -> Iterator[None]:
    token = attach(set_span_in_context(span))
    try:
        yield
    finally:
        detach(token)


def _say(span: Span, failure: Exception) -> None:
    """Note a failure by its kind alone: what exceptions say may be people's words."""
    if isinstance(failure, Refused):
        span.set_attribute("kanhuo.refused", failure.code.value)
    else:
        span.set_status(Status(StatusCode.ERROR, type(failure).__name__))


def _sampler() -> Sampler:
    """Return the sampler that the standard variables name; it goes by the trace's id, so all nodes keep the same calls."""
    match os.environ.get("OTEL_TRACES_SAMPLER", "").removeprefix("parentbased_"):
        case "traceidratio":
            return TraceIdRatioBased(float(os.environ.get("OTEL_TRACES_SAMPLER_ARG", "1")))
        case "always_off":
            return ALWAYS_OFF
    return ALWAYS_ON


def _name(work: Callable[..., object], args: tuple[Any, ...]) -> str:
    if work in (units.move, units.step):
        return "calls." + re.sub(r"(?<!^)(?=[A-Z])", "_", type(args[1]).__name__).lower()
    return f"{work.__module__.removeprefix('kanhuo.').partition('.')[0]}.{work.__name__.strip('_')}"


def _call_of_arguments(args: tuple[Any, ...]) -> str | None:
    first = args[0] if args else None
    if isinstance(first, Call):
        return first.id
    return first if isinstance(first, str) and first.startswith(_ID_OF_CALL) else None


def _changes(result: object) -> list[Change]:
    """Return the changes among what a unit returned: alone, or last in a pair."""
    last = result[-1] if isinstance(result, tuple) and result else result
    return [change for change in last if isinstance(change, Change)] if isinstance(last, list) else []


def _call_told(item: object) -> str | None:
    """Return the call that a word on the bus is about; of what goes to pages, descriptions alone are looked into."""
    if isinstance(item, Call):
        return item.id
    if isinstance(item, Telling):
        return _described(item.frame).call if item.frame.startswith(_DESCRIBED) else None
    call = getattr(item, "call", None)
    return call if isinstance(call, str) else None


def _what(topic: str, item: object) -> str:
    return "peer.described" if isinstance(item, Telling) else topic


def _id_of_word(word: bytes | Raw) -> int:
    return int.from_bytes(blake2b(word, digest_size=8).digest())
