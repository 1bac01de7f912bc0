"""Content without an envelope, over real HTTP: who is believed, what is kept, and how each sender is answered."""

import base64
import json
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import HealthCheck, given
from hypothesis import settings as settings_of_chance
from hypothesis import strategies as st
from lxml import etree

from api import arrivals, laboratories, messages
from api.fhir.xml import xml_to_json_value
from api.laboratories import OPERATOR
from domain.laboratory import LaboratoryRegistered
from domain.report import ReportReceived
from domain.submission import SubmissionAccepted, SubmissionQuarantined, SubmissionReceived, SubmissionRefused
from ledger import onboarding
from ledger.recorder import OutcomeUnknownError
from projections import cabinet
from tests.api.cast import ANNA, Laboratory, Portal, bundle, settled, whole
from tests.api.command import letopis
from tests.api.conftest import SUBMISSION_LIMIT
from tests.api.signed_messages import COMPONENTS, FHIR, Signing, issue_of, outcome_code, private_key
from tests.api.test_mllp import code_of as mllp_code
from tests.api.test_mllp import listening, sender, sent
from tests.api.test_mllp import message as hl7_message

__all__ = ["sender"]

HL7 = "application/hl7-v2"
Lines = Mapping[str, str] | list[tuple[str, str]]


def post(portal: Portal, content: bytes, headers: Lines, **more: Any) -> httpx2.Response:
    return portal.machine.post("/v1/messages", content=content, headers=headers, **more)


def send(portal: Portal, signing: Signing, content: bytes, **more: str) -> httpx2.Response:
    return post(portal, content, signing.headers(content) | {k.replace("_", "-"): v for k, v in more.items()})


# Believed.


def test_a_signed_message_is_recorded_and_is_in_the_cabinet(portal: Portal, laboratory: Laboratory) -> None:
    anna = settled(portal.opened, ANNA, laboratory.laboratory_id)
    answer = send(portal, Signing(laboratory), bundle("1"))
    assert outcome_code(answer) == (201, "recorded")
    portal.catch_up()
    (row,) = cabinet.reports_of(portal.opened.ledger, anna)
    (extension,) = issue_of(answer)["extension"]
    assert extension["valueUuid"] == f"urn:uuid:{row.report_id}"
    (received,) = portal.events(SubmissionReceived)
    assert received.event.key_id == laboratory.sender.key.thumbprint()
    assert received.event.content_type == FHIR
    assert str(received.stream_id) == answer.json()["id"] == answer.headers["letopis-submission"]


def test_what_is_kept_proves_the_sender_without_us(portal: Portal, laboratory: Laboratory) -> None:
    content = bundle("1") + b"\n\n"
    send(portal, Signing(laboratory), content)
    (received,) = portal.events(SubmissionReceived)
    kept = portal.opened.ledger.read_document(received.event.document.document_id)
    head, _, found = kept.partition(b"\n\n")
    first, *base, proof = head.split(b"\n")
    assert first == b"letopis/message@v1" and found == content
    name, _, signature = proof.partition(b": ")
    assert name == b"signature"
    private_key(laboratory).public_key().verify(base64.b64decode(signature), b"\n".join(base))
    assert [line.split(b": ")[0].decode().strip('"') for line in base] == [*COMPONENTS, "@signature-params"]


def test_the_same_again_is_answered_with_the_same_bytes_whoever_signs_it_anew(
    portal: Portal, laboratory: Laboratory
) -> None:
    content = bundle("1")
    headers = Signing(laboratory).headers(content)
    first = post(portal, content, headers)
    last = portal.opened.ledger.last_position()
    signed_anew = Signing(laboratory, created=datetime.now(UTC) - timedelta(seconds=9)).headers(content)
    for again in (headers, signed_anew):
        answer = post(portal, content, again)
        assert (answer.status_code, answer.content) == (first.status_code, first.content)
        assert answer.headers.get("letopis-receipt") == first.headers.get("letopis-receipt")
    assert portal.opened.ledger.last_position() == last
    assert first.headers.get("letopis-receipt")


def test_an_idempotency_key_belongs_to_one_content_for_ever(portal: Portal, laboratory: Laboratory) -> None:
    assert send(portal, Signing(laboratory), bundle("1")).status_code == 201
    answer = send(portal, Signing(laboratory), bundle("2"))
    assert outcome_code(answer) == (409, "envelope-replayed")
    assert issue_of(answer)["location"] == ["idempotency-key"]
    assert len(portal.events(ReportReceived)) == 1


