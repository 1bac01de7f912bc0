"""What laboratories send is recorded and shown, or answered with a reason; whatever it is, it leaves a trace."""

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx2
import psycopg
import pytest

from api import laboratories
from api.envelope_keys import generate_key
from api.intake import submit
from api.problems import MEDIA_TYPE
from domain.consent import OF_CABINET, ConsentKind
from domain.report import ReportMatched, ReportReceived, ReportRevised
from domain.submission import SubmissionQuarantined, SubmissionReceived, SubmissionRefused
from domain.values import PatientId
from ledger import onboarding
from projections import cabinet
from tests.api.cast import (
    ANNA,
    BORIS,
    ENP_SYSTEM,
    SNILS_SYSTEM,
    Laboratory,
    Portal,
    bundle,
    grant,
    settled,
    whole,
)
from tests.api.command import letopis
from tests.api.conftest import SUBMISSION_LIMIT


def problem_of(answer: httpx2.Response, status: int, code: str) -> dict[str, Any]:
    """The problem document of an answer, after seeing that it says all that it must."""
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["content-type"] == MEDIA_TYPE
    return whole(answer.json())


def reports_of(portal: Portal, patient_id: PatientId) -> list[cabinet.ReportRow]:
    portal.catch_up()
    return cabinet.reports_of(portal.opened.ledger, patient_id)


# Accepted.


def test_an_accepted_bundle_is_recorded_and_is_in_the_cabinet(portal: Portal, laboratory: Laboratory) -> None:
    anna = settled(portal.opened, ANNA, laboratory.laboratory_id)
    answer = portal.submit(laboratory.seal(bundle("1")))
    assert answer.status_code == 201 and answer.headers["content-type"] == "application/json"
    (report,) = answer.json()["reports"]
    assert (report["version"], report["outcome"], report["held"]) == (1, "recorded", None)
    (row,) = reports_of(portal, anna)
    assert row.report_id == UUID(report["id"]) and row.is_new
    assert row.summary is not None and row.summary.title == "Креатинин в сыворотке"


