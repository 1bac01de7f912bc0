"""HL7 v2 by MLLP: a real listener on a real socket, TLS or not, with a client that is not ours."""

import hashlib
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event as Signal
from threading import Thread
from time import monotonic, sleep

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from hl7.client import MLLPClient
from structlog.testing import capture_logs

from api import hl7_intake, workers
from api.client_certificates import address_of
from api.laboratories import OPERATOR
from api.mllp import END, START, Listener, Tls
from api.node import Node
from api.refusals import Refusals
from domain.laboratory import LaboratorySenderAdded
from domain.report import ReportReceived, ReportRevised
from domain.submission import SubmissionAccepted, SubmissionQuarantined, SubmissionRefused
from ledger import onboarding
from ledger.recorder import OutcomeUnknownError
from projections import cabinet
from tests.api.cast import ANNA, ENP_SYSTEM, Laboratory, Portal, Who, settled
from tests.api.command import letopis

APPLICATION, FACILITY = "LIS", "LAB"


def message(
    number: str = "1", *, control_id: str = "", person: Who = ANNA, value: str = "72.50", header: str = ""
) -> bytes:
    """An ORU^R01 with one measured value of this person; `header` adds fields after MSH-12."""
    authority = f"&{ENP_SYSTEM.removeprefix('urn:oid:')}&ISO"
    birth_date = person.birth_date.replace("-", "")
    names = f"{APPLICATION}|{FACILITY}|LETOPIS|REGION"
    control_id = control_id or f"M{number}"
    lines = (
        f"MSH|^~\\&|{names}|20261122140000+0300||ORU^R01^ORU_R01|{control_id}|P|2.5{header}",
        f"PID|1||{person.enp}^^^{authority}||{person.family}^{person.given}||{birth_date}|F",
        f"OBR|1|P{number}|F{number}|CREA^Креатинин^99LAB|||20261122090000+0300{'|' * 15}20261122140000+0300|||F",
        f"OBX|1|NM|14682-9^Креатинин^LN||{value}|мкмоль/л|44.00-80.0|N|||F",
    )
    return "\r".join(lines).encode() + b"\r"


@contextmanager
def listening(
    opened: Node, *, tls: Tls | None = None, limit_bytes: int = 100_000, refusals: Refusals | None = None
) -> Iterator[int]:
    """The listener in a thread, on a free port."""
    refusals = refusals or Refusals(opened)
    listener = Listener(
        lambda sent, certificate, peer: hl7_intake.receive(
            opened, sent, certificate, refusals.gate(address_of(peer))
        ),
        lambda peer: hl7_intake.too_large(opened, refusals.gate(address_of(peer))),
        limit_bytes=limit_bytes,
        tls=tls,
    )
    stop, is_ready, ports = Signal(), Signal(), list[int]()

    def ready(port: int) -> None:
        ports.append(port)
        is_ready.set()

    thread = Thread(target=listener.run, args=("127.0.0.1", 0, stop), kwargs={"ready": ready})
    thread.start()
    assert is_ready.wait(10)
    try:
        yield ports[0]
    finally:
        stop.set()
        thread.join(10)
        assert not thread.is_alive()


@pytest.fixture
def sender(laboratory: Laboratory) -> Laboratory:
    added = LaboratorySenderAdded(application=APPLICATION, facility=FACILITY)
    onboarding.add_laboratory_sender(laboratory.opened.ledger, laboratory.sender.handle, added, OPERATOR)
    return laboratory


@pytest.fixture
def port(opened: Node) -> Iterator[int]:
    with listening(opened) as found:
        yield found


def sent(port: int, *messages: bytes) -> list[list[str]]:
    """The acknowledgements: their segments."""
    with closing(socket.create_connection(("127.0.0.1", port), timeout=60)) as connection:
        return [exchanged(connection, one) for one in messages]


def exchanged(connection: socket.socket, one: bytes) -> list[str]:
    connection.sendall(START + one + END)
    answer = b""
    while not answer.endswith(END):
        more = connection.recv(65536)
        assert more, "the listener hung up"
        answer += more
    return answer.removeprefix(START).removesuffix(END).decode().strip("\r").split("\r")