def test_an_idempotency_key_is_the_jti_of_an_envelope(portal: Portal, laboratory: Laboratory) -> None:
    first = portal.submit(laboratory.seal(bundle("1"), envelope_id="order-1"))
    answer = send(portal, Signing(laboratory), bundle("1"), accept="application/json")
    assert (answer.status_code, answer.content) == (201, first.content)


# Refused: nothing of it is kept, the attempt is recorded.

REFUSED: dict[str, tuple[int, str, Callable[[Laboratory], Signing]]] = {
    "laboratory-unknown": (403, "letopis-laboratory", lambda lab: Signing(lab, handle="nobody")),
    "laboratory-key-unknown": (
        403,
        "signature-input.keyid",
        lambda lab: Signing(lab, parameters={"keyid": "x"}),
    ),
    "signature-invalid": (
        403,
        "signature",
        lambda lab: Signing(lab, signing_key=Ed25519PrivateKey.generate()),
    ),
    "envelope-too-old": (400, "signature-input", lambda lab: Signing(lab, created=_moved(-11))),
    "envelope-from-future": (400, "signature-input", lambda lab: Signing(lab, created=_moved(11))),
    "signature-malformed": (
        400,
        "signature-input.alg",
        lambda lab: Signing(lab, parameters={"alg": "hmac-sha256"}),
    ),
    "signature-covers-too-little": (
        400,
        "content-digest",
        lambda lab: Signing(lab, components=[name for name in COMPONENTS if name != "content-digest"]),
    ),
    "message-header-invalid": (400, "idempotency-key", lambda lab: Signing(lab, key=None)),
}


def _moved(minutes: int) -> datetime:
    return datetime.now(UTC) + timedelta(minutes=minutes)


@pytest.mark.parametrize("code", REFUSED)
def test_what_is_not_proven_is_refused_with_a_reason_and_leaves_one_event(
    portal: Portal, laboratory: Laboratory, code: str
) -> None:
    status, place, make = REFUSED[code]
    last = portal.opened.ledger.last_position()
    answer = send(portal, make(laboratory), bundle("1"))
    assert outcome_code(answer) == (status, code)
    assert issue_of(answer)["location"] == [place]
    (recorded,) = portal.opened.ledger.read_all(after=last)
    assert isinstance(recorded.event, SubmissionRefused) and recorded.event.code == code
    assert recorded.event.size_bytes == len(bundle("1"))
    assert str(recorded.stream_id) == answer.json()["id"]


def test_each_header_that_is_signed_is_held_to_it(portal: Portal, laboratory: Laboratory) -> None:
    content = bundle("1")
    other = base64.b64encode(bytes(32)).decode()
    for name, value in {
        "content-type": "application/fhir+json;x=1",
        "idempotency-key": "order-2",
        "content-digest": f"sha-256=:{other}:",
    }.items():
        answer = post(portal, content, Signing(laboratory).headers(content) | {name: value})
        assert outcome_code(answer) == (403, "signature-invalid"), name
    signed_elsewhere = Signing(laboratory, url="https://other.example/v1/messages")
    assert outcome_code(send(portal, signed_elsewhere, content)) == (403, "signature-invalid")
    answer = post(portal, content, Signing(laboratory).headers(content), params={"test": "1"})
    assert outcome_code(answer) == (403, "signature-invalid")
    answer = post(portal, bundle("2"), Signing(laboratory).headers(content))
    assert outcome_code(answer) == (400, "digest-mismatch")
    weak = send(portal, Signing(laboratory, algorithm="md5"), content)
    assert outcome_code(weak) == (400, "digest-mismatch")
    assert not portal.events(SubmissionReceived)


def test_the_digest_may_be_of_sha_512(portal: Portal, laboratory: Laboratory) -> None:
    assert send(portal, Signing(laboratory, algorithm="sha-512"), bundle("1")).status_code == 201


def test_an_idempotency_key_that_is_there_is_covered_for_hl7_too(
    portal: Portal, laboratory: Laboratory
) -> None:
    uncovered = [name for name in COMPONENTS if name != "idempotency-key"]
    signing = Signing(laboratory, content_type=HL7, components=uncovered)
    answer = send(portal, signing, hl7_message("1"))
    assert (answer.status_code, acknowledged(answer)["ERR"][8]) == (400, "signature-covers-too-little")


def test_the_name_and_the_key_must_be_of_one_laboratory(portal: Portal, laboratory: Laboratory) -> None:
    other = LaboratoryRegistered(handle="gemotest", name="Гемотест", inn="7707083893", ogrn="1027700132195")
    laboratories.add(portal.opened.ledger, portal.opened.settings.home, other)
    answer = send(portal, Signing(laboratory, handle="gemotest"), bundle("1"))
    assert outcome_code(answer) == (403, "laboratory-key-unknown")


