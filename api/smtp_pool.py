"""A pool of connections to one relay: a message takes a kept one, or opens another, up to so many at once."""

import asyncio
import ssl
from asyncio import Semaphore

from api.outcome import Outcome, RefusedForNow
from api.smtp import Connection, Mail, NotServedError, Relay


class Pool:
    """For one event loop. `timeout_seconds` is given to all that comes before the final dot, and once more to the
    reply after it: twice that is the longest that `send` takes. RFC 5321 4.5.3.2.6 advises ten minutes for that
    reply."""

    def __init__(self, relay: Relay, *, width: int, timeout_seconds: float) -> None:
        self._relay = relay
        self._timeout_seconds = timeout_seconds
        self._free = Semaphore(width)
        self._kept: list[Connection] = []

    async def send(self, mail: Mail) -> Outcome:
        deadline = asyncio.get_running_loop().time() + self._timeout_seconds
        try:
            async with asyncio.timeout_at(deadline):
                await self._free.acquire()
        except TimeoutError:
            return RefusedForNow("timeout")
        try:
            return await self._send(mail, deadline)
        finally:
            self._free.release()

    async def close(self) -> None:
        for connection in self._kept:
            connection.leave()
        self._kept.clear()
        await asyncio.sleep(0)

    async def _send(self, mail: Mail, deadline: float) -> Outcome:
        try:
            async with asyncio.timeout_at(deadline):
                connection, refused = await self._prepared(mail)
        except NotServedError as error:
            return error.outcome
        except TimeoutError:
            return RefusedForNow("timeout")
        except ssl.SSLCertVerificationError:
            return RefusedForNow("certificate")
        except OSError:  # the connection refused or lost
            return RefusedForNow("connection")
        outcome = refused or await connection.finish(self._timeout_seconds)
        if connection.is_ready:
            self._kept.append(connection)
        else:
            connection.abort()
        return outcome

    async def _prepared(self, mail: Mail) -> tuple[Connection, Outcome | None]:
        """A connection to which everything but the dot was said. A kept one may have been closed by the relay, which
        shows only now: nothing was accepted, so another is taken."""
        self._leave_worn()
        while self._kept:
            connection = self._kept.pop()
            try:
                refused = await connection.prepare(mail)
            except OSError:
                continue
            if not _is_closing(refused):
                return connection, refused
        connection = await Connection.open(self._relay)
        return connection, await connection.prepare(mail)

    def _leave_worn(self) -> None:
        """All of them: those below the one that a quiet day needs would stay open for ever."""
        worn = [connection for connection in self._kept if connection.is_worn()]
        self._kept = [connection for connection in self._kept if connection not in worn]
        for connection in worn:
            connection.leave()


def _is_closing(refused: Outcome | None) -> bool:
    return isinstance(refused, RefusedForNow) and refused.code.startswith("421")
