"""What endpoints are sent, and what the console is told of reach. JSON; ``type`` says which."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from kanhuo.catalogue.model import Kind
from kanhuo.reach.model import Endpoint, Ladder
from kanhuo.reach.model import Kind as EndpointKind
from kanhuo.reach.policy import LONGEST_DELAY
from kanhuo.shell.wire import Id


class Ring(msgspec.Struct, frozen=True, tag_field="type", tag="ring"):
    """Somebody is being rung: show it."""

    knock: str
    """What the device acknowledges with."""
    call: str
    kind: Kind
    title: str
    price: str | None
    picture: str | None
    media: str
    until: int


class Over(msgspec.Struct, frozen=True, tag_field="type", tag="over"):
    """The ring is over: take it away."""

    call: str
    missed: bool
    title: str


class ShopRing(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="ring"):
    """An agent is being rung, and nobody has answered: send her a text message, or let her telephone ring."""

    knock: str
    """For ``POST /v1/knocks/heard``, where you learn that it has reached her, and ``/v1/knocks/later``, where she passes it on."""
    call: str
    merchant: str
    agent: str
    """Who is to be rung, by the id that ``GET /v1/me`` tells whoever brings her pass."""
    kind: Kind
    title: str
    price: str | None
    media: str
    until: int
    """When the ring ends at the latest."""
    link: str | None
    """Opens the call, once, without a password: for her eyes alone. ``None`` where she comes by your passes."""


class ShopOver(msgspec.Struct, frozen=True, tag_field="type", tag="over"):
    """The ring is over: what has not been sent need not be, and a telephone may fall silent."""

    call: str
    merchant: str
    agent: str
    missed: bool


class Try(msgspec.Struct, frozen=True, tag_field="type", tag="try"):
    """The agent tries whether this device rings."""


class PushKeys(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``PushSubscriptionJSON.keys`` (W3C Push API)."""

    p256dh: Annotated[str, msgspec.Meta(max_length=100)]
    auth: Annotated[str, msgspec.Meta(max_length=30)]


class Subscription(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``PushSubscriptionJSON``, as the browser gave it."""

    endpoint: Annotated[str, msgspec.Meta(max_length=2_000)]
    keys: PushKeys


class Subscribe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Ring this device, too, when no page is open on it."""

    device: Id
    subscription: Subscription


class AddRobot(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Let a robot say in a chat that it rings."""

    url: Annotated[str, msgspec.Meta(max_length=1_000)]
    secret: Annotated[str, msgspec.Meta(max_length=200)] = ""
    language: Literal["zh", "en"] = "zh"


class EndpointCard(msgspec.Struct, frozen=True):
    """Where an agent is rung without an open page."""

    id: str
    kind: EndpointKind
    device: str
    made_at: int


Delay = Annotated[int, msgspec.Meta(ge=0, le=LONGEST_DELAY)] | None


class LadderCard(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How long the further rungs wait, in milliseconds; ``null`` for ever."""

    robot: Delay
    webhook: Delay


class Reached(msgspec.Struct, frozen=True):
    """How an agent is reached."""

    key: str
    """``applicationServerKey`` for subscribing."""
    duty: bool
    """Whether she has gone on duty, and not off again: a page that is opened anew takes it up."""
    endpoints: list[EndpointCard]
    ladder: LadderCard
    shop: bool
    """Whether the shop's own back end is told of rings."""


class KnockHeard(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A device answers a knock; the knock is its authorisation."""

    knock: Annotated[str, msgspec.Meta(max_length=64)]


class KnockAnswer(msgspec.Struct, frozen=True):
    """Whether the ring is over by now."""

    over: bool


def card(endpoint: Endpoint) -> EndpointCard:
    """Return an endpoint as the console sees it: without its address and keys."""
    return EndpointCard(endpoint.id, endpoint.kind, endpoint.device, endpoint.made_at)


def ladder_on_the_wire(ladder: Ladder) -> LadderCard:
    """Return a ladder as the console sees it."""
    return LadderCard(ladder.robot, ladder.webhook)
