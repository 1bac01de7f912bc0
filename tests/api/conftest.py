"""What the tests of the edges stand on: a portal that really serves, and the peers that it talks to."""

import shutil
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx2
import psycopg
import pytest

from api import laboratories, totp
from api.demo_peers import MailPeer, SmsPeer
from api.node import Node, node
from api.portal import sign_in
from api.settings import Settings
from domain.laboratory import LaboratoryRegistered
from ledger.custody import Custody
from tests.api.cast import Laboratory, Portal, serving
from tests.api.staff_cast import Clock, Member

REGISTERED = LaboratoryRegistered(
    handle="invitro", name="Лаборатория Инвитро", inn="7707083893", ogrn="1027700132195"
)
SUBMISSION_LIMIT = 200_000


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """A refused sign-in is not held back where nobody measures it."""
    monkeypatch.setattr(sign_in, "REFUSAL_SECONDS", 0.0)


@pytest.fixture
def home(tmp_path: Path, custody: Custody) -> Path:
    """A LETOPIS_HOME with the secrets of the test's database and a memory of checkpoints of its own."""
    folder = tmp_path / "home" / "secrets"
    folder.mkdir(mode=0o700, parents=True)
    for path in custody.folder.glob("*.key"):
        shutil.copy(path, folder)
    return folder.parent


@pytest.fixture
def mail(tmp_path: Path) -> Iterator[MailPeer]:
    with MailPeer(tmp_path / "mail") as peer:
        yield peer


@pytest.fixture
def sms(tmp_path: Path) -> Iterator[SmsPeer]:
    with SmsPeer(tmp_path / "sms.jsonl", token="t0ken") as peer:
        yield peer


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    """A socket that listens on a free port: it is known before the server starts, and nobody else's."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        yield found


@pytest.fixture
def settings(home: Path, database: str, mail: MailPeer, sms: SmsPeer, listening: socket.socket) -> Settings:
    with psycopg.connect(database) as connection:
        row = connection.execute("SELECT origin FROM ledger.identity").fetchone()
    assert row is not None
    port = listening.getsockname()[1]
    chosen = Settings(
        home=home,
        origin=row[0],
        port=port,
        public_url=f"http://127.0.0.1:{port}",
        submission_limit_bytes=SUBMISSION_LIMIT,
        smtp_host="127.0.0.1",
        smtp_port=mail.port,
        sms_gateway_url=sms.url,
        sms_gateway_token="t0ken",
    )
    return chosen.model_copy(update={"database_url": database})


@pytest.fixture
def opened(settings: Settings) -> Iterator[Node]:
    with node(settings) as found:
        yield found


@pytest.fixture
def serve(
    opened: Node, mail: MailPeer, sms: SmsPeer, listening: socket.socket
) -> Iterator[Callable[..., Portal]]:
    """Starts the portal; without `works` nothing happens behind the test's back."""
    with ExitStack() as stack:

        def start(*, works: bool = False) -> Portal:
            stack.enter_context(serving(opened, listening, works=works))
            client = httpx2.Client(base_url=opened.settings.public_url, timeout=60)
            return Portal(opened, mail, sms, stack.enter_context(client))

        yield start


@pytest.fixture
def portal(serve: Callable[..., Portal]) -> Portal:
    return serve()


@pytest.fixture
def laboratory(opened: Node) -> Laboratory:
    laboratory_id, sender = laboratories.add(opened.ledger, opened.settings.home, REGISTERED)
    return Laboratory(laboratory_id, sender, opened)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The time at which the server takes the codes of authenticators."""
    found = Clock()
    monkeypatch.setattr(totp, "time", found)
    return found


@pytest.fixture
def ivan(portal: Portal, clock: Clock) -> Member:
    """A member of staff who is not admitted yet."""
    return Member(portal, clock)
