"""How many nodes, database partitions and bus shards a marketplace needs. Pure arithmetic on measured unit costs.

An installation is made of *cells*. A cell is one PostgreSQL, one Redis and some nodes, and serves some of the merchants:
nothing in kanhuo concerns two merchants at once, so a merchant's cell is found by a table or a hash, and cells know nothing
of each other. A cell is thus a partition of the database and a shard of the bus in one. The model looks for the smallest
number of cells in which no engine is asked for more than its share.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import ceil

from kanhuo.simulation.costs import CHOSEN, MEASURED, Costs, Limits
from kanhuo.simulation.queueing import Sizes, gathered, sizes

MOST_CELLS = 10_000
MOST_NODES = 1_000
"""Of one cell; beyond it more nodes only make more work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """What is asked for at the busiest moment. These are assumptions: change them to your own figures."""

    agents: int = 1_000_000
    """Agents on duty."""
    calls: float = 5_000
    """New calls a second."""
    talk: float = 90
    """Seconds of a talk."""
    ring: float = 6
    """Seconds until an agent accepts."""
    wrap_up: float = 20
    """Seconds until she can be rung again."""
    answered: float = 0.85
    """Share of calls that become a talk."""
    patience: float = 90
    """Seconds after which a buyer who waits leaves, on average."""
    after: float = 30
    """Seconds that a buyer's page stays connected beside ring and talk: waiting before, rating after."""
    signals: float = 24
    """Relayed messages of a call: an offer, an answer, candidates of both sides, camera and microphone, some chat."""
    signal_bytes: float = 700
    """Their size: descriptions of 4 kB among candidates of 300 bytes."""
    overhead: float = 90
    """Bytes around one message: WebSocket, TLS, TCP and IP."""
    views: float = 20
    """Availability questions that reach a node for each call; caches in front answer the others."""
    view_bytes: float = 700
    """Bytes of such an answer with its headers."""
    logins: float = 1 / 1_800
    """Pages that connect anew, each second, for each agent on duty: reloads, networks that change, shifts."""
    load_factor: float = 0.42
    """Calls of an average second over those of the busiest, across a day."""
    kept: float = 180
    """Days that calls and journal are kept."""
    relayed: float = 0.2
    """Share of talks whose sound and picture go over a TURN relay."""
    media: float = 1.2e6
    """Bits a second of a talk's sound and picture, both ways together."""
    tail: float = 2.2
    """How unequal merchants are: size k is k ** -tail as frequent as size 1."""
    largest: int = 500
    """Agents of the largest merchant."""

    @property
    def sizes(self) -> Sizes:
        """How many agents merchants have."""
        return sizes(self.tail, self.largest)

    @property
    def load(self) -> float:
        """Erlang for each agent: the share of her time that calls ask for. Above about 0.6 a lone agent's buyers queue."""
        return self.calls / self.agents * (self.ring + self.answered * (self.talk + self.wrap_up))

    @property
    def queueing(self) -> float:
        """Share of merchants with somebody waiting."""
        return self.sizes.queueing(self.load, self.load * self.agents / self.calls / self.patience)

    @property
    def merchants(self) -> float:
        """Merchants with somebody on duty."""
        return self.agents / self.sizes.mean

    @property
    def talks(self) -> float:
        """Talks that go on."""
        return self.calls * self.answered * self.talk

    @property
    def sockets(self) -> float:
        """Connected pages: every agent's, and those of buyers in a call."""
        return self.agents + self.calls * (self.ring + self.after) + self.talks

    def part(self, of: int) -> Demand:
        """Return what one of so many equal cells is asked for."""
        return replace(self, agents=ceil(self.agents / of), calls=self.calls / of)


@dataclass(frozen=True, slots=True)
class Cell:
    """What one cell does at the busiest moment, by cause."""

    nodes: int
    cores: Mapping[str, float]
    """Cores of all nodes together."""
    sockets: float
    """Connected pages of all nodes together."""
    transactions: Mapping[str, float]
    """PostgreSQL's, a second."""
    commands: Mapping[str, float]
    """Redis's, a second."""
    broadcasts: float
    """Outlooks, a second; each reaches every node."""

    def shares(self, limits: Limits) -> dict[str, float]:
        """Return how much of what one engine can carry is asked of each; above 1, one is not enough."""
        return {
            "node cpu": sum(self.cores.values()) / self.nodes,
            "node sockets": self.sockets / self.nodes / limits.sockets,
            "postgresql": sum(self.transactions.values()) / limits.pg_transactions,
            "redis": sum(self.commands.values()) / limits.redis_commands,
        }


@dataclass(frozen=True, slots=True)
class Plan:
    """An installation that carries a demand."""

    demand: Demand
    cells: int
    cell: Cell
    shares: Mapping[str, float]
    figures: Mapping[str, float]

    @property
    def nodes(self) -> int:
        """Nodes of all cells."""
        return self.cells * self.cell.nodes


