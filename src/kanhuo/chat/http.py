"""Pictures of a chat over HTTP: too large for the socket."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from kanhuo.accounts.model import Party
from kanhuo.accounts.policy import Act, allow
from kanhuo.chat.policy import PICTURE_LIMIT
from kanhuo.chat.service import Chat


class Uploaded(msgspec.Struct, frozen=True):
    """The id under which a picture can be said."""

    picture: str


@post("/v1/calls/{call:str}/pictures", request_max_body_size=PICTURE_LIMIT + 1)
async def upload(
    chat: NamedDependency[Chat],
    party: NamedDependency[Party],
    request: Request[Any, Any, Any],
    call: FromPath[str],
) -> Uploaded:
    """Keep a picture for a call that goes on."""
    allow(party, Act.CHAT)
    return Uploaded(await chat.keep(party, call, await request.body()))


@get("/v1/pictures/{picture:str}")
async def download(
    chat: NamedDependency[Chat], party: NamedDependency[Party], picture: FromPath[str]
) -> Response[bytes]:
    """Return a picture to somebody who takes part in its call."""
    allow(party, Act.CHAT)
    kind, data = await chat.picture(party, picture)
    headers = {
        "Cache-Control": "private, max-age=86400, immutable",
        "Content-Disposition": "inline",
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "X-Content-Type-Options": "nosniff",
    }
    return Response(data, media_type=kind, headers=headers)


HANDLERS: Final = (upload, download)
