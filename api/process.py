"""What every process of the program does first, whether the command line or another process started it."""

import gc
import logging
import signal
import sys

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
    # pace, takes a third of the time of a replay.
    gc.set_threshold(100_000, 20, 100)
    # An orderly end, so that an embedded server that nobody else uses is stopped too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))


def hush() -> None:
    """Libraries that tell whom they talk to: aiosmtpd writes addresses at INFO, and httpx2 whole URLs, of which that
    of a browser is its secret."""
    for talkative in ("mail.log", "httpx2", "httpcore2"):
        logging.getLogger(talkative).setLevel(logging.WARNING)
