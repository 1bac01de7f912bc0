"""Errors that nobody foresaw: answered here, so that they never reach the server, which would write the traceback with
the message into its log. A message may quote what was sent, and that may be personal."""

from collections.abc import Callable

from fastapi import Request
from fastapi.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class UnforeseenError(Exception):
    """Something failed after the answer had begun; what it was is not said here."""


class Unforeseen:
    """Answers in the place of whatever raised; `answer` also logs."""

    def __init__(self, app: ASGIApp, *, answer: Callable[[Request, Exception], Response]) -> None:
        self._app, self._answer = app, answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        has_begun = False

        async def noted(message: Message) -> None:
            nonlocal has_begun
            has_begun = has_begun or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, noted)
        except Exception as error:  # noqa: BLE001 - whatever it is, its message goes no further
            answer = self._answer(Request(scope, receive), error)
            if has_begun:
                # The browser must see that the answer is not whole.
                raise UnforeseenError from None
            await answer(scope, receive, send)
