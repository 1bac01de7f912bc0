"""What the tests of the edges stand on: a portal that really serves, and the peers that it talks to."""

import shutil
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path

import httpx2
import psycopg
import pytest
from argon2 import PasswordHasher

from api import laboratories, result_receipts, share_access, totp
from api.demo_peers import MailPeer, SmsPeer
from api.node import Node, node
from api.portal import sign_in, web
from api.settings import Settings
from api.staff import door
from api.staff import web as staff_web
from domain.laboratory import LaboratoryRegistered
from ledger.custody import Custody
from tests.api.cast import AUTHORITIES, Laboratory, Portal, serving
from tests.api.staff_cast import Clock, Member

REGISTERED = LaboratoryRegistered(
    handle="invitro", name="Лаборатория Инвитро", inn="7707083893", ogrn="1027700132195"
)
SUBMISSION_LIMIT = 200_000


# As the portal's in form, and a thousand times cheaper: nobody attacks the passwords of the tests.
_HASHER = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
_NOBODYS_HASH = _HASHER.hash("nobody's")


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """A refused sign-in is not held back where nobody measures it, no receipt waits for a checkpoint, and a password is
    hashed in no time."""
    monkeypatch.setattr(sign_in, "REFUSAL_SECONDS", 0.0)
    monkeypatch.setattr(result_receipts, "COVER_SECONDS", 0.0)
    for module in (sign_in, door, share_access):
        monkeypatch.setattr(module, "HASHER", _HASHER)
    for module in (sign_in, door):
        monkeypatch.setattr(module, "NOBODYS_HASH", _NOBODYS_HASH)


@pytest.fixture
def home(tmp_path: Path, custody: Custody) -> Path:
    """A LETOPIS_HOME with the secrets of the test's database and a memory of checkpoints of its own."""
    folder = tmp_path / "home" / "secrets"
    folder.mkdir(mode=0o700, parents=True)
    for path in (one for kind in ("*.key", "*.public", "*.pem") for one in custody.folder.glob(kind)):
        shutil.copy(path, folder)
    assert custody.signer is not None
    shutil.copytree(custody.signer, folder.with_name("signer"))
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


@cache
def plain_settings() -> Settings:
    """What is alike in every test. Read from the environment once: it takes longer than a page."""
    return Settings(submission_limit_bytes=SUBMISSION_LIMIT, smtp_host="127.0.0.1", sms_gateway_token="t0ken")


@pytest.fixture
def settings(home: Path, database: str, mail: MailPeer, sms: SmsPeer, listening: socket.socket) -> Settings:
    with psycopg.connect(database) as connection:
        row = connection.execute("SELECT origin FROM ledger.identity").fetchone()
    assert row is not None
    port = listening.getsockname()[1]
    chosen = {
        "home": home,
        "database_url": database,
        "origin": row[0],
        "port": port,
        "public_url": f"http://127.0.0.1:{port}",
        "smtp_port": mail.port,
        "sms_gateway_url": sms.url,
    }
    return plain_settings().model_copy(update=chosen)


@pytest.fixture
def opened(settings: Settings) -> Iterator[Node]:
    with node(settings) as found:
        yield found


@pytest.fixture
def serve(
    opened: Node,
    mail: MailPeer,
    sms: SmsPeer,
    listening: socket.socket,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Callable[..., Portal]]:
    """Starts the portal; without `works` nothing happens behind the test's back."""
    with ExitStack() as stack:

        def start(*, works: bool = False) -> Portal:
            if works:
                # A page waits for what was recorded before it; on a busy machine the follower may need longer.
                monkeypatch.setattr(web, "FOLLOW_SECONDS", 60.0)
                monkeypatch.setattr(staff_web, "FOLLOW_SECONDS", 60.0)
            stack.enter_context(serving(opened, listening, works=works))
            client = httpx2.Client(base_url=opened.settings.public_url, timeout=60, verify=AUTHORITIES)
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
