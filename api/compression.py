"""Answers by gzip where that can betray nothing: files that are the same for everybody, and pages in which nothing of
the request stands.

How long a compressed page is tells whoever watches the line and chooses what the page repeats what else is in it
(BREACH), a token or a diagnosis. So a page is compressed only if it was asked for by GET and without a query: then it
holds nothing that a stranger could choose. What was posted or narrowed by an address goes out as it is.
"""

import gzip
from dataclasses import dataclass

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_PAGES = "text/html"
_FILES = ("text/css", "text/javascript", "application/javascript", "image/svg+xml", "font/ttf")
_OF_FILES = "/static"
# More is nothing that a page needs, and would hold others up: it is compressed where requests are answered.
_BYTES_MAX = 1_000_000
_BYTES_MIN = 500
_LEVEL = 5


class Compression:
    """Compresses whole answers of known length; what streams, or is a part, goes through."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        # Files of ours, by what they are called and the tag of their bytes: a few, compressed once.
        self._files: dict[tuple[str, str], bytes] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and _is_asked_for(scope):
            send = _Gathering(scope["path"], send, self._files).send
        await self._app(scope, receive, send)


def _is_asked_for(scope: Scope) -> bool:
    if scope["method"] != "GET" or (scope["query_string"] and not scope["path"].startswith(_OF_FILES)):
        return False
    accepted = Headers(scope=scope).get("accept-encoding", "")
    return any(one.strip() == "gzip" for one in accepted.split(","))


@dataclass(slots=True)
class _Gathering:
    """One answer: held back until it is whole, if it is one to compress."""

    path: str
    sending: Send
    files: dict[tuple[str, str], bytes]
    start: Message | None = None
    gathered: bytes = b""

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start" and self._fits(message):
            self.start = message
        elif self.start is None or message["type"] != "http.response.body":
            await self.sending(message)
        else:
            self.gathered += message.get("body", b"")
            if not message.get("more_body", False):
                headers = MutableHeaders(scope=self.start)
                body = self._compressed(headers.get("etag", ""))
                headers["content-encoding"] = "gzip"
                headers["content-length"] = str(len(body))
                await self.sending(self.start)
                await self.sending({"type": "http.response.body", "body": body})

    def _fits(self, start: Message) -> bool:
        headers = MutableHeaders(scope=start)
        kind = headers.get("content-type", "").partition(";")[0]
        if kind != _PAGES and not (kind in _FILES and self.path.startswith(_OF_FILES)):
            return False
        headers.add_vary_header("Accept-Encoding")
        length = headers.get("content-length", "")
        is_whole = start["status"] == 200 and "content-encoding" not in headers
        return is_whole and length.isdecimal() and _BYTES_MIN <= int(length) <= _BYTES_MAX

    def _compressed(self, tag: str) -> bytes:
        if not (tag and self.path.startswith(_OF_FILES)):
            return gzip.compress(self.gathered, _LEVEL, mtime=0)
        found = self.files.get((self.path, tag))
        if found is None:
            found = self.files[self.path, tag] = gzip.compress(self.gathered, mtime=0)
        return found
