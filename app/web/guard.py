"""Who may talk to the server: this host name, this origin, and, if there is one, whoever knows the password."""
from __future__ import annotations

import base64
import hmac
import ipaddress
import re
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from app.errors import BadInput
from app.web.refusals import refusal

LOCAL = ("127.0.0.1", "localhost", "[::1]")
TRIES, PAUSE = 10, 60.0            # wrong passwords from an address, and for how many seconds it is refused after them
ADDRESSES = 4096                   # that are remembered
NETLOC = re.compile(r"(?P<name>\[[0-9a-f:.]+\]|[^\s/:@\[\]]+?)\.?(?::\d{1,5})?")
ORIGIN = re.compile(r"https?://(?:\[[0-9a-f:.]+\]|[a-z0-9.-]+)(?::\d{1,5})?")
ROOT = re.compile(r"(?:/[A-Za-z0-9._~-]+)*")
OURS = ("api", "image", "export", "snapshot", "source", "page", "static", "assets", "gradio_api")


@dataclass(frozen=True)
class Access:
    """Who may reach a server, and under which names. Raises BadInput."""
    host: str = "127.0.0.1"                  # it listens on
    password: str | None = None
    names: tuple[str, ...] = ()              # other host names that it answers for, such as a proxy's
    frames: tuple[str, ...] = ()             # origins whose pages may embed it
    root_path: str = ""                      # under which a proxy shows it

    def __post_init__(self) -> None:
        for name in self.names:
            if name_of(name) != name.lower().rstrip("."):
                raise BadInput(f"--allow-host takes the name of a host alone, such as pictures.example.org; you gave {name!r}.")
        for origin in self.frames:
            if not ORIGIN.fullmatch(origin.lower()):
                raise BadInput(f"--allow-frame takes an origin, such as https://pages.example.org; you gave {origin!r}.")
        if not ROOT.fullmatch(self.root_path) or ".." in self.root_path or self.root_path.split("/")[1:2] in [[own] for own in OURS]:
            raise BadInput(f"--root-path takes the path under which a proxy shows this page, such as /sextant, without a slash at its end "
                           f"and none of {', '.join(OURS)}; you gave {self.root_path!r}.")


def name_of(netloc: str) -> str | None:
    """The host of host:port, in small letters; None if it is neither."""
    found = NETLOC.fullmatch(netloc.lower())
    return found["name"] if found else None


class Guard:
    """Refuses foreign Host headers (DNS rebinding), cross-site requests (CSRF) and missing passwords, for every route.

    Behind a proxy with a path of its own, that path is the root from here on, whether the proxy takes it away or not.
    """

    def __init__(self, app: ASGIApp, access: Access, clock: Callable[[], float] = time.monotonic) -> None:
        self.app, self.access, self.clock = app, access, clock
        own = f"[{access.host}]" if ":" in access.host else access.host.lower()
        self.named = {name.lower().rstrip(".") for name in access.names}
        self.hosts = None if access.host in ("0.0.0.0", "::") else {*LOCAL, own, *self.named}
        self.wrong: OrderedDict[str, list[float]] = OrderedDict()             # moments of wrong passwords, by address

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return await self.app(scope, receive, send)
        if scope["type"] != "http":
            return                                         # no part of the page opens a web socket
        root, path = self.access.root_path, scope["path"]
        if root and path == root:
            return await RedirectResponse(f"{root}/")(scope, receive, send)
        inner = path.removeprefix(root) if path.startswith(f"{root}/") else path
        if root:
            scope = {**scope, "root_path": root, "path": root + inner, "raw_path": quote(root + inner).encode()}
        await (self._refusal(Request(scope), inner) or self.app)(scope, receive, send)

    def _refusal(self, request: Request, path: str) -> Response | None:
        given = request.headers
        host = given.get("host", "")
        for name in (host, *filter(None, (part.strip() for part in given.get("x-forwarded-host", "").split(",")))):
            if self.hosts is not None and name_of(name) not in self.hosts:
                return refusal(f"This server does not answer for {name[:80]!r}; open it by the address that it printed at its start, "
                               "or start it with --allow-host NAME.", 403)
        origin, mode = given.get("origin"), given.get("sec-fetch-mode", "navigate")
        foreign = given.get("sec-fetch-site", "same-origin") not in ("same-origin", "none") or not self._own(origin, host)
        # A link from anywhere may open the page; nothing else of another site is answered.
        if foreign and not (request.method == "GET" and path == "/" and mode == "navigate" and origin is None):
            return refusal("Requests from other sites are refused; use the page itself.", 403)
        return self._password_refusal(request) if self.access.password is not None else None

    def _own(self, origin: str | None, host: str) -> bool:
        """Whether an Origin header is absent or this page's; behind a proxy the Host header may not be what the browser sees."""
        netloc = origin.partition("://")[2] if origin is not None else host
        return netloc == host or name_of(netloc) in self.named

    def _password_refusal(self, request: Request) -> Response | None:
        address, now = address_of(request.client.host if request.client else ""), self.clock()
        wrong = [moment for moment in self.wrong.pop(address, ()) if now - moment < PAUSE]
        if wrong:
            self.wrong[address] = wrong                    # the latest stands last
        if len(wrong) >= TRIES:
            return refusal("Too many wrong passwords from your address; wait a minute.", 429)
        given = request.headers.get("authorization", "")
        if hmac.compare_digest(word_of(given), (self.access.password or "").encode(errors="surrogateescape")):
            return None
        if given:
            self.wrong[address] = [*wrong, now]
            while len(self.wrong) > ADDRESSES:
                self.wrong.popitem(last=False)
        return refusal("A password is needed; any user name will do.", 401, {"WWW-Authenticate": 'Basic realm="Sextant", charset="UTF-8"'})


def word_of(header: str) -> bytes:
    """The password of an Authorization header; empty if there is none that can be read."""
    scheme, _, code = header.partition(" ")
    try:
        return base64.b64decode(code.strip()).partition(b":")[2] if scheme.lower() == "basic" else b""
    except ValueError:
        return b""


def address_of(client: str) -> str:
    """By what a client is known: its address, or its network where each has a whole one (IPv6)."""
    try:
        address = ipaddress.ip_address(client)
    except ValueError:
        return client
    if isinstance(address, ipaddress.IPv6Address):
        return str(address.ipv4_mapped or ipaddress.ip_network((int(address), 64), strict=False))
    return client
