"""`letopis serve`: one process that does everything but signing, or several behind one address.

Several: a supervisor that touches no data, one process for the workers (views, notices, MLLP), and the ones
that answer requests. Each has its own hold on the database, where the order of the ledger is made. The log is signed
by a process of its own in both forms, unless the operator runs it elsewhere. A process that dies is started again;
when the supervisor dies, however that happens, the others end too.
"""

import multiprocessing
import os
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from threading import Event as Signal
from threading import Thread
from typing import Any

import structlog
import uvicorn

from api import signing
from api.app import create_app
from api.backup.wholeness import require_whole
from api.http_server import HttpServer
from api.metrics import SHARED_FOLDER
from api.migrate import migrate
from api.node import database, node, secrets_of
from api.process import child
from api.reception import Desk, Reception
from api.settings import Settings
from api.workers import working
from ledger.store import Ledger

RESTART_SECONDS = 1.0
# How soon whoever keeps processes alive in a thread hears that it is to stop.
STOP_SECONDS = 0.2
PATIENCE_SECONDS = 20.0
GRACE_SECONDS = 5
# What uvicorn itself says when it can't start.
NOT_STARTED = 3

_PROCESSES = multiprocessing.get_context("spawn")
log = structlog.get_logger()


def serve_alone(settings: Settings, *, ready: Callable[[], None]) -> None:
    """Requests and workers in this process; the signer in one beside it."""
    with node(settings) as opened, ExitStack() as stack:
        require_whole(opened.ledger, settings.signer_folder)
        stack.enter_context(signing_beside(settings))
        ready()
        server = HttpServer(
            create_app(opened),
            host=settings.host,
            port=settings.port,
            timeout_graceful_shutdown=GRACE_SECONDS,
        )
        with suppress(KeyboardInterrupt):
            server.run()
        if not server.started:
            sys.exit(NOT_STARTED)


@contextmanager
def signing_beside(settings: Settings) -> Iterator[None]:
    """A signer's process, kept alive while a `with` lasts; none if the operator runs it elsewhere."""
    stop = Signal()
    keeper = Thread(target=_supervise, args=(_signer(settings), stop), name="supervisor", daemon=True)
    keeper.start()
    try:
        yield
    finally:
        stop.set()
        keeper.join(timeout=PATIENCE_SECONDS)


def _signer(settings: Settings) -> list[Callable[[], BaseProcess]]:
    if settings.signer == "external":
        return []
    return [lambda: _begun("signer", signing.run_beside, settings)]


def serve_together(settings: Settings, processes: int, *, ready: Callable[[], None]) -> None:
    """Requests in this many processes, workers in one more, until this one is told to stop."""
    with (
        database(settings) as conninfo,
        _listening(settings) as listening,
        tempfile.TemporaryDirectory(prefix="letopis-metrics-") as folder,
    ):
        held = secrets_of(settings)
        migrate(conninfo, origin=settings.origin, fingerprint=held.fingerprint)
        with Ledger(conninfo, held) as ledger:
            require_whole(ledger, settings.signer_folder)
        os.environ[SHARED_FOLDER] = folder
        ready()
        reception, stop = Reception(listening), Signal()
        receiving = Thread(target=reception.run, args=(stop,), name="reception", daemon=True)
        receiving.start()

        def close() -> None:
            """Who comes now is refused at once, and can go elsewhere."""
            stop.set()
            receiving.join()
            listening.close()

        def answering() -> BaseProcess:
            with reception.desk() as desk:
                return _begun("requests", _answer, settings, desk)

        tasks = [*_signer(settings), lambda: _begun("workers", _work, settings), *[answering] * processes]
        with suppress(KeyboardInterrupt):
            _supervise(tasks, Signal(), close)


def _listening(settings: Settings) -> socket.socket:
    """The socket at the address; whoever finds it taken is told so, and ends."""
    bound = uvicorn.Config("", host=settings.host, port=settings.port, log_level="warning").bind_socket()
    bound.set_inheritable(False)
    # Had by each connection, too. asyncio sets it only on sockets made by itself, and without it the second
    # packet of an answer waits 40 ms for the acknowledgement of the first.
    bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return bound


def _begun(name: str, target: Callable[..., None], *arguments: Any) -> BaseProcess:
    process = _PROCESSES.Process(target=target, args=arguments, name=name)
    process.start()
    return process


def _supervise(
    tasks: list[Callable[[], BaseProcess]], stop: Signal, close: Callable[[], None] = lambda: None
) -> None:
    """Keep alive the process that each task starts, until told to stop: in the main thread by an exception, which
    SIGTERM and Ctrl-C raise. `close` is called before they end."""
    running: dict[int, tuple[BaseProcess, Callable[[], BaseProcess]]] = {}

    def start(task: Callable[[], BaseProcess]) -> None:
        process = task()
        running[process.sentinel] = process, task

    try:
        for task in tasks:
            start(task)
        while not stop.is_set():
            for sentinel in wait(list(running), timeout=STOP_SECONDS):
                assert isinstance(sentinel, int)
                process, task = running.pop(sentinel)
                process.join()
                log.error("serve.process-ended", process=process.name, exit_code=process.exitcode)
                if not stop.wait(RESTART_SECONDS):
                    start(task)
    finally:
        close()
        _end([process for process, _ in running.values()])


def _end(processes: list[BaseProcess]) -> None:
    for process in processes:
        process.terminate()
    deadline = time.monotonic() + PATIENCE_SECONDS
    for process in processes:
        process.join(max(0.0, deadline - time.monotonic()))
        if process.exitcode is None:
            process.kill()
            process.join()  # who waits for this process may then count on it


# In the processes.


def _work(settings: Settings) -> None:
    with child(), node(settings) as opened, working(opened):
        Signal().wait()  # SIGTERM ends it by an exception


def _answer(settings: Settings, handed: socket.socket) -> None:
    with child(), node(settings) as opened, Desk(fileno=handed.detach()) as desk:
        app = create_app(opened, works=False)
        HttpServer(app, timeout_graceful_shutdown=GRACE_SECONDS).run(sockets=[desk])