def test_a_revoked_key_is_refused(portal: Portal, laboratory: Laboratory) -> None:
    assert send(portal, Signing(laboratory), bundle("1")).status_code == 201
    onboarding.revoke_laboratory_key(
        portal.opened.ledger,
        laboratory.sender.handle,
        key_id=laboratory.sender.key.thumbprint(),
        reason="lost",
        by=OPERATOR,
    )
    assert outcome_code(send(portal, Signing(laboratory, key="2"), bundle("2"))) == (
        403,
        "laboratory-key-unknown",
    )


def test_without_any_proof_nothing_is_believed(portal: Portal, laboratory: Laboratory) -> None:
    answer = post(portal, bundle("1"), {"content-type": FHIR, "idempotency-key": "1"})
    assert outcome_code(answer) == (403, "sender-not-proven")
    half = Signing(laboratory).headers(bundle("1"))
    del half["signature"]
    assert outcome_code(post(portal, bundle("1"), half)) == (400, "signature-malformed")


def test_a_header_that_stands_twice_is_refused(portal: Portal, laboratory: Laboratory) -> None:
    content = bundle("1")
    for name in ("content-type", "idempotency-key", "signature", "letopis-laboratory"):
        headers = Signing(laboratory).headers(content)
        twice = [*headers.items(), (name, headers[name])]
        answer = post(portal, content, twice)
        assert answer.status_code in (400, 403), name
    compressed = Signing(laboratory).headers(content) | {"content-encoding": "gzip"}
    assert outcome_code(post(portal, content, compressed)) == (400, "message-header-invalid")
    assert not portal.events(SubmissionReceived)


