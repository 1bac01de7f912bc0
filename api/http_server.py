"""The HTTP server: as uvicorn's own, but that it ends the open streams before it waits for its connections, and lets
an idle connection be closed by its client."""

from socket import socket
from typing import Any, Final

import uvicorn
from fastapi import FastAPI

# Longer than a proxy or a laboratory's program keeps one (nginx: 60). Closed here first, a connection could end while the
# next request is on its way, and a POST is sent again by nobody.
KEEP_ALIVE_SECONDS: Final = 75


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
                timeout_keep_alive=KEEP_ALIVE_SECONDS,
                **({"log_level": "warning"} | settings),
            )
        )

    async def shutdown(self, sockets: list[socket] | None = None) -> None:
        await self._app.state.chat.close()
        await super().shutdown(sockets)