def code_of(acknowledgement: list[str]) -> tuple[str, str]:
    (found,) = [line.split("|") for line in acknowledgement if line.startswith("MSA")]
    return found[1], found[2]


def test_a_port_that_is_taken_is_tried_again(
    portal: Portal, sender: Laboratory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a restart, while the one before still goes: HL7 v2 was never listened for again, and all else went on."""
    monkeypatch.setattr(workers, "LISTEN_AGAIN_SECONDS", 0.05)
    stop = Signal()
    with closing(socket.create_server(("127.0.0.1", 0))) as taken, capture_logs() as logs:
        port = taken.getsockname()[1]
        thread = Thread(target=workers.listen, args=(portal.opened, "127.0.0.1", port, stop))
        thread.start()
        give_up = monotonic() + 10
        while not any(one["event"] == "mllp.not-listening" for one in logs):
            assert thread.is_alive() and monotonic() < give_up
            sleep(0.01)
    try:
        while True:
            try:
                (answer,) = sent(port, message("1"))
                break
            except ConnectionRefusedError:
                assert monotonic() < give_up
                sleep(0.01)
        assert code_of(answer) == ("AA", "M1")
    finally:
        stop.set()
        thread.join(10)


def test_a_report_that_is_acknowledged_is_in_the_cabinet(
    portal: Portal, sender: Laboratory, port: int
) -> None:
    anna = settled(portal.opened, ANNA, sender.laboratory_id)
    (answer,) = sent(port, message("1"))
    assert code_of(answer) == ("AA", "M1")
    assert answer[0].split("|")[2:6] == ["LETOPIS", "REGION", APPLICATION, FACILITY]
    portal.catch_up()
    (report,) = cabinet.reports_of(portal.opened.ledger, anna)
    assert report.summary is not None and report.summary.observations == 1
    (received,) = portal.events(ReportReceived)
    (observation,) = received.event.content.observations
    assert observation.value.quantity.value == "72.50"


def test_a_client_that_is_not_ours_is_understood(portal: Portal, sender: Laboratory, port: int) -> None:
    with MLLPClient("127.0.0.1", port) as client:
        answer = client.send_message(message("1"))
    assert b"MSA|AA|M1" in answer
    assert len(portal.events(SubmissionAccepted)) == 1


def test_a_message_sent_twice_is_recorded_once_and_acknowledged_twice(
    portal: Portal, sender: Laboratory, port: int
) -> None:
    answers = sent(port, message("1"), message("1"))
    assert [code_of(answer)[0] for answer in answers] == ["AA", "AA"]
    assert len(portal.events(ReportReceived)) == 1


def test_a_correction_under_the_same_number_is_a_further_version(
    portal: Portal, sender: Laboratory, port: int
) -> None:
    corrected = message("1", control_id="M2", value="90.1").replace(b"|||F\r", b"|||C\r")
    assert [code_of(answer)[0] for answer in sent(port, message("1"), corrected)] == ["AA", "AA"]
    assert len(portal.events(ReportRevised)) == 1


def test_a_system_that_counts_anew_loses_no_result(portal: Portal, sender: Laboratory, port: int) -> None:
    answers = sent(port, message("1"), message("2", control_id="M1"), message("1", value="90.1"))
    assert [code_of(answer) for answer in answers] == [("AA", "M1")] * 3
    assert len(portal.events(ReportReceived)) == 2 and len(portal.events(ReportRevised)) == 1


def test_a_message_that_cannot_be_read_is_kept_and_the_answer_names_the_place(
    portal: Portal, sender: Laboratory, port: int
) -> None:
    no_order = b"\r".join(line for line in message("1").split(b"\r") if not line.startswith(b"OBR"))
    (answer,) = sent(port, no_order)
    assert code_of(answer)[0] == "AE"
    error = answer[-1].split("|")
    assert error[0] == "ERR" and error[2].startswith("OBX^1") and error[4] == "E"
    (kept,) = portal.events(SubmissionQuarantined)
    assert kept.event.code == "segment-order"
    shown = letopis(portal.opened, "quarantine", "show", str(kept.stream_id))
    assert shown.stdout.encode() == no_order.replace(b"\r", b"\n")  # the pipe is read as text


def test_an_analysers_result_waits_for_its_patient_and_its_control_is_kept_back(
    portal: Portal, sender: Laboratory, port: int
) -> None:
    lines = message("1").replace(b"ORU^R01^ORU_R01", b"OUL^R22^OUL_R22").split(b"\r")
    specimen = b"SPM|1|S1||SER^Serum^HL70487|||||||P^Patient^HL70369"
    result = b"\r".join([lines[0], specimen, *lines[2:]])
    control = result.replace(b"|P^Patient^", b"|Q^Control^").replace(b"|M1|", b"|M2|")
    taken, refused = sent(port, result, control)
    assert code_of(taken) == ("AA", "M1") and taken[0].split("|")[8] == "ACK^R22^ACK"
    assert code_of(refused) == ("AE", "M2") and refused[-1].split("|")[2] == "SPM^1^11"
    (received,) = portal.events(ReportReceived)
    assert received.event.content.subject.identifiers == ()
    (kept,) = portal.events(SubmissionQuarantined)
    assert (kept.event.code, kept.event.field) == ("no-report-in-content", "SPM[1]-11")


def test_an_unknown_sender_is_refused_and_that_it_came_is_recorded(portal: Portal, port: int) -> None:
    (answer,) = sent(port, message("1"))
    assert code_of(answer)[0] == "AR" and "laboratory-unknown" in answer[-1]
    (refused,) = portal.events(SubmissionRefused)
    assert refused.event.size_bytes == len(message("1"))


def test_what_is_no_message_at_all_is_refused(portal: Portal, port: int) -> None:
    (answer,) = sent(port, b"hello")
    assert code_of(answer)[0] == "AR"
    assert [one.event.code for one in portal.events(SubmissionRefused)] == ["content-not-hl7"]


def test_a_message_over_the_limit_is_refused_and_the_conversation_ends(portal: Portal, port: int) -> None:
    with closing(socket.create_connection(("127.0.0.1", port), timeout=60)) as connection:
        answer = exchanged(connection, b"MSH|^~\\&|" + b"x" * 400_000)
        assert code_of(answer)[0] == "AR"
        assert connection.recv(1) == b""
    assert [one.event.code for one in portal.events(SubmissionRefused)] == ["submission-too-large"]


def test_a_message_without_its_end_leaves_nothing(portal: Portal, sender: Laboratory, port: int) -> None:
    before = portal.opened.ledger.last_position()
    with closing(socket.create_connection(("127.0.0.1", port), timeout=60)) as connection:
        connection.sendall(START + message("1"))
    assert sent(port, message("2"))
    assert len(portal.events(ReportReceived)) == 1
    assert portal.opened.ledger.last_position() > before


@pytest.mark.parametrize(
    ("header", "expected"),
    [("|||AL|NE", "CA"), ("|||NE|AL", "AA"), ("|||AL|AL", "CA"), ("|||SU|NE", "CA")],
)
def test_in_enhanced_mode_the_sender_chooses_the_answer(
    portal: Portal, sender: Laboratory, port: int, header: str, expected: str
) -> None:
    (answer,) = sent(port, message("1", header=header))
    assert code_of(answer)[0] == expected


def test_who_wants_no_answer_gets_none(portal: Portal, sender: Laboratory, port: int) -> None:
    with closing(socket.create_connection(("127.0.0.1", port), timeout=60)) as connection:
        connection.sendall(START + message("1", header="|||NE|NE") + END)
        assert code_of(exchanged(connection, message("2"))) == ("AA", "M2")
    assert len(portal.events(ReportReceived)) == 2


def test_while_the_database_is_away_nothing_is_acknowledged(
    portal: Portal, sender: Laboratory, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise OutcomeUnknownError

    with monkeypatch.context() as broken:
        broken.setattr(hl7_intake.intake, "accept", away)
        (answer,) = sent(port, message("1"))
        assert code_of(answer)[0] == "AE" and "not-ready" in answer[-1]
    (answer,) = sent(port, message("1"))
    assert code_of(answer)[0] == "AA"
    assert len(portal.events(ReportReceived)) == 1


def test_the_listener_stops_with_a_sender_on_the_line(opened: Node) -> None:
    with listening(opened) as port:
        connection = socket.create_connection(("127.0.0.1", port), timeout=60)
        assert code_of(exchanged(connection, message("1")))[0] == "AR"
        connection.sendall(START + b"half of a mess")
    with closing(connection), suppress(ConnectionResetError):  # what was sent may lie there unread
        assert connection.recv(1) == b""


# TLS, with client certificates.


@pytest.fixture(scope="module")
def issued(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple[Path, Path]]:
    """Issues certificates that are their own authorities: name -> certificate and key files."""
    folder = tmp_path_factory.mktemp("certificates")

    def issue(name: str) -> tuple[Path, Path]:
        files = folder / f"{name}.pem", folder / f"{name}.key"
        if files[0].exists():
            return files
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        now = datetime.now(UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(key, hashes.SHA256())
        )
        files[0].write_bytes(certificate.public_bytes(Encoding.PEM))
        files[1].write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return files

    return issue


def secured(port: int, server: Path, client: tuple[Path, Path] | None, one: bytes) -> list[str]:
    context = ssl.create_default_context(cafile=str(server))
    if client is not None:
        context.load_cert_chain(*client)
    plain = socket.create_connection(("127.0.0.1", port), timeout=60)
    with closing(context.wrap_socket(plain, server_hostname="localhost")) as connection:
        return exchanged(connection, one)


def test_a_sender_with_a_certificate_is_believed_only_with_it(
    portal: Portal, laboratory: Laboratory, issued: Callable[[str], tuple[Path, Path]], tmp_path: Path
) -> None:
    server, own, other = issued("server"), issued("laboratory"), issued("other")
    authorities = tmp_path / "clients.pem"
    authorities.write_bytes(own[0].read_bytes() + other[0].read_bytes())
    handle = laboratory.sender.handle
    names = ("--application", APPLICATION, "--facility", FACILITY, "--certificate", own[0])
    done = letopis(portal.opened, "lab", "sender", handle, *names)
    assert done.returncode == 0, done.stderr
    with listening(portal.opened, tls=Tls(*server, authorities)) as port:
        for client in (None, other):
            answer = secured(port, server[0], client, message("1"))
            assert code_of(answer)[0] == "AR" and "sender-not-authenticated" in answer[-1]
        assert code_of(secured(port, server[0], own, message("1")))[0] == "AA"
    (accepted,) = portal.events(SubmissionAccepted)
    assert accepted.circumstances.actor == f"laboratory:{laboratory.laboratory_id}"
    der = x509.load_pem_x509_certificate(own[0].read_bytes()).public_bytes(Encoding.DER)
    assert hashlib.sha256(der).hexdigest() in done.stdout


def test_a_sender_without_tls_cannot_speak_for_a_certificate(
    portal: Portal, sender: Laboratory, port: int
) -> None:
    pinned = LaboratorySenderAdded(application=APPLICATION, facility=FACILITY, certificate_sha256="a5" * 32)
    onboarding.add_laboratory_sender(portal.opened.ledger, sender.sender.handle, pinned, OPERATOR)
    (answer,) = sent(port, message("1"))
    assert code_of(answer)[0] == "AR" and "sender-not-authenticated" in answer[-1]


def test_a_revoked_sender_is_unknown_and_its_names_are_free_again(
    portal: Portal, sender: Laboratory, port: int
) -> None:
    names = ("--application", APPLICATION, "--facility", FACILITY)
    handle = sender.sender.handle
    assert letopis(portal.opened, "lab", "revoke-sender", handle, *names).returncode == 0
    (answer,) = sent(port, message("1"))
    assert code_of(answer)[0] == "AR"
    assert letopis(portal.opened, "lab", "revoke-sender", handle, *names).returncode == 1
    assert letopis(portal.opened, "lab", "sender", handle, *names).returncode == 0
    (answer,) = sent(port, message("1"))
    assert code_of(answer)[0] == "AA"