def test_a_body_over_the_limit_is_not_read_to_its_end_and_leaves_one_event(
    portal: Portal, laboratory: Laboratory
) -> None:
    parts: Any = (b"x" * 10_000 for _ in range(SUBMISSION_LIMIT // 10_000 + 1))
    answer = post(portal, parts, {"content-type": "application/pdf"})
    assert (answer.status_code, whole(answer.json())["code"]) == (413, "submission-too-large")
    assert len(portal.events(SubmissionRefused)) == 1


# Bodies that are slow, or broken off, and headers of chance.


@contextmanager
def begun(portal: Portal, path: str) -> Iterator[socket.socket]:
    """A request of which half the body is sent."""
    address = ("127.0.0.1", portal.opened.settings.port)
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: {FHIR}\r\nContent-Length: 100\r\n\r\n"
    with closing(socket.create_connection(address, timeout=60)) as connection:
        connection.sendall(head.encode() + b"x" * 50)
        yield connection


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/submissions"])
def test_a_body_that_takes_too_long_is_not_waited_for(
    portal: Portal, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setattr(arrivals, "BODY_SECONDS", 0.3)
    with begun(portal, path) as connection:
        assert connection.recv(65536).startswith(b"HTTP/1.1 408 ")
    assert [one.event.code for one in portal.events(SubmissionRefused)] == ["submission-too-slow"]


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/submissions"])
def test_a_body_that_is_broken_off_leaves_nothing(portal: Portal, laboratory: Laboratory, path: str) -> None:
    for _ in range(3):
        with begun(portal, path):
            pass
    assert send(portal, Signing(laboratory), bundle("1")).status_code == 201
    assert not portal.events(SubmissionRefused)


HEADERS = ("signature-input", "signature", "content-digest", "idempotency-key", "letopis-laboratory")
PIECES = st.sampled_from(
    [
        "sig1",
        "=",
        "(",
        ")",
        '"@method"',
        '"',
        ";",
        ":",
        ",",
        "AAAA",
        "created",
        "1",
        "-",
        "?1",
        " ",
        "@",
        "\\",
        "é",
    ]
)


@settings_of_chance(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_headers_of_chance_are_refused_with_a_reason(
    portal: Portal, laboratory: Laboratory, data: st.DataObject
) -> None:
    content = bundle("1")
    headers: dict[str, Any] = dict(Signing(laboratory).headers(content))
    name = data.draw(st.sampled_from(HEADERS))
    pieces = data.draw(st.lists(PIECES, max_size=12))
    whole_value = data.draw(st.booleans())
    value = "".join(pieces).strip() if whole_value else headers[name] + "".join(pieces).rstrip()
    changed = value.encode("latin-1") != headers[name].encode()
    headers[name] = value.encode("latin-1")
    answer = post(portal, content, headers)
    assert (400 <= answer.status_code < 500) if changed else answer.status_code == 201, value
    assert answer.json()["resourceType"] == "OperationOutcome"


# HL7 v2.


def acknowledged(answer: httpx2.Response) -> dict[str, list[str]]:
    assert answer.headers["content-type"] == HL7, answer.text
    return {line.split("|")[0]: line.split("|") for line in answer.text.strip("\r").split("\r")}


def hl7(laboratory: Laboratory, **changed: Any) -> Signing:
    return Signing(laboratory, content_type=HL7, key=None, **changed)


def test_hl7_is_acknowledged_and_known_again_by_its_own_number(
    portal: Portal, laboratory: Laboratory
) -> None:
    content = hl7_message("1")
    first = send(portal, hl7(laboratory), content)
    segments = acknowledged(first)
    assert (first.status_code, segments["MSA"][1:3]) == (201, ["AA", "M1"])
    assert segments["MSH"][2:6] == ["LETOPIS", "REGION", "LIS", "LAB"]
    again = send(portal, hl7(laboratory, created=_moved(-1)), content)
    assert (again.status_code, again.content) == (201, first.content)
    assert len(portal.events(ReportReceived)) == 1
    # As with MLLP a system that counts anew loses nothing.
    assert send(portal, hl7(laboratory), hl7_message("2", control_id="M1")).status_code == 201
    assert len(portal.events(ReportReceived)) == 2


def test_the_same_message_by_mllp_and_by_http_is_one_submission(
    portal: Portal, laboratory: Laboratory, sender: Laboratory
) -> None:
    with listening(portal.opened) as port:
        assert mllp_code(sent(port, hl7_message("1"))[0]) == ("AA", "M1")
    answer = send(portal, hl7(laboratory), hl7_message("1"))
    assert (answer.status_code, acknowledged(answer)["MSA"][1]) == (201, "AA")
    (received,) = portal.events(SubmissionReceived)
    assert answer.headers["letopis-submission"] == str(received.stream_id)


def test_hl7_that_cannot_be_read_is_kept_and_the_acknowledgement_names_the_place(
    portal: Portal, laboratory: Laboratory
) -> None:
    no_order = b"\r".join(line for line in hl7_message("1").split(b"\r") if not line.startswith(b"OBR"))
    answer = send(portal, hl7(laboratory), no_order)
    segments = acknowledged(answer)
    assert (answer.status_code, segments["MSA"][1]) == (422, "AE")
    assert segments["ERR"][2].startswith("OBX^1") and segments["ERR"][8] == "segment-order"
    assert send(portal, hl7(laboratory), no_order).content == answer.content


def test_hl7_from_a_stranger_is_rejected_in_hl7(portal: Portal, laboratory: Laboratory) -> None:
    answer = send(portal, hl7(laboratory, handle="nobody"), hl7_message("1"))
    segments = acknowledged(answer)
    assert (answer.status_code, segments["MSA"][1:3]) == (403, ["AR", "M1"])
    assert segments["ERR"][8] == "laboratory-unknown"


def test_what_says_that_it_is_hl7_and_is_not_needs_a_key(portal: Portal, laboratory: Laboratory) -> None:
    answer = send(portal, hl7(laboratory), b"hello")
    assert (answer.status_code, acknowledged(answer)["ERR"][8]) == (400, "message-header-invalid")
    kept = send(portal, replace(hl7(laboratory), key="order-1"), b"hello")
    assert (kept.status_code, acknowledged(kept)["ERR"][8]) == (422, "content-not-hl7")
    assert [one.event.code for one in portal.events(SubmissionQuarantined)] == ["content-not-hl7"]


# The form of the answer.


def test_the_sender_may_ask_for_another_form(portal: Portal, laboratory: Laboratory) -> None:
    content = bundle("1")
    forms = {}
    for accept in (
        "application/json",
        FHIR,
        "application/fhir+xml",
        "*/*",
        HL7,
        "text/html, application/json;q=0.5",
    ):
        answer = send(portal, Signing(laboratory), content, accept=accept)
        assert answer.status_code == 201 and answer.headers["vary"] == "Accept"
        forms[accept] = answer.headers["content-type"]
        if forms[accept] == "application/fhir+xml":
            found: Any = xml_to_json_value(etree.fromstring(answer.content))
            assert found["resourceType"] == "OperationOutcome"
    assert list(forms.values()) == [
        "application/json",
        FHIR,
        "application/fhir+xml",
        FHIR,
        FHIR,
        "application/json",
    ]


def test_fhir_in_xml_is_answered_in_xml_in_the_order_of_the_specification(
    portal: Portal, laboratory: Laboratory
) -> None:
    signing = Signing(laboratory, content_type="application/fhir+xml")
    answer = send(portal, signing, b'<Patient xmlns="http://hl7.org/fhir"/>')
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/fhir+xml")
    root = etree.fromstring(answer.content)
    fhir = "{http://hl7.org/fhir}"
    assert [child.tag for child in root] == [f"{fhir}id", f"{fhir}language", f"{fhir}issue"]
    issue = root[2]
    order = ["extension", "severity", "code", "details", "diagnostics", "location", "expression"]
    names = [str(child.tag).removeprefix(fhir) for child in issue]
    assert names == sorted(names, key=order.index)
    text = issue.find(f"{fhir}details/{fhir}text")
    assert text is not None and text.get("value")
    inner = text.find(f"{fhir}extension/{fhir}extension[@url='lang']/{fhir}valueCode")
    assert inner is not None and inner.get("value") == "en"


def test_everything_else_is_answered_in_json(portal: Portal, laboratory: Laboratory) -> None:
    answer = send(portal, Signing(laboratory, content_type="application/pdf"), b"%PDF-1.7")
    assert (answer.status_code, whole(answer.json())["code"]) == (422, "content-type-unknown")
    assert answer.json()["field"] == "content-type"
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_report_that_waits_is_a_warning_with_its_reason(portal: Portal, laboratory: Laboratory) -> None:
    answer = send(portal, Signing(laboratory), bundle("1"))
    assert outcome_code(answer) == (201, "patient-unknown")
    assert issue_of(answer)["severity"] == "warning"


def test_an_envelope_is_answered_with_an_outcome_where_that_is_asked_for(
    portal: Portal, laboratory: Laboratory
) -> None:
    def told(envelope: bytes) -> httpx2.Response:
        return portal.machine.post("/v1/submissions", content=envelope, headers={"accept": FHIR})

    answer = told(laboratory.seal(bundle("1")))
    assert outcome_code(answer) == (201, "patient-unknown") and answer.headers["letopis-receipt"]
    assert outcome_code(told(laboratory.seal(b"not json"))) == (422, "content-not-json")
    assert outcome_code(told(b"no envelope")) == (400, "envelope-malformed")


def test_while_the_database_is_away_the_sender_is_told_so_in_its_own_words(
    portal: Portal, laboratory: Laboratory, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise OutcomeUnknownError

    with monkeypatch.context() as broken:
        broken.setattr(messages.intake, "accept", away)
        answer = send(portal, Signing(laboratory), bundle("1"))
        assert outcome_code(answer) == (503, "not-ready") and answer.headers["retry-after"] == "5"
        segments = acknowledged(send(portal, hl7(laboratory), hl7_message("1")))
        assert segments["MSA"][1] == "AE" and segments["ERR"][8] == "not-ready"
    assert send(portal, Signing(laboratory), bundle("1")).status_code == 201


# Quarantine.


def test_what_lies_in_quarantine_is_shown_and_read_again_as_it_came(
    portal: Portal, laboratory: Laboratory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reader is mended between arrival and retry: that is what quarantine is for."""
    settled(portal.opened, ANNA, laboratory.laboratory_id)
    content = bundle("1")
    with monkeypatch.context() as broken:
        broken.setattr(messages, "read", lambda *_, **__: messages.Problem("content-not-fhir", "Bundle"))
        answer = send(portal, Signing(laboratory), content)
    assert outcome_code(answer) == (422, "content-not-fhir")
    submission = answer.json()["id"]
    shown = letopis(portal.opened, "quarantine", "show", submission)
    assert shown.stdout.encode() == content
    done = letopis(portal.opened, "quarantine", "retry", submission, "--json")
    assert json.loads(done.stdout)["outcome"] == "recorded", done.stdout
    assert len(portal.events(SubmissionAccepted)) == 1
    assert outcome_code(send(portal, Signing(laboratory), content))[0] == 201


def test_a_retry_that_changes_nothing_leaves_no_event(portal: Portal, laboratory: Laboratory) -> None:
    answer = send(portal, Signing(laboratory, content_type="a/b"), b"eyJ\n\nletopis/message@v1\n")
    last = portal.opened.ledger.last_position()
    done = letopis(portal.opened, "quarantine", "retry", answer.json()["submission_id"], "--json")
    assert json.loads(done.stdout)["problem"] == "content-type-unknown"
    assert portal.opened.ledger.last_position() == last
