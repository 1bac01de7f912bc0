"""The sandbox: its failures strike who asks for them, a real Letopis knows none of them, and its patients get
what the generator writes. `test_integration_page` starts it as a process."""

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from threading import Thread
from time import monotonic, sleep

import httpx2
import pytest
import uvicorn

from api.app import create_app
from api.hl7_intake import receive
from api.mllp import HangUpError
from api.node import Node
from api.sandbox import stage
from api.sandbox.banner import Marked
from api.sandbox.catalogue import BLOOD
from api.sandbox.failures import PASSING, Failing, Failure
from api.sandbox.hl7_failures import PREFIX, FailingIntake
from api.sandbox.hl7_writer import hl7
from api.sandbox.people import people
from api.sandbox.reports import DrawnReport, cancelled, corrected, draw, finished, preliminary, series
from api.sandbox.stage import SandboxSettings
from api.sandbox.writers import WRITERS
from api.settings import Settings
from domain.consent import OF_CABINET, ConsentKind
from domain.submission import (
    SubmissionAccepted,
    SubmissionQuarantined,
    SubmissionReceived,
    SubmissionRefused,
)
from domain.values import OrganisationId, PatientId
from ledger import commands, consents, onboarding
from ledger import linkage as linking
from projections import PROJECTIONS
from projections.follow import Follower
from tests.api.cast import Laboratory, Portal, bundle, whole
from tests.api.command import letopis

SLOW_SECONDS = 0.6
NAME = "Letopis-Sandbox-Failure"
PEOPLE = people(1, 3)
every_failure = pytest.mark.parametrize("failure", list(Failure))


@contextmanager
def serving(application: object, listening: socket.socket) -> Iterator[None]:
    config = uvicorn.Config(application, log_level="error", timeout_graceful_shutdown=2)  # type: ignore[arg-type]
    server = uvicorn.Server(config)
    thread = Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    give_up = monotonic() + 30
    while not server.started:
        assert thread.is_alive() and monotonic() < give_up
        sleep(0.01)
    try:
        yield
    finally:
        server.should_exit = True
        thread.join(timeout=60)


@pytest.fixture
def sandbox(opened: Node, listening: socket.socket) -> Iterator[httpx2.Client]:
    """A sandbox's server; its client keeps no connection, as a failure may take it."""
    application = Failing(Marked(create_app(opened, works=False)), opened, slow_seconds=SLOW_SECONDS)
    with (
        serving(application, listening),
        httpx2.Client(
            base_url=opened.settings.public_url, timeout=60, limits=httpx2.Limits(max_keepalive_connections=0)
        ) as client,
    ):
        yield client


def events(opened: Node, *kinds: type) -> list[object]:
    return [one.event for one in opened.ledger.read_all(limit=10_000) if isinstance(one.event, kinds)]


def ask(client: httpx2.Client, envelope: bytes, failure: str | None = None) -> httpx2.Response:
    headers = {NAME: failure} if failure else {}
    return client.post("/v1/submissions", content=envelope, headers=headers)


# By HTTP


def test_not_ready_stores_nothing_and_the_repeat_goes_through(
    sandbox: httpx2.Client, laboratory: Laboratory, opened: Node
) -> None:
    envelope = laboratory.seal(bundle("1"))
    answer = ask(sandbox, envelope, "not-ready")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    assert whole(answer.json())["code"] == "not-ready"
    assert not events(opened, SubmissionReceived, SubmissionRefused)
    assert ask(sandbox, envelope, "not-ready").status_code == 201


def test_drop_stores_and_says_nothing_and_the_repeat_gets_the_answer(
    sandbox: httpx2.Client, laboratory: Laboratory, opened: Node
) -> None:
    envelope = laboratory.seal(bundle("1"))
    with pytest.raises(httpx2.TransportError):
        ask(sandbox, envelope, "drop")
    assert len(events(opened, SubmissionAccepted)) == 1
    again = ask(sandbox, envelope, "drop")
    assert again.status_code == 201
    assert again.content == ask(sandbox, envelope).content
    assert len(events(opened, SubmissionReceived)) == 1


def test_slow_answers_late_and_once(sandbox: httpx2.Client, laboratory: Laboratory) -> None:
    envelope = laboratory.seal(bundle("1"))
    started = monotonic()
    assert ask(sandbox, envelope, "slow").status_code == 201
    assert monotonic() - started >= SLOW_SECONDS


def test_quarantine_keeps_the_submission_with_a_reason(
    sandbox: httpx2.Client, laboratory: Laboratory, opened: Node
) -> None:
    envelope = laboratory.seal(bundle("1"))
    answer = ask(sandbox, envelope, "quarantine")
    assert answer.status_code == 422
    assert answer.json()["code"] == "no-report-in-content"
    assert len(events(opened, SubmissionQuarantined)) == 1
    assert ask(sandbox, envelope).content == answer.content
    assert not events(opened, SubmissionAccepted, SubmissionRefused)


