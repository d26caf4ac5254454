"""What one thing costs, as measured. Whatever was assumed and not measured stands in ``capacity.Demand`` and says so.

Sources, each named at its figure:

* *bench*: ``bench/README.md``;
* *server*: the trials of server stacks that the choice of engines rests on, on the same machine (two shared cores);
* *counts*: ``python -m tests.simulation.counts``, whole lifecycles over two nodes with PostgreSQL 15 and Redis 7, the buyer's
  page on one node and the agent's on the other. Counts of transactions, commands and bytes do not depend on how busy the
  machine is, and a test keeps them true; processor times do, and were taken beside other work: they are on the high side.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """Seconds of one core, bytes, and counts."""

    # A node

    lifecycle_cpu: float = 6.1e-3
    """Node, seconds for a whole call, all nodes together, flat out on PostgreSQL and Redis (*bench*; on SQLite 1.8 ms)."""
    lifecycle_cpu_calm: float = 10.0e-3
    """The same at 12 calls a second, when nothing shares a wake-up (*counts*)."""
    relay_cpu: float = 114e-6
    """Node, seconds for one relayed message at 2000 a second (*bench*; flat out 20 µs)."""
    idle_cpu: float = 0.008 / 5_000
    """Node, seconds a second for the socket of an agent on duty, her pings and beats included (*bench*: 0.8 % for 5000)."""
    ping_cpu: float = 12e-6
    """Node, seconds for one ping or beat: the line above, two messages every 15 s."""
    hello_cpu: float = 2.8e-3
    """Node, seconds for an agent's page that connects: pass, session, subscription, roster, first views (*counts*)."""
    availability_cpu: float = 55e-6
    """Node, seconds for an HTTP request answered from memory (*server*: 0.055 s for 1000 with Litestar on uvicorn)."""
    node_cpu: float = 6.9e-3
    """Node, seconds a second when nothing happens: five looks a second at what is due, its beat (*counts*)."""
    node_memory: int = 110 * 2**20
    """Node, bytes resident after the start (*counts*)."""
    socket_memory: int = 11 * 2**10 + 256
    """Node, bytes for a connected page (*bench*: 11.0 KiB, rounded up)."""

    # PostgreSQL

    lifecycle_transactions: float = 12.7
    """PostgreSQL, transactions for a whole call; a read outside of a transaction is one too (*counts*)."""
    lifecycle_pg_cpu: float = 4.0e-3
    """PostgreSQL, seconds for a whole call, flat out (*bench*)."""
    hello_transactions: float = 4.8
    """PostgreSQL, transactions for a page that connects (*counts*)."""
    node_transactions: float = 12.4
    """PostgreSQL, transactions a second of a node when nothing happens (*counts*)."""
    lifecycle_stored: int = 7_000
    """PostgreSQL, bytes that a call leaves in tables and indexes: the call, its journal, its card (*counts*)."""
    lifecycle_wal: int = 12_800
    """PostgreSQL, bytes of write-ahead log for a call (*counts*)."""

    # Redis

    lifecycle_publishes: float = 10.4
    """Redis, PUBLISH for a call without desk views and outlooks: one for each party told of each change, views in it (*counts*)."""
    lifecycle_roster: float = 7.1
    """Redis, HGETALL, HSET and PEXPIRE for a call: who is on duty elsewhere, who wraps up (*counts*)."""
    hello_commands: float = 10.3
    """Redis, commands for an agent's page that connects (*counts*)."""
    frame_bytes: int = 850
    """Redis, bytes in for one command, on average; as many go out for each subscriber (*counts*: 17.3 kB for 20.5)."""

    # The wire

    lifecycle_bytes_in: int = 421
    """Wire, bytes of messages from both pages for a call, without descriptions and candidates (*counts*)."""
    lifecycle_bytes_out: int = 6_800
    """Wire, bytes of messages to both pages for a call (*counts*)."""
    lifecycle_frames: int = 26
    """Wire, frames for a call, both ways (*counts*: 7 in, 19 out)."""

    # Of the code

    beat: float = 0.2
    """Seconds in which changes of one merchant are gathered before outlooks are told (``shell/alarm.py``)."""
    desk_beat: float = 0.2
    """The same for desks."""
    desk_changes: float = 5.0
    """Beats of a call at which every console of the merchant is told: offer, accept, talk, end, rested (``calls/service.py``)."""
    outlook_changes: float = 2.0
    """Beats of a call at which every node is told what a buyer would meet: an agent taken, an agent free."""
    look_around: float = 2.0
    """Transactions a second that each node spends on each merchant with somebody waiting (``LOOK_AROUND``)."""
    owned: bool = False
    """Whether one node alone looks after a merchant's queue and desks, not each of them. Today each does."""
    renewed: float = 180.0
    """Seconds after which a node writes its part of the roster again (``presence/service.py``)."""
    ping_idle: float = 15.0
    """Seconds between two pings of an idle page, and between two beats of an agent's (``web/src/core/link.ts``)."""
    ping_busy: float = 2.0
    """Seconds between two pings of a page in a call."""


MEASURED = Costs()

MENDED = Costs(owned=True, desk_beat=1.0)
"""What two changes of the code would bring that the model asks for: one node looks after each merchant, desks are told once a
second. Not built."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much one engine may be asked for. The first of each pair was measured, the second is a choice."""

    node_share: float = 0.5
    """Of one core, which is all that a node can use; above it the tail of the latency grows fast."""
    sockets: int = 20_000
    """Pages connected to one node: more were never measured, as the machine allows no more descriptors."""
    pg_transactions: float = 8_300
    """Transactions a second of one PostgreSQL on two cores shared with its client (*server*: 8.3–8.6 thousand claims, fsync on)."""
    pg_share: float = 0.5
    redis_commands: float = 98_000
    """Commands a second of one Redis, pipelined (*server*); nodes write what they have in one go."""
    redis_share: float = 0.5
    spare: int = 1
    """Nodes that a cell has beyond what its load asks for: one may be lost or replaced."""


CHOSEN = Limits()
