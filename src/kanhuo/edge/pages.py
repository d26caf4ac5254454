"""The pages: files of the web bundle, with headers that keep them to themselves.

A page may load nothing from anywhere but here (a strict Content-Security-Policy), and only the shop's own pages may frame
the call page.
"""

from __future__ import annotations

import mimetypes
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Final

from litestar import Response, get
from litestar.datastructures import MutableScopeHeaders
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.types import Message, Scope

from kanhuo.kernel.errors import Code, Refused

mimetypes.add_type("application/manifest+json", ".webmanifest")
mimetypes.add_type("text/javascript", ".js")

FOR_EVER: Final = "public, max-age=31536000, immutable"
ASK_AGAIN: Final = "no-cache"


class Pages:
    """The web bundle of one folder. The bundle is small: it is read once and served from memory."""

    def __init__(self, root: Path | None = None, *, shops: Sequence[str] = (), pictures: Sequence[str] = ()) -> None:
        self._root = root or Path(str(files("kanhuo"))) / "web"
        self._framed_by = " ".join(("'self'", *shops))
        self._pictures = " ".join(("'self'", "blob:", "data:", *pictures))
        self._files: dict[str, tuple[bytes, str]] = {}
        if self._root.is_dir():
            for path in self._root.rglob("*"):
                if path.is_file():
                    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
                    self._files[path.relative_to(self._root).as_posix()] = (path.read_bytes(), kind)

    def page(self, name: str) -> Response[bytes]:
        """Return a page, such as ``call/index.html``.

        Raises:
            Refused: ``not_found``.
        """
        return self._file(name, {"Cache-Control": ASK_AGAIN, **self._page_headers(name)})

    def asset(self, name: str) -> Response[bytes]:
        """Return an asset whose name changes with its content.

        Raises:
            Refused: ``not_found``.
        """
        return self._file(f"assets/{name}", {"Cache-Control": FOR_EVER})

    def file(self, name: str) -> Response[bytes]:
        """Return a file whose name stays while its content changes: the launcher, the manifest, the service worker.

        Raises:
            Refused: ``not_found``, for pages too: those have headers of their own.
        """
        if name.endswith(".html"):
            raise Refused(Code.NOT_FOUND, "there is no such file")
        headers = {"Cache-Control": ASK_AGAIN, "Cross-Origin-Resource-Policy": "cross-origin"}
        return self._file(name, headers)

    def _file(self, name: str, headers: dict[str, str]) -> Response[bytes]:
        found = self._files.get(name)
        if found is None:
            raise Refused(Code.NOT_FOUND, "there is no such page")
        data, kind = found
        return Response(data, media_type=kind, headers={**headers, "X-Content-Type-Options": "nosniff"})

    def _page_headers(self, name: str) -> dict[str, str]:
        framed_by = self._framed_by if name.startswith("call/") else "'none'"
        policy = (
            "default-src 'self'; script-src 'self'; style-src 'self'; object-src 'none'; base-uri 'none'; "
            f"form-action 'none'; img-src {self._pictures}; media-src 'self' blob:; connect-src 'self'; "
            f"frame-ancestors {framed_by}"
        )
        return {
            "Content-Security-Policy": policy,
            "Referrer-Policy": "no-referrer",
            "Permissions-Policy": "camera=(self), microphone=(self), screen-wake-lock=(self)",
        }


async def keep_to_itself(message: Message, _: Scope) -> None:
    """Let nothing leave as HTML without a policy: what has none of its own may load nothing and be framed by nobody."""
    if message["type"] != "http.response.start":
        return
    headers = MutableScopeHeaders.from_message(message)
    if headers.get("Content-Type", "").startswith(("text/html", "application/xhtml")):
        headers.setdefault("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
        headers.setdefault("X-Content-Type-Options", "nosniff")


@get(["/call", "/call/"], include_in_schema=False)
async def call_page(pages: NamedDependency[Pages]) -> Response[bytes]:
    """Return the buyer's page."""
    return pages.page("call/index.html")


@get(["/console", "/console/"], include_in_schema=False)
async def console_page(pages: NamedDependency[Pages]) -> Response[bytes]:
    """Return the merchant's console."""
    return pages.page("console/index.html")


@get("/console/{name:str}", include_in_schema=False)
async def console_file(pages: NamedDependency[Pages], name: FromPath[str]) -> Response[bytes]:
    """Return a file of the console: manifest, icons, service worker."""
    return pages.file(f"console/{name}")


@get("/kanhuo.js", include_in_schema=False)
async def launcher(pages: NamedDependency[Pages]) -> Response[bytes]:
    """Return the launcher, which shop pages load from here."""
    response = pages.file("kanhuo.js")
    response.headers["Access-Control-Allow-Origin"] = "*"
    response.headers["Cache-Control"] = "public, max-age=300"
    return response


@get("/assets/{name:str}", include_in_schema=False)
async def asset(pages: NamedDependency[Pages], name: FromPath[str]) -> Response[bytes]:
    """Return an asset."""
    return pages.asset(name)


HANDLERS: Final[tuple[HTTPRouteHandler, ...]] = (call_page, console_page, console_file, launcher, asset)
