"""How refusals reach people over HTTP: problem+json (RFC 9457) with the same codes as on the socket."""

from __future__ import annotations

import logging
from typing import Any, Final

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException

from kanhuo.kernel.errors import Code, Refused

log = logging.getLogger(__name__)

STATUS: Final[dict[Code, int]] = {
    Code.MALFORMED: 400,
    Code.TOO_LARGE: 413,
    Code.TOO_MANY: 429,
    Code.HELLO_FIRST: 400,
    Code.VERSION: 400,
    Code.ORIGIN: 403,
    Code.EXPIRED: 401,
    Code.BAD_SIGNATURE: 401,
    Code.WRONG_AUDIENCE: 401,
    Code.NOT_SIGNED_IN: 401,
    Code.NOT_ALLOWED: 403,
    Code.WRONG_PASSWORD: 401,
    Code.WEAK_PASSWORD: 422,
    Code.NAME_TAKEN: 409,
    Code.INVITATION_SPENT: 410,
    Code.LINK_SPENT: 410,
    Code.PASSKEY_FAILED: 401,
    Code.NOT_FOUND: 404,
    Code.NOT_YOURS: 403,
    Code.NOT_NOW: 409,
    Code.ALREADY_IN_CALL: 409,
    Code.CAMERA_NOT_CONSENTED: 403,
    Code.MICROPHONE_NOT_CONSENTED: 403,
    Code.DESCRIPTION_MALFORMED: 400,
    Code.UNEXPECTED_DESCRIPTION: 409,
    Code.STALE_ROUND: 409,
    Code.PEER_ABSENT: 409,
    Code.NOT_A_PICTURE: 415,
    Code.OVERLOADED: 503,
    Code.INTERNAL: 500,
}

_CODE_OF_STATUS: Final = {
    400: Code.MALFORMED,
    401: Code.NOT_SIGNED_IN,
    403: Code.NOT_ALLOWED,
    404: Code.NOT_FOUND,
    405: Code.NOT_FOUND,
    413: Code.TOO_LARGE,
    429: Code.TOO_MANY,
}


class Problem(msgspec.Struct, frozen=True):
    """A refusal as RFC 9457 writes it."""

    type: str
    title: str
    status: int
    code: Code
    detail: str


def problem(code: Code, why: str, status: int | None = None) -> Response[bytes]:
    """Return the response that refuses with a code."""
    status = status or STATUS[code]
    body = Problem(
        type=f"urn:kanhuo:refusal:{code}", title=code.replace("_", " "), status=status, code=code, detail=why
    )
    headers = {"Cache-Control": "no-store"}
    if status in (429, 503):
        headers["Retry-After"] = "5"
    return Response(
        msgspec.json.encode(body), status_code=status, media_type="application/problem+json", headers=headers
    )


def code_of(failure: Exception) -> Code:
    """Return the code by which a failed request is refused."""
    match failure:
        case Refused(code=code):
            return code
        case HTTPException(status_code=status):
            return _CODE_OF_STATUS.get(status, Code.INTERNAL if status >= 500 else Code.MALFORMED)
        case RecursionError():
            return Code.MALFORMED
    return Code.INTERNAL


def refused(_: Request[Any, Any, Any], refusal: Refused) -> Response[bytes]:
    """Answer a request that kanhuo refuses."""
    return problem(refusal.code, refusal.why)


def not_understood(_: Request[Any, Any, Any], failure: HTTPException) -> Response[bytes]:
    """Answer a request that never reached a use case: no such route, a body that does not fit, too large."""
    return problem(code_of(failure), failure.detail, failure.status_code)


def too_deep(_: Request[Any, Any, Any], __: RecursionError) -> Response[bytes]:
    """Answer a body that is nested a thousand deep."""
    return problem(Code.MALFORMED, "the body is nested too deep")


def failed(request: Request[Any, Any, Any], failure: Exception) -> Response[bytes]:
    """Answer a request on which we failed: logged in full, told in one sentence."""
    # never the path itself: people's secrets and ids stand in it
    log.error("%s %s failed", request.method, request.scope.get("path_template", "?"), exc_info=failure)
    return problem(Code.INTERNAL, "something went wrong here; nothing has been changed")
