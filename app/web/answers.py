"""Answers that are changed on their way out, for which they have to be whole."""
from __future__ import annotations

from collections.abc import Callable

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import Message, Send


def changed(send: Send, concerns: Callable[[Message], bool], change: Callable[[Message, bytes], bytes]) -> Send:
    """Passes answers on; one whose beginning concerns us is held until it is whole, and goes out with the body that `change` makes of its
    beginning and body. `change` may change the beginning too, but for the length, which is set here."""
    held: list[Message] = []

    async def outgoing(message: Message) -> None:
        begins = message["type"] == "http.response.start"
        if not held and not (begins and concerns(message)):
            return await send(message)
        held.append(message)
        if begins or message.get("more_body"):
            return
        body = change(held[0], b"".join(part.get("body", b"") for part in held[1:]))
        MutableHeaders(raw=held[0]["headers"])["content-length"] = str(len(body))
        await send(held[0])
        await send({"type": "http.response.body", "body": body})
        held.clear()
    return outgoing


def is_page(start: Message) -> bool:
    """Whether an answer is one that a browser shows as a page."""
    return Headers(raw=start["headers"]).get("content-type", "").startswith("text/html")


def takes_gzip(headers: Headers) -> bool:
    """Whether whoever asks can read what is compressed."""
    return "gzip" in headers.get("accept-encoding", "")
