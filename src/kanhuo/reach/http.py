"""An agent's devices, over HTTP."""

from __future__ import annotations

from typing import Final

from litestar import delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from kanhuo.accounts.model import Party
from kanhuo.accounts.policy import Act, allow
from kanhuo.reach.messages import EndpointCard, Reached, Subscribe, card
from kanhuo.reach.service import Reach


@get("/v1/reach")
async def look(reach: NamedDependency[Reach], party: NamedDependency[Party]) -> Reached:
    """Return how the signed-in agent is reached."""
    allow(party, Act.BE_REACHED)
    endpoints = [card(endpoint) for endpoint in await reach.endpoints(party)]
    return Reached(await reach.public_key(), await reach.on_duty(party), endpoints)


@post("/v1/reach/push")
async def subscribe(
    reach: NamedDependency[Reach], party: NamedDependency[Party], data: JSONBody[Subscribe]
) -> EndpointCard:
    """Let a device of the signed-in agent ring without an open page."""
    allow(party, Act.BE_REACHED)
    return card(await reach.subscribe(party, data.device, data.subscription))


@delete("/v1/reach/endpoints/{endpoint:str}")
async def unsubscribe(reach: NamedDependency[Reach], party: NamedDependency[Party], endpoint: FromPath[str]) -> None:
    """Let a device ring no more without an open page."""
    allow(party, Act.BE_REACHED)
    await reach.unsubscribe(party, endpoint)


@post("/v1/reach/endpoints/{endpoint:str}/try", status_code=204)
async def practise(reach: NamedDependency[Reach], party: NamedDependency[Party], endpoint: FromPath[str]) -> None:
    """Show on a device that it rings."""
    allow(party, Act.BE_REACHED)
    await reach.practise(party, endpoint)


HANDLERS: Final = (look, subscribe, unsubscribe, practise)
