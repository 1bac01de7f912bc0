"""The HTTP server: as uvicorn's own, but that it ends the open streams before it waits for its connections."""

from socket import socket
from typing import Any

import uvicorn
from fastapi import FastAPI


class HttpServer(uvicorn.Server):
    """A stream of events never ends by itself: who waits for it would wait in vain."""

    def __init__(self, app: FastAPI, **settings: Any) -> None:
        self._app = app
        super().__init__(
            uvicorn.Config(
                app,
                server_header=False,
                proxy_headers=False,  # whom to believe about the peer, api/arrivals.py says
                # Not what happens to be installed: uvloop asks the kernel and not a Desk, and httptools bounds no headers.
                loop="asyncio",
                http="h11",
                **({"log_level": "warning"} | settings),
            )
        )

    async def shutdown(self, sockets: list[socket] | None = None) -> None:
        await self._app.state.chat.close()
        await super().shutdown(sockets)