def test_quarantine_of_what_would_be_refused_is_left_to_the_program(
    sandbox: httpx2.Client, laboratory: Laboratory, opened: Node
) -> None:
    for envelope in (b"nonsense", laboratory.seal(bundle("1"), issuer="nobody")):
        assert ask(sandbox, envelope, "quarantine").status_code in (400, 403)
    assert not events(opened, SubmissionReceived)


def test_unknown_key_is_refused_by_the_program_itself(
    sandbox: httpx2.Client, laboratory: Laboratory, opened: Node
) -> None:
    envelope = laboratory.seal(bundle("1"))
    answer = ask(sandbox, envelope, "unknown-key")
    assert (answer.status_code, answer.json()["code"]) == (403, "laboratory-key-unknown")
    assert len(events(opened, SubmissionRefused)) == 1
    assert ask(sandbox, envelope).status_code == 201


def test_too_large_is_refused_by_the_program_itself(
    sandbox: httpx2.Client, laboratory: Laboratory, opened: Node
) -> None:
    answer = ask(sandbox, laboratory.seal(bundle("1")), "too-large")
    assert (answer.status_code, answer.json()["code"]) == (413, "submission-too-large")
    assert not events(opened, SubmissionReceived)


def test_a_failure_that_there_is_not_is_told(sandbox: httpx2.Client, laboratory: Laboratory) -> None:
    answer = ask(sandbox, laboratory.seal(bundle("1")), "explode")
    assert (answer.status_code, answer.json()["code"]) == (400, "request-malformed")
    assert answer.json()["field"] == "letopis-sandbox-failure"


def test_nothing_else_fails(sandbox: httpx2.Client, laboratory: Laboratory) -> None:
    assert ask(sandbox, laboratory.seal(bundle("1"))).status_code == 201
    assert sandbox.get("/v1/keys", headers={NAME: "not-ready"}).status_code == 200


@every_failure
def test_a_real_letopis_knows_no_failures(portal: Portal, laboratory: Laboratory, failure: Failure) -> None:
    answer = ask(portal.machine, laboratory.seal(bundle("1")), failure.value)
    assert answer.status_code == 201


# By MLLP


def message(failure: str = "") -> bytes:
    report = draw(Random(1), PEOPLE[0], now=datetime.now(UTC), number="1", panel=BLOOD)
    return hl7(report, receiver=f"{PREFIX}{failure.upper()}" if failure else "LETOPIS")


@pytest.fixture
def failing(opened: Node) -> Callable[[bytes], bytes]:
    stage.laboratory(opened)
    intake = FailingIntake(opened, slow_seconds=SLOW_SECONDS)
    return lambda sent: intake.receive(sent, None, None)


@pytest.mark.parametrize(
    ("failure", "code", "problem"),
    [
        (Failure.NOT_READY, b"MSA|AE|", b"not-ready"),
        (Failure.QUARANTINE, b"MSA|AE|", b"message-type-unsupported"),
        (Failure.UNKNOWN_KEY, b"MSA|AR|", b"laboratory-unknown"),
        (Failure.TOO_LARGE, b"MSA|AR|", b"submission-too-large"),
    ],
)
def test_a_message_fails_as_its_receiver_says(
    failing: Callable[[bytes], bytes], opened: Node, failure: Failure, code: bytes, problem: bytes
) -> None:
    answer = failing(message(failure))
    assert code in answer and problem in answer
    assert not events(opened, SubmissionAccepted)
    assert len(events(opened, SubmissionQuarantined)) == (failure is Failure.QUARANTINE)
    assert (b"MSA|AA|" in failing(message(failure))) == (failure in PASSING)


def test_a_dropped_message_is_stored_and_its_repeat_is_answered(
    failing: Callable[[bytes], bytes], opened: Node
) -> None:
    with pytest.raises(HangUpError) as end:
        failing(message(Failure.DROP))
    assert end.value.acknowledgement == b""
    assert len(events(opened, SubmissionAccepted)) == 1
    assert b"MSA|AA|" in failing(message(Failure.DROP))
    assert len(events(opened, SubmissionAccepted)) == 1


def test_a_slow_message_is_answered_late(failing: Callable[[bytes], bytes]) -> None:
    started = monotonic()
    assert b"MSA|AA|" in failing(message(Failure.SLOW))
    assert monotonic() - started >= SLOW_SECONDS


def test_other_messages_do_not_fail(failing: Callable[[bytes], bytes]) -> None:
    assert b"MSA|AA|" in failing(message())
    assert b"MSA|AA|" in failing(message("explode"))
    assert b"MSA|AR|" in failing(b"nonsense")


@every_failure
def test_a_real_listener_knows_no_failures(opened: Node, failure: Failure) -> None:
    stage.laboratory(opened)
    assert b"MSA|AA|" in receive(opened, message(failure), None)


# Who is in it, and what it is


def versions(report: DrawnReport) -> tuple[DrawnReport, ...]:
    first = preliminary(report)
    whole_one = finished(report, first)
    return first, whole_one, corrected(whole_one), cancelled(corrected(whole_one))


