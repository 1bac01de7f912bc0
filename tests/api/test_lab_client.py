"""`letopis lab keygen` and `send`: the laboratory's own machine, with nothing of ours but the address."""

import json
import os
import stat
import subprocess
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import httpx2
import pytest

from api.envelope_keys import generate_key, load_key, private_jwk, public_jwk
from api.lab_client import Intake, IntakeUnreachableError, client
from api.laboratories import Sender
from api.settings import Settings
from domain.submission import SubmissionQuarantined, SubmissionReceived
from tests.api.cast import Laboratory, Portal, bundle
from tests.api.command import letopis
from tests.api.conftest import REGISTERED


@pytest.fixture
def elsewhere(tmp_path: Path) -> Settings:
    """The laboratory's machine: a home that does not exist, and a database that nobody has."""
    chosen = Settings(home=tmp_path / "nothing", public_url="http://nowhere.example")
    return chosen.model_copy(update={"database_url": "postgresql://nobody@127.0.0.1:1/nothing"})


@pytest.fixture
def run(elsewhere: Settings) -> Callable[..., subprocess.CompletedProcess[str]]:
    def command(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        done = letopis(elsewhere, "lab", *arguments)
        assert "Traceback" not in done.stderr
        assert not elsewhere.home.exists()
        return done

    return command


@pytest.fixture
def key(laboratory: Laboratory, portal: Portal) -> Path:
    return portal.opened.settings.home / "laboratories" / f"{REGISTERED.handle}.jwk"


Run = Callable[..., subprocess.CompletedProcess[str]]


# keygen


def test_keygen_makes_a_pair_that_belongs_together(run: Run, tmp_path: Path) -> None:
    done = run("keygen", "--out", tmp_path / "keys")
    assert done.returncode == 0
    private, public = tmp_path / "keys" / "lab.jwk", tmp_path / "keys" / "lab.public.jwk"
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    secret = load_key(private.read_text(), "Ed25519", private=True)
    assert load_key(public.read_text(), "Ed25519", private=False).thumbprint() == secret.thumbprint()
    assert "d" not in json.loads(public.read_text())
    assert secret.thumbprint() in done.stdout
    assert json.loads(private.read_text())["d"] not in done.stdout + done.stderr


@pytest.mark.parametrize("existing", ["lab.jwk", "lab.public.jwk"])
def test_keygen_never_overwrites(run: Run, tmp_path: Path, existing: str) -> None:
    (tmp_path / existing).write_text("mine")
    done = run("keygen", "--out", tmp_path)
    assert done.returncode == 2
    assert (tmp_path / existing).read_text() == "mine"
    assert len(list(tmp_path.glob("*.jwk"))) == 1
    assert "already" in done.stderr


# send


def test_send_submits_each_file_and_says_what_became_of_it(
    run: Run, portal: Portal, key: Path, tmp_path: Path
) -> None:
    good, bad = tmp_path / "good.json", tmp_path / "bad.json"
    good.write_bytes(bundle("A-1"))
    bad.write_bytes(b"{}")
    url = portal.opened.settings.public_url
    sent = run("send", "--url", url, "--handle", "invitro", "--key", key, good, bad, tmp_path / "none")
    lines = [line for line in sent.stdout.splitlines() if not line.startswith(" ")]
    assert [line.split(": ", 1)[1].split()[0].rstrip(":") for line in lines] == [
        "recorded",
        "quarantined",
        "unsent",
    ]
    assert "content-not-fhir" in lines[1] and "file-unreadable" in lines[2]
    assert sent.returncode == 1
    assert len(portal.events(SubmissionReceived)) == 2


def test_what_is_to_be_mended_is_told_with_its_place_reason_and_id(
    run: Run, portal: Portal, key: Path, tmp_path: Path
) -> None:
    bad, held = tmp_path / "bad.json", tmp_path / "held.json"
    bad.write_bytes(b"{}")
    held.write_bytes(bundle("A-1"))
    url = portal.opened.settings.public_url
    sent = run("send", "--url", url, "--handle", "invitro", "--key", key, bad, held)
    _, why, waits, why_it_waits = sent.stdout.splitlines()
    (quarantined,) = portal.events(SubmissionQuarantined)
    assert why.startswith("    resourceType: The content is not a FHIR R4 resource")
    assert "The field that does not fit is named." in why and str(quarantined.stream_id) in why
    assert "recorded: patient-unknown" in waits and why_it_waits.strip()
    strange = run("send", "--url", url, "--handle", "nobody", "--key", key, bad).stdout.splitlines()
    assert strange[0].endswith("rejected: laboratory-unknown") and "Check the laboratory's name" in strange[1]


def test_send_again_is_the_same_submission(run: Run, portal: Portal, key: Path, tmp_path: Path) -> None:
    good = tmp_path / "good.json"
    good.write_bytes(bundle("A-1"))
    url = portal.opened.settings.public_url + "/"
    lines = [run("send", "--json", "--url", url, "--handle", "invitro", "--key", key, good) for _ in range(2)]
    one, again = (json.loads(line.stdout) for line in lines)
    assert one == again
    assert one["outcome"] == "recorded" and len(one["reports"]) == 1
    assert one["answer"]["reports"][0]["id"] == one["reports"][0]
    assert [line.returncode for line in lines] == [0, 0]
    assert len(portal.events(SubmissionReceived)) == 1


def test_a_wrong_key_is_told_in_words(
    run: Run, portal: Portal, tmp_path: Path, laboratory: Laboratory
) -> None:
    url = portal.opened.settings.public_url
    file = tmp_path / "a.json"
    file.write_bytes(bundle("A-1"))
    (tmp_path / "broken.jwk").write_text('{"kty": "OKP"')
    for name in ("broken.jwk", "absent.jwk"):
        done = run("send", "--url", url, "--handle", "invitro", "--key", tmp_path / name, file)
        assert (done.returncode, done.stdout) == (2, "")
        assert name in done.stderr
    run("keygen", "--out", tmp_path)
    done = run("send", "--url", url, "--handle", "invitro", "--key", tmp_path / "lab.jwk", file)
    assert done.returncode == 1
    assert "rejected: laboratory-key-unknown" in done.stdout


def test_an_address_that_does_not_answer_is_told_in_words(run: Run, tmp_path: Path) -> None:
    key, file, url = tmp_path / "lab.jwk", tmp_path / "a.json", "http://127.0.0.1:1"
    key.write_text(private_jwk(generate_key("Ed25519")))
    file.write_bytes(b"{}")
    done = run("send", "--tries", "1", "--url", url, "--handle", "x", "--key", key, file)
    assert (done.returncode, done.stdout) == (2, "")
    assert url in done.stderr and "does not answer" in done.stderr


@pytest.mark.parametrize(
    "url",
    [
        "",
        "127.0.0.1:8080",
        "ftp://x",
        "http://",
        "http://[bad",
        "http://x:99999",
        "http://x y",
        "http://\ud800",
    ],
)
def test_what_is_no_address_is_told_as_one(url: str) -> None:
    with pytest.raises(IntakeUnreachableError), client(url) as http:
        Intake(http, {}, tries=1).recipient()


# Repeating: a server that fails as it is told to.


class Moody(ThreadingHTTPServer):
    """Answers submissions with these statuses in turn; 0 closes the connection without an answer."""

    def __init__(self, statuses: list[int], keys: dict[str, object]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.statuses = statuses
        self.keys = keys
        self.received: list[bytes] = []


class _Handler(BaseHTTPRequestHandler):
    server: Moody

    def do_GET(self) -> None:
        self._answer(200, self.server.keys)

    def do_POST(self) -> None:
        self.server.received.append(self.rfile.read(int(self.headers["Content-Length"])))
        status = self.server.statuses.pop(0)
        if status:
            self._answer(status, {"code": "not-ready", "reports": []})

    def _answer(self, status: int, body: dict[str, object]) -> None:
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        if status in (429, 503):
            self.send_header("Retry-After", "7")
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@pytest.fixture
def moody() -> Iterator[Callable[..., Moody]]:
    running: list[Moody] = []
    keys = {"audience": "http://lab.test", "keys": [json.loads(public_jwk(generate_key("X25519")))]}

    def start(*statuses: int) -> Moody:
        server = Moody(list(statuses), keys)
        running.append(server)
        Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        return server

    yield start
    for server in running:
        server.shutdown()
        server.server_close()


def submitted(server: Moody, *, tries: int = 6) -> tuple[str, list[float]]:
    pauses: list[float] = []
    with client(f"http://127.0.0.1:{server.server_port}") as http:
        intake = Intake(http, {}, tries=tries, pause=pauses.append)
        told = intake.submit(Sender("x", generate_key("Ed25519")), intake.recipient(), b"{}")
    return told.outcome, pauses


@pytest.mark.parametrize("trouble", [0, 429, 500, 502, 503, 504])
def test_the_same_envelope_is_sent_again_until_there_is_an_answer(
    moody: Callable[..., Moody], trouble: int
) -> None:
    server = moody(trouble, trouble, 201)
    assert submitted(server)[0] == "recorded"
    assert len(server.received) == 3
    assert len(set(server.received)) == 1


def test_it_waits_as_long_as_it_is_asked_to_and_longer_each_time_otherwise(
    moody: Callable[..., Moody],
) -> None:
    assert submitted(moody(503, 503, 201)) == ("recorded", [7.0, 7.0])
    assert submitted(moody(0, 502, 0, 201)) == ("recorded", [0.5, 1.0, 2.0])


@pytest.mark.parametrize(("status", "outcome"), [(422, "quarantined"), (400, "rejected"), (409, "rejected")])
def test_what_was_answered_is_not_sent_again(moody: Callable[..., Moody], status: int, outcome: str) -> None:
    server = moody(status)
    assert submitted(server) == (outcome, [])


def test_it_gives_up_and_says_that_nothing_is_known(moody: Callable[..., Moody]) -> None:
    server = moody(503, 0, 503)
    assert submitted(server, tries=3)[0] == "unsent"
    assert len(server.received) == 3


def test_a_server_of_another_kind_is_no_intake() -> None:
    def elsewhere(_: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, text="<html>")

    transport = httpx2.MockTransport(elsewhere)
    with (
        httpx2.Client(transport=transport, base_url="http://x") as http,
        pytest.raises(IntakeUnreachableError),
    ):
        Intake(http, {}).recipient()


def test_a_folder_that_cannot_be_made_is_told_in_words(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = run("keygen", "--out", tmp_path / "file" / "keys")
    assert done.returncode == 2
    assert os.strerror(20) in done.stderr
