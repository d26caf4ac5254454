"""Yes and no, any number of times."""

from __future__ import annotations

from kanhuo.consent.model import Consents, Given, Purpose, Withdrawn, evolve, give, withdraw


def test_a_yes_holds_until_it_is_taken_back() -> None:
    nothing = Consents()
    assert withdraw(nothing, Purpose.CAMERA) is None
    yes = evolve(nothing, Given(Purpose.CAMERA))
    assert yes.allows(Purpose.CAMERA)
    assert not yes.allows(Purpose.MICROPHONE)
    assert give(yes, Purpose.CAMERA) is None
    assert give(yes, Purpose.MICROPHONE) == Given(Purpose.MICROPHONE)
    assert withdraw(yes, Purpose.CAMERA) == Withdrawn(Purpose.CAMERA)
    no = evolve(yes, Withdrawn(Purpose.CAMERA))
    assert (no.seq, no.purposes) == (2, frozenset())
