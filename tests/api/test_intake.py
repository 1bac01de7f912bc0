"""What laboratories send is recorded and shown, or answered with a reason; whatever it is, it leaves a trace."""

import base64
import json
import random
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier
from time import sleep
from typing import Any
from uuid import UUID

import httpx2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api import laboratories
from api.envelope_keys import generate_key
from api.problems import MEDIA_TYPE, explain
from domain.consent import ConsentGranted, ConsentKind, ConsentWithdrawn
from domain.report import ReportMatched, ReportReceived, ReportRevised
from domain.submission import SubmissionAccepted, SubmissionQuarantined, SubmissionReceived, SubmissionRefused
from domain.values import PatientId
from ledger import commands
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
    withdraw,
)
from tests.api.command import letopis
from tests.api.conftest import SUBMISSION_LIMIT

OF_ONE_TEST = [HealthCheck.function_scoped_fixture]


def problem_of(answer: httpx2.Response, status: int, code: str) -> dict[str, Any]:
    """The problem document of an answer, after seeing that it says all that it must."""
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["content-type"] == MEDIA_TYPE
    return whole(answer.json())


def whole(problem: dict[str, Any]) -> dict[str, Any]:
    explanation = explain(problem["code"])
    assert problem["type"] == f"urn:letopis:problem:{problem['code']}"
    assert problem["status"] == explanation.status
    assert problem["detail"] == {"ru": explanation.title[0], "en": explanation.title[1]}
    assert problem["advice"] == {"ru": explanation.advice[0], "en": explanation.advice[1]}
    return problem


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


def test_the_same_envelope_by_eight_at_once_is_recorded_once(portal: Portal, laboratory: Laboratory) -> None:
    for number in range(5):
        envelope = laboratory.seal(bundle(f"{number}"))
        answers = at_once([lambda: portal.submit(envelope)] * 8)  # noqa: B023 - awaited in the loop
        assert {answer.status_code for answer in answers} == {201}
        assert len({answer.content for answer in answers}) == 1
    for kind in (SubmissionReceived, SubmissionAccepted, ReportReceived):
        assert len(portal.events(kind)) == 5


def at_once(acts: Sequence[Callable[[], Any]]) -> list[Any]:
    """The results of acts that all begin at the same moment, each in a thread of its own."""
    barrier = Barrier(len(acts))

    def run(act: Callable[[], Any]) -> Any:
        barrier.wait()
        return act()

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(run, acts))


# Refused: nothing of it is kept, the attempt is recorded.

