"""What is sent to an endpoint, in its own language: sealed for a browser, as a robot's note, signed for a back end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import msgspec

from kanhuo.accounts.service import Accounts
from kanhuo.catalogue.messages import Card
from kanhuo.catalogue.service import Cards
from kanhuo.kernel.clock import HOUR, MINUTE, SECOND, Clock, Millis
from kanhuo.kernel.ids import fingerprint, new_salt
from kanhuo.reach import robots, store
from kanhuo.reach.messages import Over, Ring, ShopOver, ShopRing, Try
from kanhuo.reach.model import Endpoint, Kind, Knock, State
from kanhuo.reach.policy import FOLLOWED_WITHIN, WITHIN, Verdict, ends, verdict
from kanhuo.reach.words import say
from kanhuo.shell import push
from kanhuo.shell.database import Database
from kanhuo.shell.outbound import Answer, Outbound
from kanhuo.shell.webhook import Webhook

PUSH_KEY: Final = "push"

SHOP: Final = "shop"
"""The id of the endpoint that is the shop's own back end; all agents have the same."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What an endpoint has said."""

    meant: Verdict
    wait: Millis | None = None
    """For how long it asks to be left in peace."""


class Sender:
    """Sends rings to endpoints, and takes them back."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        accounts: Accounts,
        cards: Cards,
        outbound: Outbound,
        origin: str,
        webhook: Webhook | None = None,
    ) -> None:
        """``origin`` is ours: links lead there, and a push service's people can reach our people there."""
        self._db = db
        self._clock = clock
        self._accounts = accounts
        self._cards = cards
        self._outbound = outbound
        self._origin = origin
        self._webhook = webhook
        self._signer: push.Signer | None = None

    @property
    def to_shop(self) -> bool:
        """Whether the shop's own back end is told of rings."""
        return self._webhook is not None

    def allowed(self, url: str) -> bool:
        """Return whether an address that somebody has given us may be spoken to."""
        return self._outbound.allowed(url)

    async def public_key(self) -> str:
        """Return the key that browsers subscribe with."""
        return (await self._signed()).public

    async def deliver(self, endpoint: Endpoint, knock: Knock) -> Reply:
        """Send a ring, or, once it is over, what takes it back."""
        card = await self._cards.on_the_wire(knock.card)
        match endpoint.kind:
            case Kind.PUSH:
                return await self._push_knock(endpoint, knock, card)
            case Kind.WEBHOOK:
                return await self._tell_shop(knock, card)
            case _:
                return await self._note(endpoint, knock, card)

    async def practise(self, endpoint: Endpoint) -> Reply:
        """Show at an endpoint that it rings."""
        if endpoint.kind is Kind.PUSH:
            return await self._push(endpoint, Try(), "try", MINUTE)
        title, text, button = (say(word, endpoint.language) for word in ("tried", "tried_text", "look"))
        return await self._say(endpoint, robots.Note(title, text, button, f"{self._origin}/console/"))

    async def close(self) -> None:
        """Close every connection."""
        await self._outbound.close()

    # Browsers

    async def _push_knock(self, endpoint: Endpoint, knock: Knock, card: Card) -> Reply:
        if knock.state is State.RECALLED:
            over = Over(knock.call, knock.missed, card.title)
            return await self._push(endpoint, over, knock.call, HOUR if knock.missed else MINUTE)
        ring = Ring(knock.id, knock.call, card.kind, card.title, card.price, card.picture, knock.media, knock.until)
        return await self._push(endpoint, ring, knock.call, ends(knock) - self._clock.now(), urgent=True)

    async def _push(
        self, endpoint: Endpoint, message: msgspec.Struct, topic: str, life: Millis, *, urgent: bool = False
    ) -> Reply:
        """Send a browser a message, in place of what was sent under the same topic and has not arrived (RFC 8030, 5.4)."""
        signer = await self._signed()
        sealed = push.seal(msgspec.json.encode(message), endpoint.key, endpoint.secret, new_salt())
        headers = {
            "Authorization": signer.authorization(endpoint.url, self._clock.now()),
            "Content-Encoding": "aes128gcm",
            "Content-Type": "application/octet-stream",
            "TTL": str(max(1, life // SECOND)),
            "Topic": topic.removeprefix("call_").replace(".", "-")[:32],
            "Urgency": "high" if urgent else "normal",
        }
        return _reply(await self._outbound.post(endpoint.url, sealed, headers, WITHIN))

    async def _signed(self) -> push.Signer:
        if self._signer is None:
            kept = await self._db.read(store.key, PUSH_KEY)
            pem = kept if kept is not None else await self._db.write(store.settle_key, PUSH_KEY, push.new_key())
            self._signer = push.Signer.of(pem, self._origin)
        return self._signer

    # Robots

    async def _note(self, endpoint: Endpoint, knock: Knock, card: Card) -> Reply:
        about = " ".join(part for part in (card.title, card.price) if part)
        text = f"{about}\n{say(card.kind, endpoint.language)}"
        if knock.state is not State.RECALLED:
            title, button = say(knock.media, endpoint.language), say("answer", endpoint.language)
            return await self._say(endpoint, robots.Note(title, text, button, await self._link(knock)))
        if not knock.missed:
            return Reply(Verdict.TAKEN)  # what a robot has said stands; that it was answered is no news
        title, button = say("missed", endpoint.language), say("look", endpoint.language)
        return await self._say(endpoint, robots.Note(title, text, button, f"{self._origin}/console/"))

    async def _say(self, endpoint: Endpoint, note: robots.Note) -> Reply:
        url, body = robots.request(endpoint, note, self._clock.now())
        headers = {"Content-Type": "application/json"}
        answer = await self._outbound.post(url, msgspec.json.encode(body), headers, WITHIN)
        reply = _reply(answer)
        return reply if reply.meant is not Verdict.TAKEN else Reply(robots.verdict(endpoint.kind, answer.body))

    async def _link(self, knock: Knock) -> str:
        """Return a link that signs the agent in, once, and shows the ring; its secrets stand behind ``#``: no server sees them."""
        secret = await self._accounts.link(knock.agent, knock.until + FOLLOWED_WITHIN)
        return f"{self._origin}/console/#link={secret}&knock={knock.id}"

    # The shop's own back end

    async def _tell_shop(self, knock: Knock, card: Card) -> Reply:
        webhook = self._webhook
        if webhook is None:
            return Reply(Verdict.GONE)
        told: ShopRing | ShopOver = ShopOver(knock.call, knock.merchant, knock.agent, knock.missed)
        if knock.state is not State.RECALLED:
            told = ShopRing(
                knock=knock.id,
                call=knock.call,
                merchant=knock.merchant,
                agent=knock.agent,
                kind=card.kind,
                title=card.title,
                price=card.price,
                media=knock.media,
                until=knock.until,
                link=await self._link(knock) if await self._accounts.signs_in(knock.agent) else None,
            )
        body = msgspec.json.encode(told)
        id = "msg_" + fingerprint(f"{knock.id}.{knock.state is State.RECALLED}")[:32]
        return _reply(
            await self._outbound.post(webhook.url, body, webhook.headers(id, body, self._clock.now()), WITHIN)
        )


def _reply(answer: Answer) -> Reply:
    return Reply(verdict(answer.status), answer.wait)
