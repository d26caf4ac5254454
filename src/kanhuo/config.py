"""Every setting, each with its reason. Read from the environment once, at the start."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How this process runs. Each field is set by the environment variable ``KANHUO_`` + its name in capitals."""

    data: Path = Path("kanhuo-data")
    """Folder of the SQLite file and of generated keys."""
    database: str = ""
    """Where state and journal are kept: ``postgresql://user@host/name`` for several nodes; empty: a SQLite file in the
    data folder, which serves one process."""
    connections: int = 8
    """How many connections to PostgreSQL this node may use."""
    bus: str = ""
    """How nodes tell each other what has happened: ``redis://host``; empty: there is one node."""
    node: str = ""
    """This node's name in logs and lists; empty: the machine's."""
    host: str = "127.0.0.1"
    """Address to listen on; behind a proxy that ends TLS this is right, on a telephone's network it is ``0.0.0.0``."""
    port: int = 8000
    public: str = ""
    """Origin under which people reach us, such as ``https://call.example.com``; links and passkeys need it."""
    pass_key: str = ""
    """Key that the shop's back end signs passes with: a secret of 32 bytes or more (HS256), or a PEM public key (EdDSA).
    Empty: a secret is generated in the data folder."""
    pepper: str = ""
    """Secret that the ids of people whom passes vouch for are made with, the same on all nodes for ever: another one makes
    strangers of everybody. Empty: one is generated in the data folder."""
    pass_audience: str = "kanhuo"  # noqa: S105 - a name
    """The ``aud`` that passes must name; two installations that share a key are told apart by it."""
    shop_origins: tuple[str, ...] = ()
    """Origins of shop pages that may frame the call page, such as ``https://shop.example.com``."""
    picture_origins: tuple[str, ...] = ()
    """Origins from which context cards may show pictures, beside our own."""
    trusted_receivers: tuple[str, ...] = ()
    """Hosts with their ports, such as ``127.0.0.1:9000``, that we may call although they are private or speak no TLS: push
    services of your own. All others have to be public."""
    ring_webhook: str = ""
    """Where your own back end is told that an agent is to be rung by a text message or telephone; nowhere if empty."""
    ring_webhook_secret: str = ""
    """What those messages are signed with (Standard Webhooks): ``whsec_`` and 24 to 64 bytes as base64."""
    ice_servers: str = "[]"
    """JSON list of STUN and TURN servers as ``RTCIceServer`` writes them."""
    message_rate: float = 100
    """Messages a second that one connection may send on average."""
    drain: float | None = None
    """Seconds that a node takes to end when it is told to, so that its pages move to the others in peace; 0: at once. Unset:
    15 where there are several nodes, 0 for a single one. Whoever stops it has to wait a little longer than this."""
    metrics_port: int = 0
    """Port on 127.0.0.1 where this node alone answers, for whoever watches it: several workers share the other one, and
    worker 0, 1, … has this port, the next, …. 0: none; a single process is watched at ``/metrics`` on its one port."""
    log: str = ""
    """``json``: one JSON object a line; ``text``: lines for people; empty: the latter on a terminal, else the former."""
    traces: str = ""
    """Where spans of calls are sent (OTLP over HTTP), such as ``http://collector:4318``; empty: nowhere. Set by the standard
    ``OTEL_EXPORTER_OTLP_ENDPOINT``, whose relatives hold too (``OTEL_SERVICE_NAME``, ``…_HEADERS``)."""
    certificate: Path | None = None
    """TLS certificate (PEM), where no proxy ends TLS."""
    certificate_key: Path | None = None

    @property
    def drain_seconds(self) -> float:
        """How long this node takes to end."""
        return self.drain if self.drain is not None else 15.0 if self.bus else 0.0

    @property
    def database_url(self) -> str:
        """The URL of the database."""
        return self.database or f"sqlite:///{self.data / 'kanhuo.sqlite'}"


_LISTS = frozenset({"shop_origins", "picture_origins", "trusted_receivers"})
_NUMBERS = frozenset({"port", "connections", "metrics_port"})
_FRACTIONS = frozenset({"message_rate", "drain"})
_PATHS = frozenset({"data", "certificate", "certificate_key"})


def from_environment(environment: Mapping[str, str] = os.environ) -> Settings:
    """Return the settings that the environment gives.

    Raises:
        ValueError: a number that is none.
    """
    given: dict[str, object] = {"traces": environment.get("OTEL_EXPORTER_OTLP_ENDPOINT", "")}
    for name in Settings.__dataclass_fields__:
        text = environment.get(f"KANHUO_{name.upper()}")
        if text is None:
            continue
        if name in _LISTS:
            given[name] = tuple(part.strip().rstrip("/") for part in text.split(",") if part.strip())
        elif name in _PATHS:
            given[name] = Path(text)
        elif name in _NUMBERS:
            given[name] = int(text)
        elif name in _FRACTIONS:
            given[name] = float(text)
        else:
            given[name] = text
    return Settings(**given)  # type: ignore[arg-type]
