"""The workers that go on beside requests: views and checkpoints, notices, the clockwork, the MLLP listener."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event as Signal
from threading import Thread

import structlog

from api import bounces
from api.bounce_address import Place
from api.certifying import NightlyReplay
from api.clockwork import Clockwork, steps_of
from api.corrections import CorrectionsTracked
from api.hl7_intake import hl7_listener
from api.log_mirror import LogMirror
from api.node import Node
from api.portal.sign_in import Door
from api.refusals import Refusals
from api.reports_matching import ReportsMatching
from api.sending.guardians import GuardiansTold
from api.sending.worker import ChannelWorker
from api.ticket_notices import TicketNotices
from domain.channel import Channel
from projections import PROJECTIONS
from projections.follow import Follower

PATIENCE_SECONDS = 10
LISTEN_AGAIN_SECONDS = 5.0

log = structlog.get_logger()


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
    matching = ReportsMatching(node.ledger)
    guardians = GuardiansTold(node.ledger)
    corrections = CorrectionsTracked(node.ledger)
    steps = (*steps_of(node.settings), NightlyReplay(node.settings).begin)
    clockwork = Clockwork(node.ledger, steps)
    workers = [
        Thread(target=follower.run, args=(stop,), name="follower", daemon=True),
        Thread(target=matching.run, args=(stop,), name="matching", daemon=True),
        Thread(target=guardians.run, args=(stop,), name="guardians", daemon=True),
        Thread(target=corrections.run, args=(stop,), name="corrections", daemon=True),
        Thread(target=clockwork.run, args=(stop,), name="clockwork", daemon=True),
    ]
    tickets = TicketNotices(Door(node.ledger, node.settings))
    workers.append(Thread(target=tickets.run, args=(stop,), name="ticket-notices", daemon=True))
    # A thread for each channel: one slow provider holds back nobody else's.
    for channel in Channel:
        sender = ChannelWorker(node, channel)
        workers.append(Thread(target=sender.run, args=(stop,), name=f"sender-{channel}", daemon=True))
    settings = node.settings
    if settings.mllp_port is not None:
        address = (settings.mllp_host, settings.mllp_port)
        workers.append(Thread(target=listen, args=(node, *address, stop), name="mllp", daemon=True))
    if settings.log_folder is not None:
        mirror = LogMirror(node.ledger, settings.log_folder)
        workers.append(Thread(target=mirror.run, args=(stop,), name="log-mirror", daemon=True))
    place = Place.of(settings)
    if place is not None and settings.bounce_port is not None:
        came_back = (node, place, settings.bounce_port, stop)
        workers.append(Thread(target=bounces.run, args=came_back, name="bounces", daemon=True))
    return workers


def listen(node: Node, host: str, port: int, stop: Signal) -> None:
    """For HL7 v2. A port that is taken, as by the process before this one, is tried again until it is free."""
    refusals = Refusals(node)
    while not stop.is_set():
        try:
            hl7_listener(node, refusals).run(host, port, stop)
        except OSError as error:
            log.error("mllp.not-listening", address=f"{host}:{port}", error=os.strerror(error.errno or 0))
            stop.wait(LISTEN_AGAIN_SECONDS)
    refusals.summarise()
