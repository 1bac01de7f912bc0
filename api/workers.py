"""The workers that go on beside requests: views and checkpoints, notices, and the MLLP listener."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from threading import Event as Signal
from threading import Thread

from api.hl7_intake import hl7_listener
from api.node import Node
from api.notifier import Notifier
from api.refusals import Refusals
from api.retention import Retention
from projections import PROJECTIONS
from projections.follow import Follower

PATIENCE_SECONDS = 10


@contextmanager
def working(node: Node) -> Iterator[None]:
    """They run while a `with` lasts."""
    stop = Signal()
    workers = _workers(node, stop)
    for worker in workers:
        worker.start()
    try:
        yield
    finally:
        stop.set()
        for worker in workers:
            worker.join(timeout=PATIENCE_SECONDS)


def _workers(node: Node, stop: Signal) -> list[Thread]:
    follower = Follower(node.ledger, PROJECTIONS)
    notifier = Notifier(node.ledger, node.settings)
    workers = [
        Thread(target=follower.run, args=(stop,), name="follower", daemon=True),
        Thread(target=notifier.run, args=(stop,), name="notifier", daemon=True),
    ]
    settings = node.settings
    retention = Retention(node.ledger, timedelta(days=settings.waiting_days))
    workers.append(Thread(target=retention.run, args=(stop,), name="retention", daemon=True))
    if settings.mllp_port is not None:
        address = (settings.mllp_host, settings.mllp_port)
        workers.append(Thread(target=_listen, args=(node, *address, stop), name="mllp", daemon=True))
    return workers


def _listen(node: Node, host: str, port: int, stop: Signal) -> None:
    refusals = Refusals(node)
    hl7_listener(node, refusals).run(host, port, stop)
    refusals.summarise()
