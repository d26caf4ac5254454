"""The calls that concern this node, at hand: those of parties whose pages are connected to it.

What is here may be late by as long as the bus takes, or by more while it is away. It serves views and the passing of
candidates; whoever changes a call reads it from the database.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from kanhuo.calls.model import Call
from kanhuo.calls.terms import Side, State
from kanhuo.shell.bus import Bus


class Memory:
    """Calls by id and by party, and which device carries a side that this node carries."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._calls: dict[str, Call] = {}
        self._of_party: dict[str, str] = {}
        self._carriers: dict[tuple[str, Side], str] = {}

    def __iter__(self) -> Iterator[str]:
        """Go through the ids of the calls."""
        return iter(list(self._calls))

    def get(self, call: str) -> Call | None:
        """Return a call that goes on and concerns this node."""
        return self._calls.get(call)

    def states(self) -> Mapping[str, int]:
        """Return how many calls are in which state, of those whose buyer's page is connected here."""
        here = Counter(call.state for call in self._calls.values() if self._bus.attends(call.buyer))
        return {state: here[state] for state in State if state is not State.ENDED}

    def of_party(self, party: str) -> Call | None:
        """Return the call that a party who is connected here is in, or waits for."""
        return self._calls.get(self._of_party.get(party, ""))

    def note(self, call: Call) -> None:
        """Take in a call, unless a later version of it is known."""
        known = self._calls.get(call.id)
        if known is not None and known.version >= call.version:
            return
        self._drop(call.id)
        if call.state is State.ENDED:
            for side in Side:
                self._carriers.pop((call.id, side), None)
        elif self._concerns(call):
            self._calls[call.id] = call
            self._of_party[call.buyer] = call.id
            if call.agent is not None:
                self._of_party[call.agent] = call.id

    def left(self, party: str) -> None:
        """Forget the call of a party whose last page here is gone, unless the other side is connected here too."""
        call = self.of_party(party)
        if call is not None and not self._concerns(call):
            self._drop(call.id)
            for side in Side:
                self._carriers.pop((call.id, side), None)

    def carry(self, call: Call, side: Side, device: str) -> None:
        """Note that a page connected here carries one side of a call."""
        if call.id in self._calls:
            self._carriers[call.id, side] = device

    def let_go(self, call: str, side: Side) -> None:
        """Note that no page here carries this side any more."""
        self._carriers.pop((call, side), None)

    def carrier(self, call: str, side: Side) -> str | None:
        """Return the device, connected here, that carries one side of a call."""
        return self._carriers.get((call, side))

    def present_though_missing(self) -> list[tuple[Call, Side]]:
        """Return the sides that somebody else has taken for missing, and whose page is here."""
        known = [(self._calls.get(call), side) for call, side in self._carriers]
        return [(call, side) for call, side in known if call is not None and side in call.missing]

    def _drop(self, call: str) -> None:
        known = self._calls.pop(call, None)
        for party in (known.buyer, known.agent) if known is not None else ():
            if party is not None and self._of_party.get(party) == call:
                del self._of_party[party]

    def _concerns(self, call: Call) -> bool:
        return self._bus.attends(call.buyer) or self._bus.attends(call.agent)
