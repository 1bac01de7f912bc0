"""The headers of security on every answer. Written on ASGI itself: Starlette's middleware of functions starts a
task and two streams for each request, which costs as much as the rest of the way to the route."""

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.portal.web import SECURITY_HEADERS

# The docs page has scripts of its own; it shows no data and sets no cookie.
_DOCS = ("/docs", "/static-offline-docs")
_ONLY_TLS = {"Strict-Transport-Security": "max-age=31536000; includeSubDomains"}


class SecurityHeaders:
    """Sets what a route has not set itself."""

    def __init__(self, app: ASGIApp, *, is_https: bool) -> None:
        self._app = app
        self._always = _ONLY_TLS if is_https else {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        of_pages = {} if scope["path"].startswith(_DOCS) else SECURITY_HEADERS

        async def secured(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in (of_pages | self._always).items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, secured)
