"""`letopis serve`: one process that does everything, or several behind one address.

Several: a supervisor that touches no data, one process for the workers (views, notices, MLLP), and the ones
that answer requests. Each has its own hold on the database, where the order of the ledger is made. A process
that dies is started again; when the supervisor dies, however that happens, the others end too.
"""

import multiprocessing
import os
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from threading import Event as Signal
from threading import Thread

import structlog
import uvicorn

from api.app import create_app
from api.http_server import HttpServer
from api.metrics import SHARED_FOLDER
from api.migrate import migrate
from api.node import database, node, secrets_of
from api.process import prepare
from api.settings import Settings
from api.workers import working

RESTART_SECONDS = 1.0
PATIENCE_SECONDS = 20.0
GRACE_SECONDS = 5
# What uvicorn itself says when it can't start.
NOT_STARTED = 3

_PROCESSES = multiprocessing.get_context("spawn")
log = structlog.get_logger()


def serve_alone(settings: Settings, *, ready: Callable[[], None]) -> None:
    """Requests and workers in this process."""
    with node(settings) as opened:
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


def serve_together(settings: Settings, processes: int, *, ready: Callable[[], None]) -> None:
    """Requests in this many processes, workers in one more, until this one is told to stop."""
    with (
        database(settings) as conninfo,
        _reserved(settings),
        tempfile.TemporaryDirectory(prefix="letopis-metrics-") as folder,
    ):
        migrate(conninfo, origin=settings.origin, fingerprint=secrets_of(settings).fingerprint)
        os.environ[SHARED_FOLDER] = folder
        ready()
        tasks: list[Callable[[], BaseProcess]] = [
            lambda: _PROCESSES.Process(target=_work, args=(settings,), name="workers")
        ]
        tasks += [lambda: _PROCESSES.Process(target=_answer, args=(settings,), name="requests")] * processes
        with suppress(KeyboardInterrupt):
            _supervise(tasks)


@contextmanager
def _reserved(settings: Settings) -> Iterator[None]:
    """The address, for the processes of this server and nobody else's: taken alone first, since another server
    would otherwise share it in silence."""
    uvicorn.Config("", host=settings.host, port=settings.port, log_level="warning").bind_socket().close()
    with _bound(settings):
        yield


def _bound(settings: Settings) -> socket.socket:
    """A socket of this process's own at the address. The kernel spreads connections over those that listen; of
    one that all accept from, whoever wakes first would take most."""
    found = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    family, kind, _, _, address = found[0]
    bound = socket.socket(family, kind)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    # Inherited by each connection. asyncio sets it only on sockets made by itself, and without it the second
    # packet of an answer waits 40 ms for the acknowledgement of the first.
    bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    bound.bind(address)
    return bound


def _supervise(tasks: list[Callable[[], BaseProcess]]) -> None:
    """Keep a process alive for each task. Ends by an exception only: SIGTERM and Ctrl-C raise one."""
    running: dict[int, tuple[BaseProcess, Callable[[], BaseProcess]]] = {}

    def start(task: Callable[[], BaseProcess]) -> None:
        process = task()
        process.start()
        running[process.sentinel] = process, task

    try:
        for task in tasks:
            start(task)
        while True:
            for sentinel in wait(list(running)):
                assert isinstance(sentinel, int)
                process, task = running.pop(sentinel)
                process.join()
                log.error("serve.process-ended", process=process.name, exit_code=process.exitcode)
                time.sleep(RESTART_SECONDS)
                start(task)
    finally:
        _end([process for process, _ in running.values()])


def _end(processes: list[BaseProcess]) -> None:
    for process in processes:
        process.terminate()
    deadline = time.monotonic() + PATIENCE_SECONDS
    for process in processes:
        process.join(max(0.0, deadline - time.monotonic()))
        if process.exitcode is None:
            process.kill()


# In the processes.


def _work(settings: Settings) -> None:
    with _child(), node(settings) as opened, working(opened):
        Signal().wait()  # SIGTERM ends it by an exception


def _answer(settings: Settings) -> None:
    with _child(), node(settings) as opened, _bound(settings) as listening:
        app = create_app(opened, works=False)
        HttpServer(app, timeout_graceful_shutdown=GRACE_SECONDS).run(sockets=[listening])


@contextmanager
def _child() -> Iterator[None]:
    """Ended by the supervisor, or with it; a terminal's Ctrl-C is the supervisor's alone to hear."""
    prepare()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    assert parent is not None

    def follow() -> None:
        wait([parent.sentinel])
        os.kill(os.getpid(), signal.SIGTERM)

    Thread(target=follow, name="parent", daemon=True).start()
    yield