def cell(demand: Demand, nodes: int, costs: Costs = MEASURED) -> Cell:
    """Return what a cell of so many nodes does."""
    desks, outlooks = _told(demand, nodes, costs)
    calls, agents = demand.calls, demand.agents
    hellos = agents * demand.logins + calls  # a buyer's page connects for each call
    lookers = 1 if costs.owned else nodes
    looks = lookers * demand.merchants * demand.queueing * costs.look_around
    pages_in_call = calls * (demand.ring + demand.answered * demand.talk) * 2
    return Cell(
        nodes=nodes,
        cores={
            "calls": calls * costs.lifecycle_cpu,
            "signalling": calls * demand.signals * costs.relay_cpu,
            "idle pages": agents * costs.idle_cpu,
            "pings in calls": pages_in_call / costs.ping_busy * costs.ping_cpu,
            "pages that connect": hellos * costs.hello_cpu,
            "desks": desks * costs.relay_cpu,
            "outlooks heard": outlooks * nodes * costs.relay_cpu,
            "availability": calls * demand.views * costs.availability_cpu,
            "standing by": nodes * costs.node_cpu,
        },
        sockets=demand.sockets,
        transactions={
            "calls": calls * costs.lifecycle_transactions,
            "pages that connect": hellos * costs.hello_transactions,
            "looking after queues": looks,
            "standing by": nodes * costs.node_transactions,
        },
        commands={
            "calls": calls * (costs.lifecycle_publishes + costs.lifecycle_roster),
            "signalling": calls * demand.signals,
            "desks": desks,
            "outlooks": outlooks,
            "pages that connect": hellos * costs.hello_commands,
            "roster": 2 * agents / costs.renewed,
            "looking after queues": looks / 2,
        },
        broadcasts=outlooks,
    )


def _told(demand: Demand, nodes: int, costs: Costs) -> tuple[float, float]:
    """Return how many desk views and how many outlooks are told a second.

    Each node gathers its own changes of a merchant for one beat. Every console of the merchant is then told, so a merchant's
    desk views grow with the square of her staff, until each node tells at every beat.
    """
    desks = outlooks = 0.0
    tellers = 1 if costs.owned else nodes
    each = demand.calls / demand.agents
    for size, share in enumerate(demand.sizes.shares, start=1):
        merchants, rate = demand.merchants * share, each * size
        desks += merchants * size * gathered(rate * costs.desk_changes, tellers, costs.desk_beat)
        outlooks += merchants * gathered(rate * costs.outlook_changes, tellers, costs.beat)
    return desks, outlooks


def nodes_for(demand: Demand, costs: Costs = MEASURED, limits: Limits = CHOSEN) -> int:
    """Return how many nodes one cell needs to carry a demand, those to spare not among them.

    Every node costs all others something, so the number is found by trying; ``MOST_NODES`` where more only bring more work.
    """
    nodes = max(1, ceil(demand.sockets / limits.sockets))
    while nodes < MOST_NODES:
        wanted = ceil(sum(cell(demand, nodes, costs).cores.values()) / limits.node_share)
        if wanted <= nodes:
            return nodes
        nodes = wanted
    return MOST_NODES


def plan(demand: Demand, costs: Costs = MEASURED, limits: Limits = CHOSEN) -> Plan:
    """Return the smallest installation that carries a demand.

    Raises:
        ValueError: no number of cells does.
    """
    cells = 1
    while cells <= MOST_CELLS:
        part = demand.part(cells)
        here = cell(part, nodes_for(part, costs, limits) + limits.spare, costs)
        shares = here.shares(limits)
        excess = max(
            shares["postgresql"] / limits.pg_share,
            shares["redis"] / limits.redis_share,
            here.nodes / MOST_NODES,
        )
        if excess <= 1:
            return Plan(demand, cells, here, shares, figures(demand, cells, here, costs))
        cells += max(1, int(cells * min(excess - 1, 1) / 8))
    raise ValueError(f"not even {MOST_CELLS} cells carry this")


def alone(demand: Demand, costs: Costs = MEASURED, limits: Limits = CHOSEN) -> dict[str, float]:
    """Return how many engines of each kind a single cell would need: the largest is the limit that is met first."""
    one = cell(demand, 1, costs)
    whole = cell(demand, ceil(sum(one.cores.values()) / limits.node_share), costs).shares(limits)
    return {
        "one node's core": sum(one.cores.values()) / limits.node_share,
        "one node's sockets": one.sockets / limits.sockets,
        "one PostgreSQL": whole["postgresql"] / limits.pg_share,
        "one Redis": whole["redis"] / limits.redis_share,
    }


def figures(demand: Demand, cells: int, here: Cell, costs: Costs = MEASURED) -> dict[str, float]:
    """Return bytes, and what else follows; for the whole installation unless the name says otherwise."""
    calls = demand.calls
    signals = calls * demand.signals * (demand.signal_bytes + demand.overhead)
    pings = demand.agents * 2 / costs.ping_idle + 2 * calls * demand.answered * demand.talk / costs.ping_busy
    small = demand.overhead + 30
    framing = calls * costs.lifecycle_frames / 2 * demand.overhead
    a_day = calls * demand.load_factor * 86_400
    commands = sum(here.commands.values())
    return {
        "load_erlang_per_agent": demand.load,
        "merchants": demand.merchants,
        "merchants_with_somebody_waiting": demand.queueing,
        "sockets": demand.sockets,
        "talks": demand.talks,
        "memory_per_node": costs.node_memory + costs.socket_memory * here.sockets / here.nodes,
        "wire_in_per_s": calls * costs.lifecycle_bytes_in + framing + signals + pings * small,
        "wire_out_per_s": calls * costs.lifecycle_bytes_out
        + framing
        + signals
        + pings * small
        + cells * here.commands["desks"] * (83 + demand.overhead)
        + calls * demand.views * demand.view_bytes,
        "redis_in_per_s_per_cell": commands * costs.frame_bytes,
        "redis_out_per_s_per_cell": (commands + here.broadcasts * (here.nodes - 1)) * costs.frame_bytes,
        "wal_per_s_per_cell": calls / cells * costs.lifecycle_wal,
        "stored_per_day": a_day * costs.lifecycle_stored,
        "stored_kept_per_cell": a_day * costs.lifecycle_stored * demand.kept / cells,
        "calls_per_day": a_day,
        "relayed_media_bits_per_s": demand.talks * demand.relayed * demand.media,
        "pg_cores_per_cell": calls / cells * costs.lifecycle_pg_cpu,
    }
