"""`letopis sandbox serve`: a sandbox from the first command to Ctrl-C."""

import contextlib
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event as Signal
from threading import Thread

import uvicorn

from api.app import create_app
from api.demo_peers import AcceptedSms, MailPeer, SmsPeer
from api.http_server import KEEP_ALIVE_SECONDS
from api.laboratories import Sender
from api.node import Node, node
from api.sandbox import stage
from api.sandbox.banner import Marked
from api.sandbox.failures import Failing
from api.sandbox.hl7_failures import listener
from api.sandbox.people import Person, people
from api.serving import signing_beside
from api.settings import Settings
from domain.laboratory import LaboratoryRegistered
from domain.values import OrganisationId

SEED = 2026
_TOKEN = "sandbox"  # noqa: S105 - between the sandbox and its own SMS gateway
_POLL_SECONDS = 0.2
_PATIENCE_SECONDS = 10


class PortTakenError(Exception):
    """Somebody else listens on this port: choose another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sandbox:
    """An open sandbox, before it serves."""

    opened: Node
    sender: Sender
    patients: Sequence[Person]
    mllp_port: int

    @property
    def settings(self) -> Settings:
        return self.opened.settings


def serve(
    folder: Path,
    *,
    host: str,
    port: int,
    mllp_port: int,
    public_url: str,
    patients: int,
    ready: Callable[[Sandbox], None],
    told: Callable[[AcceptedSms], None],
) -> None:
    """Serve until interrupted. `ready` is called when everything listens but HTTP, which follows at once;
    `told` is given each SMS that goes out, for there are no phones. PortTakenError before anything is made."""
    for wanted in (port, mllp_port):
        _require_free(host, wanted)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with ExitStack() as stack:
        mail = stack.enter_context(MailPeer(folder / "mail"))
        sms = stack.enter_context(SmsPeer(folder / "sms.jsonl", token=_TOKEN))
        settings = stage.SandboxSettings(
            home=folder,
            origin=stage.ORIGIN,
            host=host,
            port=port,
            public_url=public_url,
            smtp_host="127.0.0.1",
            smtp_port=mail.port,
            sms_gateway_url=sms.url,
            sms_gateway_token=_TOKEN,
        )
        opened = stack.enter_context(node(settings))
        stack.enter_context(signing_beside(settings))
        sandbox = Sandbox(
            opened=opened,
            sender=stage.laboratory(opened),
            patients=people(SEED, patients),
            mllp_port=mllp_port,
        )
        stage.enrol(opened, sandbox.patients)
        # Another seed than the generator's own, or its first reports would be these again.
        stage.write_files(opened, sandbox.sender, sandbox.patients, seed=SEED + 1)
        stack.enter_context(_working(sandbox, sms, told))
        ready(sandbox)
        # Outermost, for it must see the server's own `send`.
        application = Failing(Marked(create_app(opened)), opened)
        config = uvicorn.Config(
            application,
            host=host,
            port=port,
            log_level="warning",
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=5,
        )
        # It stops at the signal, and raises it again when it has stopped.
        with contextlib.suppress(KeyboardInterrupt):
            uvicorn.Server(config).run()


def _require_free(host: str, port: int) -> None:
    try:
        socket.create_server((host, port)).close()
    except OSError as error:
        raise PortTakenError(f"{host}:{port}: {error.strerror}") from None


@contextmanager
def _working(sandbox: Sandbox, sms: SmsPeer, told: Callable[[AcceptedSms], None]) -> Iterator[None]:
    """What goes on beside requests: HL7 v2 is listened for, patients link who registers, SMS are shown."""
    stop = Signal()
    # Before anybody can send: who is registered already is linked.
    linked = _link_new(sandbox, 0)
    listening = (sandbox.settings.host, sandbox.mllp_port, stop)
    workers = [
        Thread(target=listener(sandbox.opened).run, args=listening, name="mllp", daemon=True),
        Thread(target=_link_laboratories, args=(sandbox, linked, stop), name="linking", daemon=True),
        Thread(target=_show, args=(sms, told, stop), name="sms", daemon=True),
    ]
    for worker in workers:
        worker.start()
    try:
        yield
    finally:
        stop.set()
        for worker in workers:
            worker.join(timeout=_PATIENCE_SECONDS)


def _link_laboratories(sandbox: Sandbox, after: int, stop: Signal) -> None:
    """Every patient links each laboratory as it is registered, so that its results need not wait."""
    while not stop.wait(_POLL_SECONDS):
        after = _link_new(sandbox, after)


def _link_new(sandbox: Sandbox, after: int) -> int:
    """The position up to which laboratories are linked."""
    ledger = sandbox.opened.ledger
    while recorded := ledger.read_all(after=after):
        for one in recorded:
            if isinstance(one.event, LaboratoryRegistered):
                stage.link(ledger, sandbox.patients, OrganisationId(one.stream_id))
        after = recorded[-1].position or after
    return after


def _show(sms: SmsPeer, told: Callable[[AcceptedSms], None], stop: Signal) -> None:
    shown = 0
    while not stop.wait(_POLL_SECONDS):
        for message in sms.accepted[shown:]:
            told(message)
            shown += 1
