"""Every figure that an operator may watch, declared once: its name, what it means, in which steps it is counted.

A process is a node, and a node is what Prometheus watches (a *target*): each answers ``/metrics`` for itself alone, and its
figures carry no label of node or process, which Prometheus adds by itself (``instance``). Several workers on one machine are
several nodes behind one port, so each also listens on a loopback port of its own (``KANHUO_METRICS_PORT`` + its number). The
library's multiprocess mode was not taken: it knows neither collectors of one's own nor figures of the process, its gauges
have to say how they add up, and one worker's lost bus would drown in the sum.

What happens for every frame is counted in plain integers (:class:`Traffic`, ``Bus.traffic``), which are read when somebody
asks: an increment of the library's counter takes 0.4 µs, one of a plain integer a tenth of that. No label holds an id; every
label has a closed set of values.
"""

from __future__ import annotations

import platform
from collections import Counter as Tally
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, disable_created_metrics
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from kanhuo.shell.bus import Bus

_SHORT: Final = (0.000_5, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)
"""Steps (s) of what machines take: the server's part of a ring is to stay under 0.02."""
_WAIT: Final = (0.02, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 15, 20, 25, 30, 45, 60, 90, 120, 180, 300)
"""Steps (s) of what people wait for: a ring, an answer. 20 and 30 are what service levels are counted by."""
_TALK: Final = (5, 15, 30, 60, 120, 180, 300, 600, 900, 1_800, 3_600, 7_200)
"""Steps (s) of how long people talk; two hours is the longest."""


@dataclass(slots=True)
class Traffic:
    """What went through the sockets of this node since it started."""

    sockets: int = 0
    """How many are connected now."""
    frames_in: int = 0
    frames_out: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    refusals: Tally[str] = field(default_factory=Tally)
    """Refusals by code, on sockets and over HTTP."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Where figures are read that somebody keeps anyway."""

    traffic: Traffic
    bus: Bus
    sessions: Callable[[], int]
    calls: Callable[[], Mapping[str, int]]
    on_duty: Callable[[], int]
    nodes: Callable[[], int]
    units: Callable[[], int]
    draining: Callable[[], bool]


class Metrics:
    """The figures of one node."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = registry = CollectorRegistry()

        def counter(name: str, meaning: str, *labels: str) -> Counter:
            return Counter(f"kanhuo_{name}", meaning, labels, registry=registry)

        def histogram(name: str, meaning: str, steps: tuple[float, ...], *labels: str) -> Histogram:
            return Histogram(f"kanhuo_{name}_seconds", meaning, labels, registry=registry, buckets=steps)

        self.asked = counter("calls_asked", "Calls asked for, by what they were asked with.", "media")
        self.ended = counter("calls_ended", "Calls that ended by a commit of this node, by reason.", "reason")
        self.rings = counter("rings", "Rings of one agent each, by how they ended.", "end")
        self.ring = histogram("call_ring", "From asking to the first ring being committed.", _WAIT)
        self.heard = histogram("ring_heard", "From a ring's start to a device showing it that had to be woken.", _WAIT)
        self.answer = histogram("call_answer", "From asking to an agent's answer.", _WAIT)
        self.connect = histogram("call_connect", "From the answer to both sides seeing or hearing each other.", _WAIT)
        self.talk = histogram("call_talk", "How long the two were connected.", _TALK)
        self.late = histogram("deadline_late", "How long after a call's deadline it was acted upon.", _SHORT)
        self.unit = histogram("database_unit", "Units of work, from being handed in to being durable.", _SHORT, "kind")
        self.stale = counter("database_stale", "Units that were decided again because somebody else was faster.")
        self.failed = counter("database_failures", "Units that came to nothing, by why.", "why")
        self.lag = histogram("event_loop_lag", "How much later than asked for the event loop came round.", _SHORT)
        self.beat = histogram("beat", "How long it took to do all that was due.", _SHORT)
        build = Gauge(
            "kanhuo_build_info", "Always 1; the labels say what runs.", ("version", "python"), registry=registry
        )
        build.labels(version("kanhuo"), platform.python_version()).set(1)
        for kind in ("write", "read", "snapshot"):
            self.unit.labels(kind)
        for why in ("overloaded", "error"):
            self.failed.labels(why)
        ProcessCollector(registry=registry)

    def read_from(self, sources: Sources) -> None:
        """From now on also tell what others keep."""
        self.registry.register(_Kept(sources))


class _Kept(Collector):
    """Reads, when asked, what others keep."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources

    def describe(self) -> Iterator[CounterMetricFamily | GaugeMetricFamily]:
        """Name the figures without reading them."""
        return iter(())

    def collect(self) -> Iterator[CounterMetricFamily | GaugeMetricFamily]:
        """Read the figures."""
        yield from self._of_pages()
        yield from self._of_nodes()

    def _of_pages(self) -> Iterator[CounterMetricFamily | GaugeMetricFamily]:
        sources, traffic = self._sources, self._sources.traffic
        yield _by(GaugeMetricFamily, "calls_live", "Calls that go on and whose buyer's page is connected here, by state; "
                  "those in “waiting” wait for a ring.", "state", sources.calls())  # fmt: skip
        yield _one(GaugeMetricFamily, "agents_on_duty", "Agents on duty with a page connected here.", sources.on_duty())
        yield _one(GaugeMetricFamily, "sessions", "Pages, connected or expected back.", sources.sessions())
        yield _one(GaugeMetricFamily, "sockets", "Sockets connected.", traffic.sockets)
        frames = {"in": traffic.frames_in, "out": traffic.frames_out}
        yield _by(CounterMetricFamily, "frames", "Messages through sockets.", "direction", frames)
        passed = {"in": traffic.bytes_in, "out": traffic.bytes_out}
        yield _by(CounterMetricFamily, "frame_bytes", "Bytes of messages through sockets.", "direction", passed)
        refusals = traffic.refusals
        yield _by(CounterMetricFamily, "refusals", "Requests refused, by code.", "code", refusals)

    def _of_nodes(self) -> Iterator[CounterMetricFamily | GaugeMetricFamily]:
        sources, bus = self._sources, self._sources.bus
        yield _one(GaugeMetricFamily, "database_units", "Units of work handed in and not yet done.", sources.units())
        yield _one(
            GaugeMetricFamily, "nodes_living", "Nodes whose beat this one sees, itself among them.", sources.nodes()
        )
        yield _one(GaugeMetricFamily, "draining", "1 while this node sends its pages to others.", sources.draining())
        yield _one(GaugeMetricFamily, "bus_connected", "1 while other nodes hear this one.", bus.connected)
        told = {"in": bus.traffic.heard, "out": bus.traffic.sent}
        yield _by(CounterMetricFamily, "bus_messages", "Messages between nodes.", "direction", told)
        lost = "Messages to other nodes dropped while the bus was away or too slow."
        yield _one(CounterMetricFamily, "bus_dropped", lost, bus.traffic.dropped)
        yield _one(CounterMetricFamily, "bus_reconnects", "Times the bus came back.", bus.traffic.returns)


_Family = type[CounterMetricFamily] | type[GaugeMetricFamily]


def _one(kind: _Family, name: str, meaning: str, value: float) -> CounterMetricFamily | GaugeMetricFamily:
    return kind(f"kanhuo_{name}", meaning, value=value)


def _by(
    kind: _Family, name: str, meaning: str, label: str, values: Mapping[str, int]
) -> CounterMetricFamily | GaugeMetricFamily:
    family = kind(f"kanhuo_{name}", meaning, labels=(label,))
    for key, value in values.items():
        family.add_metric([key], value)
    return family
