"""Conversations as they go on: server-sent events (HTML Living Standard, 9.2), from the ledger and nothing else.

One look at the database finds for all streams of a process what came; a stream then reads what is behind the version
that its reader has, which is the id of the event. So what was cut goes on where it stopped, without loss or doubles,
whichever process is asked next. Streams wait in the event loop: they hold no thread and no connection of pages.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import monotonic
from typing import Final, TypeVar
from uuid import UUID

import structlog
from starlette.requests import ClientDisconnect
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from api import ticket_presence
from api.node import DATABASE_AWAY
from api.problems import ProblemError
from ledger.store import Ledger

T = TypeVar("T")
LOOK_SECONDS: Final = 0.3
BEAT_SECONDS: Final = 10.0
# A reader that takes nothing for so long is gone.
SEND_SECONDS: Final = 15.0
# Then the browser comes again by itself: nobody stays on an old session, or with one process of several.
STREAM_SECONDS: Final = 600.0
STREAMS_MAX: Final = 400
# Tabs of one person. A further one closes the oldest.
STREAMS_OF_ONE_MAX: Final = 4
_THREADS: Final = 2
_BEAT: Final = ": beat\n\n"
_OVER: Final = "event: over\ndata: over\n\n"

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class News:
    """What came behind a version: its frames, and the version that is reached."""

    frames: tuple[str, ...]
    version: int


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who looks at a ticket, in a thread of ours: `look` gives what came behind a version, recorded as read before,
    and None to whoever may not see it any more; `leave` is called at the end."""

    ticket_id: UUID
    name: str
    look: Callable[[int], News | None]
    leave: Callable[[], None]


@dataclass(slots=True, eq=False)
class _Stream:
    """One open stream: `woken` when there may be something to say."""

    viewer: Viewer
    woken: asyncio.Event = field(default_factory=asyncio.Event)
    is_over: bool = False


@dataclass(slots=True)
class Chat:
    """The streams of this process. All of it lives in the server's event loop, but for the looks at the database."""

    ledger: Ledger
    _streams: dict[str, list[_Stream]] = field(default_factory=lambda: defaultdict(list))
    _seen: dict[UUID, tuple[int, bool]] = field(default_factory=dict)
    _watch: asyncio.Task[None] | None = None
    _threads: ThreadPoolExecutor | None = None
    _is_closed: bool = False

    def open(self, viewer: Viewer, *, after: int) -> "LiveResponse":
        """A stream for the viewer, from behind a version on. ProblemError if there are as many as may be."""
        if self._is_closed or sum(map(len, self._streams.values())) >= STREAMS_MAX:
            raise ProblemError("streams-too-many", retry_after=30)
        return LiveResponse(self._frames(viewer, after))

    async def close(self) -> None:
        """Ends every stream at once: the server is about to stop."""
        self._is_closed = True
        for stream in self._all():
            stream.is_over = True
            stream.woken.set()
        if self._watch is not None:
            self._watch.cancel()
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)

    @property
    def size(self) -> int:
        return len(self._all())

    async def _frames(self, viewer: Viewer, after: int) -> AsyncIterator[str]:
        began = monotonic()
        yield "retry: 2000\n\n"
        with self._joined(viewer) as stream:
            present: bool | None = None
            while not stream.is_over and monotonic() - began < STREAM_SECONDS:
                stream.woken.clear()
                news = await self._in_thread(viewer.look, after)
                if news is None:
                    break
                for frame in news.frames:
                    yield frame
                after = news.version
                is_here = self._seen.get(viewer.ticket_id, (0, False))[1]
                if is_here is not present:
                    present = is_here
                    yield f"event: presence\ndata: {'here' if is_here else 'away'}\n\n"
                try:
                    async with asyncio.timeout(BEAT_SECONDS):
                        await stream.woken.wait()
                except TimeoutError:
                    yield _BEAT
            if not self._is_closed:
                yield _OVER if stream.is_over or monotonic() - began < STREAM_SECONDS else _BEAT

    @contextmanager
    def _joined(self, viewer: Viewer) -> Iterator[_Stream]:
        stream = _Stream(viewer)
        of_one = self._streams[viewer.name]
        if len(of_one) >= STREAMS_OF_ONE_MAX:
            of_one[0].is_over = True
            of_one[0].woken.set()
        of_one.append(stream)
        if self._watch is None or self._watch.done():
            self._watch = asyncio.create_task(self._watching())
        try:
            yield stream
        finally:
            of_one.remove(stream)
            if not of_one:
                self._streams.pop(viewer.name, None)
            if not self._is_closed:
                self._pool().submit(self._left, viewer)

    async def _watching(self) -> None:
        """Wakes the streams whose ticket has moved, until none is open."""
        while streams := self._all():
            asked = list({one.viewer.ticket_id for one in streams})
            try:
                found = await self._in_thread(ticket_presence.looked_up, self.ledger, asked)
            except DATABASE_AWAY as error:
                log.warning("chat.database-away", error=type(error).__name__)
                found = self._seen
            moved = {one for one, state in found.items() if self._seen.get(one) != state}
            self._seen = found
            for stream in streams:
                if stream.viewer.ticket_id in moved:
                    stream.woken.set()
            await asyncio.sleep(LOOK_SECONDS)

    def _left(self, viewer: Viewer) -> None:
        try:
            viewer.leave()
        except DATABASE_AWAY as error:
            log.warning("chat.database-away", error=type(error).__name__)

    async def _in_thread(self, function: Callable[..., T], *arguments: object) -> T:
        """In a thread of our own: pages never wait for streams."""
        return await asyncio.get_running_loop().run_in_executor(self._pool(), function, *arguments)

    def _pool(self) -> ThreadPoolExecutor:
        if self._threads is None:
            self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="chat")
        return self._threads

    def _all(self) -> list[_Stream]:
        return [stream for streams in self._streams.values() for stream in streams]


class LiveResponse(StreamingResponse):
    """A stream of events. Who takes nothing is let go, and who left is no error."""

    media_type = "text/event-stream"

    def __init__(self, content: AsyncIterator[str]) -> None:
        super().__init__(content, headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def hurried(message: object) -> None:
            async with asyncio.timeout(SEND_SECONDS):
                await send(message)  # type: ignore[arg-type]

        try:
            await super().__call__(scope, receive, hurried)
        except (TimeoutError, ClientDisconnect, *DATABASE_AWAY) as error:
            log.info("chat.cut", error=type(error).__name__)


def frame_of(version: int, html: str) -> str:
    """One event with what is shown. A line break begins a new line of data (9.2.6)."""
    lines = "".join(f"data: {line}\n" for line in html.splitlines() if line.strip())
    return f"id: {version}\nevent: entry\n{lines}\n"


def version_of(last_event_id: str | None, after: int) -> int:
    """From where a stream goes on: what the browser had when it was cut, or what its page was made with."""
    if last_event_id is not None and last_event_id.isdecimal() and len(last_event_id) < 10:
        return int(last_event_id)
    return max(0, min(after, 10**9))
