"""What a device is sent by push, and what the console is told of reach. JSON; ``type`` says which."""

from __future__ import annotations

from typing import Annotated

import msgspec

from kanhuo.catalogue.model import Kind
from kanhuo.reach.model import Endpoint
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


class EndpointCard(msgspec.Struct, frozen=True):
    """A device that rings without an open page."""

    id: str
    device: str
    made_at: int


class Reached(msgspec.Struct, frozen=True):
    """How an agent is reached."""

    key: str
    """``applicationServerKey`` for subscribing."""
    duty: bool
    """Whether she has gone on duty, and not off again: a page that is opened anew takes it up."""
    endpoints: list[EndpointCard]


class KnockHeard(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A device answers a knock; the knock is its authorisation."""

    knock: Annotated[str, msgspec.Meta(max_length=64)]


class KnockAnswer(msgspec.Struct, frozen=True):
    """Whether the ring is over by now."""

    over: bool


def card(endpoint: Endpoint) -> EndpointCard:
    """Return an endpoint as the console sees it: without its address and keys."""
    return EndpointCard(endpoint.id, endpoint.device, endpoint.made_at)
