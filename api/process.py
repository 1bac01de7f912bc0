"""What every process of the program does first, whether the command line or another process started it."""

import gc
import logging
import multiprocessing
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import wait
from threading import Thread

import structlog


def prepare() -> None:
    """Logs as JSON lines on stderr, and an orderly end by SIGTERM."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    hush()
    # Events are made of many small objects that hold no circles: searching them for some, at the default
    # pace, takes a third of the time of a replay. A batch of fifty reports is some 90,000 of them at once.
    gc.set_threshold(400_000, 20, 100)
    # An orderly end, so that an embedded server that nobody else uses is stopped too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))


def hush() -> None:
    """Libraries that tell whom they talk to: aiosmtpd writes addresses at INFO, and httpx2 whole URLs, of which that
    of a browser is its secret."""
    for talkative in ("mail.log", "httpx2", "httpcore2"):
        logging.getLogger(talkative).setLevel(logging.WARNING)


@contextmanager
def child() -> Iterator[None]:
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