NOW = datetime.now(UTC)
MINUTE = timedelta(minutes=1)
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
    commands.add_laboratory_key(
        portal.opened.ledger,
        handle,
        key_id=new.thumbprint(),
        public_key=str(new.as_dict(private=False)["x"]),
        by=laboratories.OPERATOR,
    )
    assert portal.submit(laboratory.seal(bundle("1"))).status_code == 201
    commands.revoke_laboratory_key(
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
    answer = portal.submit(laboratory.seal(b"MSH|^~\\&|", content_type="x-application/hl7-v2+er7"))
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


@pytest.mark.parametrize("missing", [ConsentKind.PERSONAL_DATA, ConsentKind.RESULTS_TRANSFER])
def test_without_either_consent_the_report_waits(
    portal: Portal, laboratory: Laboratory, missing: ConsentKind
) -> None:
    others = [kind for kind in ConsentKind if kind is not missing]
    anna = settled(portal.opened, ANNA, laboratory.laboratory_id, others)
    assert held_of(portal.submit(laboratory.seal(bundle("1")))) == "consent-missing"
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


# A consent that is withdrawn while the laboratory sends.


def matched_without_consent(events: Sequence[Any]) -> list[int]:
    """The positions at which a report was given to a patient whose consent to it was not in force."""
    in_force: dict[tuple[PatientId, ConsentKind], bool] = {}
    found = []
    for recorded in events:
        match recorded.event:
            case ConsentGranted():
                in_force[recorded.event.patient_id, recorded.event.document.kind] = True
            case ConsentWithdrawn():
                in_force[recorded.event.patient_id, recorded.event.kind] = False
            case ReportMatched():
                key = (recorded.event.patient_id, ConsentKind.RESULTS_TRANSFER)
                if not in_force.get(key):
                    found.append(recorded.position)
    return found


def test_no_report_reaches_a_patient_after_the_consent_was_withdrawn(
    portal: Portal, laboratory: Laboratory
) -> None:
    anna = settled(portal.opened, ANNA, laboratory.laboratory_id)
    transfer, chance = ConsentKind.RESULTS_TRANSFER, random.Random(20261123)
    for number in range(40):
        envelope = laboratory.seal(bundle(f"{number}"))
        lead = chance.uniform(-0.01, 0.01)

        def send(envelope: bytes = envelope, lead: float = lead) -> httpx2.Response:
            sleep(max(0.0, lead))
            return portal.submit(envelope)

        def take_back(lead: float = lead) -> None:
            sleep(max(0.0, -lead))
            withdraw(portal.opened, anna, transfer)

        answer, _ = at_once([send, take_back])
        assert answer.status_code == 201
        grant(portal.opened, anna, transfer)
    raced = portal.events(ConsentGranted, ConsentWithdrawn, ReportMatched)
    assert matched_without_consent(raced) == []
    assert len(portal.events(ReportReceived)) == 40


def test_the_judge_of_that_race_sees_a_match_after_the_withdrawal(
    portal: Portal, laboratory: Laboratory
) -> None:
    anna = settled(portal.opened, ANNA, laboratory.laboratory_id)
    portal.submit(laboratory.seal(bundle("1")))
    withdraw(portal.opened, anna, ConsentKind.RESULTS_TRANSFER)
    events = portal.events(ConsentGranted, ConsentWithdrawn, ReportMatched)
    assert matched_without_consent(events) == []
    *before, withdrawn = events
    matched = next(recorded for recorded in before if isinstance(recorded.event, ReportMatched))
    before.remove(matched)
    assert matched_without_consent([*before, withdrawn, matched]) == [matched.position]


# Whatever comes.


@settings(max_examples=60, suppress_health_check=OF_ONE_TEST)
@given(body=st.binary(max_size=300))
def test_bytes_of_chance_are_refused_with_a_reason(
    portal: Portal, laboratory: Laboratory, body: bytes
) -> None:
    answer = portal.submit(body)
    assert 400 <= answer.status_code < 500 and whole(answer.json())


@settings(max_examples=80, suppress_health_check=OF_ONE_TEST)
@given(data=st.data())
def test_an_envelope_changed_on_the_way_is_refused_with_a_reason(
    portal: Portal, laboratory: Laboratory, data: st.DataObject
) -> None:
    envelope = bytearray(laboratory.seal(bundle("1"), envelope_id="one", issued_at=NOW))
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(envelope) - 1))
        envelope[place] = (envelope[place] + data.draw(st.integers(1, 255))) % 256
    answer = portal.submit(bytes(envelope))
    assert 400 <= answer.status_code < 500 and whole(answer.json())


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=100, suppress_health_check=OF_ONE_TEST)
@given(data=st.data())
def test_signed_content_with_anything_in_it_is_recorded_or_kept_with_a_reason(
    portal: Portal, laboratory: Laboratory, data: st.DataObject
) -> None:
    content = json.loads(bundle("1"))
    container, key = data.draw(st.sampled_from(list(_places(content))))
    container[key] = data.draw(JSON)
    answer = portal.submit(laboratory.seal(json.dumps(content).encode()))
    assert answer.status_code in (201, 422), answer.text


def _places(content: Any) -> Any:
    """Every place of the content at which something else could stand."""
    keys = content.keys() if isinstance(content, dict) else range(len(content))
    for key in list(keys):
        yield content, key
        if isinstance(content[key], dict | list):
            yield from _places(content[key])
