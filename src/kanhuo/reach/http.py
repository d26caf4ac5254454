"""How an agent is reached, over HTTP."""

from __future__ import annotations

from typing import Final

from litestar import delete, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from kanhuo.accounts.model import Party
from kanhuo.accounts.policy import Act, allow
from kanhuo.reach.endpoints import Endpoints
from kanhuo.reach.messages import AddRobot, EndpointCard, LadderCard, Reached, Subscribe, card, ladder_on_the_wire
from kanhuo.reach.model import Ladder
from kanhuo.reach.service import Reach


@get("/v1/reach")
async def look(
    reach: NamedDependency[Reach], endpoints: NamedDependency[Endpoints], party: NamedDependency[Party]
) -> Reached:
    """Return how the signed-in agent is reached."""
    allow(party, Act.BE_REACHED)
    return Reached(
        key=await endpoints.public_key(),
        duty=await reach.on_duty(party),
        endpoints=[card(endpoint) for endpoint in await endpoints.of(party)],
        ladder=ladder_on_the_wire(await endpoints.ladder(party.merchant)),
        shop=endpoints.to_shop,
    )


@post("/v1/reach/push")
async def subscribe(
    endpoints: NamedDependency[Endpoints], party: NamedDependency[Party], data: JSONBody[Subscribe]
) -> EndpointCard:
    """Let a device of the signed-in agent ring without an open page."""
    allow(party, Act.BE_REACHED)
    return card(await endpoints.subscribe(party, data.device, data.subscription))


@post("/v1/reach/robots")
async def add_robot(
    endpoints: NamedDependency[Endpoints], party: NamedDependency[Party], data: JSONBody[AddRobot]
) -> EndpointCard:
    """Let a robot tell the signed-in agent in a chat that it rings."""
    allow(party, Act.KEEP_ROBOTS)
    return card(await endpoints.add_robot(party, data))


@delete("/v1/reach/endpoints/{endpoint:str}")
async def remove(endpoints: NamedDependency[Endpoints], party: NamedDependency[Party], endpoint: FromPath[str]) -> None:
    """Let a device or a robot ring no more."""
    allow(party, Act.BE_REACHED)
    await endpoints.remove(party, endpoint)


@post("/v1/reach/endpoints/{endpoint:str}/try", status_code=204)
async def practise(
    endpoints: NamedDependency[Endpoints], party: NamedDependency[Party], endpoint: FromPath[str]
) -> None:
    """Show on a device, or in a chat, that it rings."""
    allow(party, Act.BE_REACHED)
    await endpoints.practise(party, endpoint)


@put("/v1/reach/ladder", status_code=204)
async def set_ladder(
    endpoints: NamedDependency[Endpoints], party: NamedDependency[Party], data: JSONBody[LadderCard]
) -> None:
    """Set how long the further rungs wait, for everybody who answers for the merchant."""
    allow(party, Act.SET_LADDER)
    await endpoints.set_ladder(party.merchant, Ladder(robot=data.robot, webhook=data.webhook))


HANDLERS: Final = (look, subscribe, add_robot, remove, practise, set_ladder)
