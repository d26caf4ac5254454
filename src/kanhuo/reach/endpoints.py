"""Where agents can be reached with no page open: browsers that they have allowed to ring, and robots in their chats."""

from __future__ import annotations

from typing import Final

from kanhuo.accounts.model import Party
from kanhuo.kernel.clock import Clock
from kanhuo.kernel.errors import Code, Refused
from kanhuo.kernel.ids import new_id
from kanhuo.presence.service import CHANGED as STAFF_CHANGED
from kanhuo.presence.service import PresenceBook
from kanhuo.reach import store
from kanhuo.reach.messages import AddRobot, Subscription
from kanhuo.reach.model import Endpoint, Ladder
from kanhuo.reach.policy import Verdict
from kanhuo.reach.robots import kind_of
from kanhuo.reach.sending import Sender
from kanhuo.shell import push
from kanhuo.shell.bus import Bus, Topic
from kanhuo.shell.database import Database, Transaction

CHANGED: Final = Topic("reach.changed", str)
"""News for every node: the merchant (an id) whose people can be reached otherwise than before."""


def tell(bus: Bus, merchant: str) -> None:
    """Let everybody know that a merchant's people can be reached otherwise than before."""
    bus.broadcast(CHANGED, merchant)
    bus.here(STAFF_CHANGED, merchant)


class Endpoints:
    """What agents have set up of how they are reached."""

    def __init__(self, db: Database, bus: Bus, clock: Clock, presence: PresenceBook, sender: Sender) -> None:
        self._db = db
        self._bus = bus
        self._clock = clock
        self._presence = presence
        self._sender = sender

    async def public_key(self) -> str:
        """Return the key that browsers subscribe with."""
        return await self._sender.public_key()

    @property
    def to_shop(self) -> bool:
        """Whether the shop's own back end is told of rings."""
        return self._sender.to_shop

    async def of(self, party: Party) -> list[Endpoint]:
        """Return where an agent is rung without an open page."""
        return await self._db.read(store.endpoints, party.id, self._clock.now())

    async def subscribe(self, party: Party, device: str, subscription: Subscription) -> Endpoint:
        """Let a device ring without an open page.

        Raises:
            Refused: ``malformed`` where the subscription is none.
        """
        try:
            key, secret = push.unb64(subscription.keys.p256dh), push.unb64(subscription.keys.auth)
            push.public_key(key)
        except ValueError as failure:
            raise Refused(Code.MALFORMED, "this is not a push subscription") from failure
        if len(secret) != 16 or not self._sender.allowed(subscription.endpoint):
            raise Refused(Code.MALFORMED, "this is not the address of a push service")
        made = Endpoint(
            id=new_id("end"),
            merchant=party.merchant,
            agent=party.id,
            device=device,
            url=subscription.endpoint,
            key=key,
            secret=secret,
            session=party.session or "",
            made_at=self._clock.now(),
        )
        return await self._add(made)

    async def add_robot(self, party: Party, robot: AddRobot) -> Endpoint:
        """Let a robot say in a chat that it rings.

        Raises:
            Refused: ``malformed`` where the address is no robot's that we know.
        """
        kind = kind_of(robot.url) if self._sender.allowed(robot.url) else None
        if kind is None:
            raise Refused(Code.MALFORMED, "this is not the address of a robot of WeCom, Feishu or DingTalk")
        made = Endpoint(
            id=new_id("end"),
            merchant=party.merchant,
            agent=party.id,
            kind=kind,
            url=robot.url,
            secret=robot.secret.encode(),
            language=robot.language,
            made_at=self._clock.now(),
        )
        return await self._add(made)

    async def remove(self, party: Party, id: str) -> None:
        """Let a device or a robot ring no more.

        Raises:
            Refused: ``not_found``.
        """
        if not await self._db.write(store.remove, id, party.id):
            raise Refused(Code.NOT_FOUND, "you have no such device")
        tell(self._bus, party.merchant)

    async def practise(self, party: Party, id: str) -> None:
        """Show on a device, or in a chat, that it rings.

        Raises:
            Refused: ``not_found``; ``not_now`` where the message is not taken.
        """
        endpoint = await self._db.read(store.endpoint, id)
        if endpoint is None or endpoint.agent != party.id:
            raise Refused(Code.NOT_FOUND, "you have no such device")
        if (await self._sender.practise(endpoint)).meant is not Verdict.TAKEN:
            raise Refused(Code.NOT_NOW, "the service there did not take the message")

    async def ladder(self, merchant: str) -> Ladder:
        """Return when a merchant's rungs are climbed."""
        return await self._db.read(store.ladder, merchant)

    async def set_ladder(self, merchant: str, ladder: Ladder) -> None:
        """Set when a merchant's rungs are climbed."""
        await self._db.write(store.set_ladder, merchant, ladder)

    async def _add(self, made: Endpoint) -> Endpoint:
        staff = await self._presence.staff(made.merchant)
        on_duty = any(agent == made.agent for agent, _ in staff.on_duty)
        kept = await self._db.write(_add, made, on_duty)
        tell(self._bus, made.merchant)
        return kept


def _add(tx: Transaction, endpoint: Endpoint, on_duty: bool) -> Endpoint:  # noqa: FBT001 - a unit's
    kept = store.add(tx, endpoint)
    if on_duty:  # she may close her page before its next beat
        store.take_up(tx, endpoint.agent, endpoint.merchant, endpoint.made_at)
    return kept