def test_its_patients_get_what_the_generator_writes_in_every_format(portal: Portal) -> None:
    opened = portal.opened
    prepare(opened)
    sender = stage.laboratory(opened)
    laboratory_id, _ = onboarding.load_laboratory(opened.ledger, stage.HANDLE)
    Follower(opened.ledger, PROJECTIONS).catch_up()
    found = Laboratory(laboratory_id, sender, opened)
    drawn = series(4, len(WRITERS), PEOPLE)
    for (name, writer), report in zip(WRITERS.items(), drawn, strict=True):
        for number, version in enumerate(versions(report), start=1):
            answer = portal.submit(found.seal(writer.write(version), content_type=writer.content_type))
            assert answer.status_code == 201, (name, answer.text)
            (told,) = answer.json()["reports"]
            assert (told["held"], told["version"]) == (None, number), name


def prepare(opened: Node, count: int = 3) -> None:
    stage.laboratory(opened)
    stage.enrol(opened, PEOPLE[:count])
    laboratory_id, _ = onboarding.load_laboratory(opened.ledger, stage.HANDLE)
    stage.link(opened.ledger, PEOPLE[:count], OrganisationId(laboratory_id))


def test_it_is_prepared_once_and_may_get_more_patients(opened: Node) -> None:
    prepare(opened, 1)
    position = opened.ledger.last_position()
    prepare(opened, 1)
    assert opened.ledger.last_position() == position
    prepare(opened, 3)
    assert all(opened.ledger.find("enp", person.enp) for person in PEOPLE)


@pytest.mark.parametrize(
    "step",
    ["add_laboratory_sender", "state_profile", "link_policy", "grant_consent", "link_organisation"],
)
def test_a_start_that_was_interrupted_is_brought_to_its_end(
    opened: Node, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        asked = {
            "add_laboratory_sender": onboarding,
            "grant_consent": consents,
            "link_organisation": linking,
        }.get(step, commands)
        patched.setattr(asked, step, interrupted)
        with pytest.raises(KeyboardInterrupt):
            prepare(opened)
    prepare(opened)
    kinds = [type(event).__name__ for event in events(opened, object)]
    done = {name: kinds.count(name) for name in ("PatientRegistered", "PolicyLinked", "OrganisationLinked")}
    assert done == {"PatientRegistered": 3, "PolicyLinked": 3, "OrganisationLinked": 3}
    assert kinds.count("LaboratorySenderAdded") == 1
    assert kinds.count("ConsentGranted") == 3 * len(OF_CABINET)


def test_what_somebody_took_back_stays_taken_back(opened: Node) -> None:
    """An integrator who tries how a report waits must not find it delivered after the next start."""
    prepare(opened)
    found = opened.ledger.find("phone", PEOPLE[0].phone)
    laboratory_id, _ = onboarding.load_laboratory(opened.ledger, stage.HANDLE)
    assert found is not None
    patient_id = PatientId(found)
    by = commands.by_patient(patient_id)
    consents.withdraw_consent(opened.ledger, patient_id, ConsentKind.RESULTS_TRANSFER, by)
    linking.unlink_organisation(opened.ledger, patient_id, OrganisationId(laboratory_id), by)
    position = opened.ledger.last_position()
    prepare(opened)
    assert opened.ledger.last_position() == position


@pytest.mark.parametrize("option", ["--port", "--mllp-port"])
def test_a_port_that_is_taken_is_told_before_anything_is_made(
    tmp_path: Path, listening: socket.socket, option: str
) -> None:
    port = str(listening.getsockname()[1])
    settings = Settings(home=tmp_path)
    folder = tmp_path / "sandbox"
    arguments = ("--folder", folder, "--port", "0", "--mllp-port", "0", option, port)
    done = letopis(settings, "sandbox", "serve", *arguments)
    assert done.returncode == 2
    assert port in done.stderr and "Traceback" not in done.stderr
    assert not folder.exists()


def test_its_settings_do_not_come_from_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A variable that was set for a real Letopis would otherwise lead a sandbox into its database."""
    monkeypatch.setenv("DATABASE_URL", "postgresql://real")
    monkeypatch.setenv("LETOPIS_SMTP_HOST", "mail.real")
    monkeypatch.setenv("LETOPIS_MLLP_PORT", "2575")
    monkeypatch.setenv("LETOPIS_ORIGIN", "letopis.real/ledger")
    settings = SandboxSettings(home=tmp_path, origin=stage.ORIGIN)
    assert (settings.database_url, settings.smtp_host, settings.mllp_port) == (None, None, None)
    assert settings.origin.startswith("sandbox.")


def test_every_page_says_that_it_is_a_sandbox(sandbox: httpx2.Client, opened: Node) -> None:
    for path in ("/sign-in", "/register", "/no-such-page"):
        page = sandbox.get(path, headers={"Accept": "text/html"})
        assert page.text.count("Песочница") == 1, path
        assert "Content-Security-Policy" in page.headers
        assert page.text.rstrip().endswith("</html>")
    assert "Песочница" not in sandbox.get("/v1/keys").text
    assert sandbox.get("/static/portal.css").status_code == 200


def test_a_real_page_does_not_say_so(portal: Portal) -> None:
    assert "Песочница" not in portal.machine.get("/sign-in").text