def test_a_submission_for_a_patient_who_is_known_asks_the_database_four_times(
    portal: Portal, laboratory: Laboratory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each time costs as much as sealing the whole report: whose it is, what is known, storing, its number."""
    settled(portal.opened, ANNA, laboratory.laboratory_id)
    submit(portal.opened, laboratory.seal(bundle("1")))
    asked: list[str] = []
    execute = psycopg.Cursor.execute

    def counted(cursor: Any, query: Any, *rest: Any, **options: Any) -> Any:
        asked.append(str(query))
        return execute(cursor, query, *rest, **options)

    monkeypatch.setattr(psycopg.Cursor, "execute", counted)
    assert submit(portal.opened, laboratory.seal(bundle("2"))).outcome == "recorded"
    assert len([query for query in asked if query]) == 4, asked


def test_the_digits_of_a_value_stay_as_they_were_sent(portal: Portal, laboratory: Laboratory) -> None:
    answer = portal.submit(laboratory.seal(bundle("1", value="72.50")))
    run = letopis(portal.opened, "report", answer.json()["reports"][0]["id"], "--json")
    assert run.returncode == 0, run.stderr
    (observation,) = json.loads(run.stdout)["observations"]
    assert (observation["value"], observation["low"], observation["high"]) == ("72.50", "44.00", "80.0")


def test_a_repeat_of_an_envelope_gets_the_same_bytes_and_records_nothing(
    portal: Portal, laboratory: Laboratory
) -> None:
    envelope = laboratory.seal(bundle("1"))
    first = portal.submit(envelope)
    last = portal.opened.ledger.last_position()
    again = portal.submit(envelope)
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert portal.opened.ledger.last_position() == last


def test_a_repeat_of_a_quarantined_envelope_gets_the_same_bytes_too(
    portal: Portal, laboratory: Laboratory
) -> None:
    envelope = laboratory.seal(b"not json")
    first = portal.submit(envelope)
    again = portal.submit(envelope)
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert len(portal.events(SubmissionQuarantined)) == 1


# Refused: nothing of it is kept, the attempt is recorded.

REFUSED: dict[str, tuple[int, str | None, Callable[[Laboratory], bytes]]] = {
    "laboratory-unknown": (403, "jws.iss", lambda lab: lab.seal(bundle("1"), issuer="nobody")),
    "laboratory-key-unknown": (403, "jws.kid", lambda lab: _signed_by_a_stranger(lab)),
    "signature-invalid": (403, "jws.signature", lambda lab: _signed_with_another_key(lab)),
    "audience-wrong": (403, "jws.aud", lambda lab: lab.seal(bundle("1"), audience="https://other.example")),
    "envelope-too-old": (400, "jws.iat", lambda lab: lab.seal(bundle("1"), issued_at=_moved(-11))),
    "envelope-from-future": (400, "jws.iat", lambda lab: lab.seal(bundle("1"), issued_at=_moved(11))),
    "envelope-not-for-us": (400, "jwe.kid", lambda lab: _sealed_to_another(lab)),
    "envelope-malformed": (400, "jwe", lambda lab: b"no envelope at all"),
    "envelope-not-decryptable": (400, "jwe", lambda lab: _damaged(lab.seal(bundle("1")))),
    "submission-too-large": (413, "content", lambda lab: lab.seal(b" " * (SUBMISSION_LIMIT + 1))),
}


def _moved(minutes: int) -> datetime:
    return datetime.now(UTC) + timedelta(minutes=minutes)


def _signed_by_a_stranger(lab: Laboratory) -> bytes:
    key = laboratories.stranger(lab.sender.handle).key
    return lab.seal(bundle("1"), signing_key=key, key_id=key.thumbprint())


def _signed_with_another_key(lab: Laboratory) -> bytes:
    return lab.seal(bundle("1"), signing_key=generate_key("Ed25519"))


def _sealed_to_another(lab: Laboratory) -> bytes:
    return lab.seal(bundle("1"), recipient_key=generate_key("X25519"))


def _damaged(envelope: bytes) -> bytes:
    """Another first character of the ciphertext: still canonical, but not what was encrypted."""
    parts = envelope.split(b".")
    parts[3] = (b"B" if parts[3][:1] == b"A" else b"A") + parts[3][1:]
    return b".".join(parts)


@pytest.mark.parametrize("code", REFUSED)
def test_what_cannot_be_tied_to_a_laboratory_is_refused_with_a_reason_and_leaves_one_event(
    portal: Portal, laboratory: Laboratory, code: str
) -> None:
    status, field, make = REFUSED[code]
    last = portal.opened.ledger.last_position()
    answer = portal.submit(make(laboratory))
    assert problem_of(answer, status, code)["field"] == field
    (recorded,) = portal.opened.ledger.read_all(after=last)
    assert isinstance(recorded.event, SubmissionRefused) and recorded.event.code == code
    assert str(recorded.stream_id) == answer.json()["submission_id"]


def test_a_revoked_key_is_refused_and_the_new_one_is_taken(portal: Portal, laboratory: Laboratory) -> None:
    handle, old = laboratory.sender.handle, laboratory.sender.key
    new = generate_key("Ed25519")
    onboarding.add_laboratory_key(
        portal.opened.ledger,
        handle,
        key_id=new.thumbprint(),
        public_key=str(new.as_dict(private=False)["x"]),
        by=laboratories.OPERATOR,
    )
    assert portal.submit(laboratory.seal(bundle("1"))).status_code == 201
    onboarding.revoke_laboratory_key(
        portal.opened.ledger, handle, key_id=old.thumbprint(), reason="rotated", by=laboratories.OPERATOR
    )
    problem_of(portal.submit(laboratory.seal(bundle("2"))), 403, "laboratory-key-unknown")
    renewed = laboratory.seal(bundle("2"), signing_key=new, key_id=new.thumbprint())
    assert portal.submit(renewed).status_code == 201
    assert len(portal.events(SubmissionRefused)) == 1


def test_an_envelope_id_that_comes_back_with_other_content_is_refused(
    portal: Portal, laboratory: Laboratory
) -> None:
    assert portal.submit(laboratory.seal(bundle("1"), envelope_id="order-1")).status_code == 201
    answer = portal.submit(laboratory.seal(bundle("2"), envelope_id="order-1"))
    assert problem_of(answer, 409, "envelope-replayed")["field"] == "jws.jti"
    assert len(portal.events(SubmissionRefused)) == 1 and len(portal.events(ReportReceived)) == 1


@pytest.mark.parametrize("is_chunked", [False, True], ids=["with a length", "chunked"])
def test_a_body_beyond_every_limit_is_not_read_to_its_end(
    portal: Portal, laboratory: Laboratory, is_chunked: bool
) -> None:
    answer = _flooded(portal, is_chunked=is_chunked)
    problem_of(answer, 413, "submission-too-large")


def test_a_body_beyond_every_limit_leaves_one_event(portal: Portal, laboratory: Laboratory) -> None:
    _flooded(portal, is_chunked=True)
    assert len(portal.events(SubmissionRefused)) == 1


def _flooded(portal: Portal, *, is_chunked: bool) -> httpx2.Response:
    size = 2 * SUBMISSION_LIMIT + 70_000
    content: Any = (b"x" * 10_000 for _ in range(size // 10_000 + 1)) if is_chunked else b"x" * size
    return portal.machine.post("/v1/submissions", content=content)


# Quarantined: kept with the reason.

QUARANTINED: dict[str, tuple[str, str | None, bytes]] = {
    "text": ("content-not-json", None, b"the creatinine is 72.50"),
    "bytes that are not UTF-8": ("content-not-json", None, b'{"resourceType": "\xff"}'),
    "nothing": ("content-not-json", None, b""),
    "a list": ("content-not-fhir", "resourceType", b"[]"),
    "a patient alone": ("no-report-in-content", "resourceType", b'{"resourceType": "Patient"}'),
    "an empty bundle": (
        "no-report-in-content",
        "Bundle.entry",
        b'{"resourceType": "Bundle", "type": "collection"}',
    ),
    "a status of no meaning": ("value-not-allowed", None, bundle("1", status="ready")),
}


@pytest.mark.parametrize("name", QUARANTINED)
def test_content_that_cannot_be_used_is_kept_with_the_reason_and_leaves_one_event(
    portal: Portal, laboratory: Laboratory, name: str
) -> None:
    code, field, content = QUARANTINED[name]
    answer = portal.submit(laboratory.seal(content))
    problem = problem_of(answer, 422, code)
    assert field is None or problem["field"] == field
    (received,) = portal.events(SubmissionReceived)
    (quarantined,) = portal.events(SubmissionQuarantined)
    assert quarantined.event == SubmissionQuarantined(code=code, field=problem["field"])
    assert content in _kept(portal, received.event)
    assert not portal.events(SubmissionRefused, ReportReceived)


def _kept(portal: Portal, received: SubmissionReceived) -> bytes:
    """The content of the laboratory's own JWS, which lies sealed beside the event."""
    compact = portal.opened.ledger.read_document(received.document.document_id)
    payload = compact.split(b".")[1]
    return base64.urlsafe_b64decode(payload + b"=" * (-len(payload) % 4))


def test_a_wrong_status_is_named_by_its_place(portal: Portal, laboratory: Laboratory) -> None:
    answer = portal.submit(laboratory.seal(bundle("1", status="ready")))
    assert problem_of(answer, 422, "value-not-allowed")["field"].endswith("status")
    assert "ready" not in answer.text


def test_a_format_that_nobody_reads_is_kept_in_quarantine(portal: Portal, laboratory: Laboratory) -> None:
    answer = portal.submit(laboratory.seal(b"{}", content_type="application/vnd.nobody+json"))
    assert problem_of(answer, 422, "content-type-unknown")["field"] == "jws.cty"
    assert len(portal.events(SubmissionQuarantined)) == 1


def test_a_further_version_about_somebody_else_is_kept_in_quarantine(
    portal: Portal, laboratory: Laboratory
) -> None:
    anna = settled(portal.opened, ANNA, laboratory.laboratory_id)
    boris = settled(portal.opened, BORIS, laboratory.laboratory_id)
    assert portal.submit(laboratory.seal(bundle("1", ANNA))).status_code == 201
    answer = portal.submit(laboratory.seal(bundle("1", BORIS, value="90.0", status="corrected")))
    assert problem_of(answer, 422, "subject-differs")["field"] == "subject.identifier"
    assert len(portal.events(SubmissionQuarantined)) == 1 and not portal.events(ReportRevised)
    assert len(reports_of(portal, anna)) == 1 and not reports_of(portal, boris)


# Held: recorded, and waits for its patient.


def held_of(answer: httpx2.Response) -> str:
    assert answer.status_code == 201, answer.text
    (report,) = answer.json()["reports"]
    return str(whole(report["held"])["code"])


def test_a_report_of_nobody_known_is_recorded_and_waits(portal: Portal, laboratory: Laboratory) -> None:
    assert held_of(portal.submit(laboratory.seal(bundle("1")))) == "patient-unknown"
    assert len(portal.events(ReportReceived)) == 1
    assert not portal.events(ReportMatched, SubmissionRefused, SubmissionQuarantined)


def test_a_number_with_a_wrong_check_digit_recognises_nobody(portal: Portal, laboratory: Laboratory) -> None:
    settled(portal.opened, ANNA, laboratory.laboratory_id)
    wrong = ANNA.enp[:-1] + str((int(ANNA.enp[-1]) + 1) % 10)
    answer = portal.submit(laboratory.seal(bundle("1", identifiers=[(ENP_SYSTEM, wrong)])))
    assert held_of(answer) == "check-digit-failed"
    assert not portal.events(ReportMatched)


def test_numbers_of_two_patients_recognise_neither(portal: Portal, laboratory: Laboratory) -> None:
    for person in (ANNA, BORIS):
        settled(portal.opened, person, laboratory.laboratory_id)
    numbers = [(ENP_SYSTEM, ANNA.enp), (SNILS_SYSTEM, BORIS.snils)]
    answer = portal.submit(laboratory.seal(bundle("1", identifiers=numbers)))
    assert held_of(answer) == "patient-ambiguous"
    portal.notify()
    assert not portal.events(ReportMatched)


def test_an_organisation_that_is_not_linked_waits(portal: Portal, laboratory: Laboratory) -> None:
    settled(portal.opened, ANNA, None)
    assert held_of(portal.submit(laboratory.seal(bundle("1")))) == "organisation-not-linked"


@pytest.mark.parametrize(
    ("missing", "code"),
    [
        (ConsentKind.PERSONAL_DATA, "consent-missing"),
        (ConsentKind.RESULTS_TRANSFER, "transfer-consent-missing"),
    ],
)
def test_without_either_consent_the_report_waits(
    portal: Portal, laboratory: Laboratory, missing: ConsentKind, code: str
) -> None:
    others = [kind for kind in OF_CABINET if kind is not missing]
    anna = settled(portal.opened, ANNA, laboratory.laboratory_id, others)
    assert held_of(portal.submit(laboratory.seal(bundle("1")))) == code
    assert not reports_of(portal, anna)


def test_a_held_report_appears_once_nothing_keeps_it_back_any_more(
    portal: Portal, laboratory: Laboratory
) -> None:
    portal.submit(laboratory.seal(bundle("1")))
    portal.notify()
    anna = settled(portal.opened, ANNA, laboratory.laboratory_id, [ConsentKind.PERSONAL_DATA])
    portal.notify()
    assert not reports_of(portal, anna), "the consent to the transfer is not given yet"
    grant(portal.opened, anna, ConsentKind.RESULTS_TRANSFER)
    portal.notify()
    (row,) = reports_of(portal, anna)
    assert row.is_new and len(portal.events(ReportMatched)) == 1
    portal.notify()
    assert len(portal.events(ReportMatched)) == 1
