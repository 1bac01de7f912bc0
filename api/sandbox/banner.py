"""A line at the head of every page that says that this is a sandbox."""

import re

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_MAIN = re.compile(rb'<main id="content"[^>]*>')
# In the words and with the classes of the portal's own notices; its style sheet is the only one allowed.
_LINE = (
    '<p class="notice notice-warning" role="status"><span>Песочница: пациенты и результаты вымышлены.'
    " Sandbox: patients and results are made up.</span></p>"
).encode()


class Marked:
    """The application, with the line in each of its pages."""

    def __init__(self, application: ASGIApp) -> None:
        self._application = application

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._application(scope, receive, send)
            return
        started: list[Message] = []
        parts: list[bytes] = []

        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start" and _is_page(message):
                started.append(message)
            elif not started:
                await send(message)
            else:
                parts.append(message.get("body", b""))
                if not message.get("more_body", False):
                    await _send_page(started[0], b"".join(parts), send)

        # A compressed page has no head to write into.
        headers = [(name, value) for name, value in scope["headers"] if name.lower() != b"accept-encoding"]
        await self._application({**scope, "headers": headers}, receive, marked)


def _is_page(message: Message) -> bool:
    return any(
        name.lower() == b"content-type" and value.startswith(b"text/html")
        for name, value in message["headers"]
    )


async def _send_page(start: Message, body: bytes, send: Send) -> None:
    page = _MAIN.sub(lambda found: found[0] + _LINE, body, count=1)
    headers = [(name, value) for name, value in start["headers"] if name.lower() != b"content-length"]
    length = [(b"content-length", str(len(page)).encode())] if page else []
    await send({**start, "headers": [*headers, *length]})
    await send({"type": "http.response.body", "body": page})
