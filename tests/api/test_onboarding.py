"""A laboratory is onboarded from the command line, and what it may not send waits in quarantine until it may."""

import json
from datetime import UTC, date, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any

import pytest

from api import hl7_intake
from api.envelope_keys import generate_key, private_jwk, public_jwk
from api.formats import read_received
from api.laboratories import OPERATOR
from domain.consent import OF_CABINET
from domain.identity import Proof
from domain.laboratory import (
    DepartmentAdded,
    LaboratoryAccredited,
    LaboratoryFormatsAllowed,
    LaboratoryKindStated,
    LaboratorySenderAdded,
    LaboratoryStudyTypesAllowed,
    Statement,
)
from domain.organisation import Format, OrganisationKind
from domain.patient import ProfileStated
from domain.report import ReportReceived
from domain.study_type import StudyType
from domain.submission import SubmissionQuarantined, SubmissionReceived
from domain.values import OrganisationId
from ledger import commands, identity, onboarding, quarantine, store
from ledger.commands import by_patient
from ledger.linkage import link_organisation
from projections import cabinet
from tests.api import hl7_messages
from tests.api.cast import ANNA, Laboratory, Person, Portal, bundle, grant, whole
from tests.api.command import letopis

NEW = ("--name", "Лаборатория № 1", "--inn", "7707083893", "--ogrn", "1027700132195")
OID = "1.2.643.5.1.13.13.12.2.77.9999"
CBC = {"coding": [{"system": "http://loinc.org", "code": "58410-2"}]}


def stated(laboratory: Laboratory, statement: Statement) -> None:
    onboarding.state_laboratory(laboratory.opened.ledger, laboratory.sender.handle, statement, OPERATOR)


def shown(portal: Portal, handle: str) -> dict[str, Any]:
    run = letopis(portal.opened, "lab", "show", handle, "--json")
    assert run.returncode == 0, run.stderr
    body = json.loads(run.stdout)
    assert isinstance(body, dict)
    return body


# The command line.


@pytest.fixture
def public_key(tmp_path: Path) -> Path:
    """A public key as a laboratory hands it over."""
    path = tmp_path / "theirs.public.jwk"
    path.write_text(public_jwk(generate_key("Ed25519")))
    return path


def test_a_laboratory_is_added_whole_and_shown_whole(portal: Portal, public_key: Path) -> None:
    options = ("--kind", "clinic", "--oid", f"urn:oid:{OID}", "--certificate-number", "RA.RU.21АБ01")
    more = (
        "--accredited-until",
        "2027-06-30",
        "--formats",
        "pdf,fhir",
        "--study-types",
        "hormones,blood-count",
    )
    added = letopis(portal.opened, "lab", "add", "first", *NEW, *options, *more, "--key", public_key)
    assert added.returncode == 0, added.stderr
    key_id = json.loads(public_key.read_text())["kid"]
    assert added.stdout.strip().endswith(f"key {key_id}")
    assert not list((portal.opened.settings.home / "laboratories").glob("first*")), "no key is made here"
    body = shown(portal, "first")
    assert {name: body[name] for name in ("handle", "name", "inn", "ogrn", "kind", "oid")} == {
        "handle": "first",
        "name": "Лаборатория № 1",
        "inn": "7707083893",
        "ogrn": "1027700132195",
        "kind": "clinic",
        "oid": OID,
    }
    assert body["accreditation"] == {"certificate_number": "RA.RU.21АБ01", "valid_until": "2027-06-30"}
    assert (body["formats"], body["study_types"]) == (["fhir", "pdf"], ["blood-count", "hormones"])
    (key,) = body["keys"]
    assert (key["key_id"], key["state"]) == (key_id, "in-force")
    assert datetime.fromisoformat(key["since"]) <= datetime.now(UTC)


def test_a_laboratory_of_which_nothing_more_is_stated_may_send_everything(
    portal: Portal, laboratory: Laboratory
) -> None:
    body = shown(portal, laboratory.sender.handle)
    assert (body["kind"], body["accreditation"], body["study_types"]) == (None, None, None)
    assert body["formats"] == list(Format)
    text = letopis(portal.opened, "lab", "show", laboratory.sender.handle).stdout
    assert "accreditation: not stated" in text and laboratory.sender.key.thumbprint() in text


def test_keys_are_shown_with_their_state(portal: Portal, laboratory: Laboratory, public_key: Path) -> None:
    handle, old = laboratory.sender.handle, laboratory.sender.key.thumbprint()
    assert letopis(portal.opened, "lab", "rotate", handle, "--key", public_key).returncode == 0
    assert letopis(portal.opened, "lab", "revoke", handle, old, "--reason", "rotated").returncode == 0
    first, second = shown(portal, handle)["keys"]
    assert (first["key_id"], first["state"], first["reason"]) == (old, "revoked", "rotated")
    assert first["since"] < first["revoked_at"]
    assert (second["key_id"], second["state"]) == (json.loads(public_key.read_text())["kid"], "in-force")


def test_a_key_whose_name_begins_with_a_dash_is_revoked_too(portal: Portal, laboratory: Laboratory) -> None:
    ledger, handle = portal.opened.ledger, laboratory.sender.handle
    for key_id in (
        "-kdKiWHlP85bDvUi4KJTNYBjw3QIYMNEe4yUJd9Nz-E",
        "--dKiWHlP85bDvUi4KJTNYBjw3QIYMNEe4yUJd9Nz-E",
    ):
        onboarding.add_laboratory_key(ledger, handle, key_id=key_id, public_key="x" * 43, by=OPERATOR)
        run = letopis(portal.opened, "lab", "revoke", handle, key_id, "--reason", "lost")
        assert run.returncode == 0, run.stderr
    assert [key["state"] for key in shown(portal, handle)["keys"]] == ["in-force", "revoked", "revoked"]


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        (("--name", " "), "official name"),
        (("--inn", "7707083894"), "check digit of inn"),
        (("--ogrn", "1027700132196"), "check digit of ogrn"),
        (("--oid", "1.2.643..5"), "object identifier"),
        (("--oid", "3.2"), "object identifier"),
        (("--formats", "fhir,word"), "choose among fhir, hl7-v2, cda, pdf"),
        (("--study-types", "blood"), "blood-count"),
        (("--kind", "pharmacy"), "clinic"),
        (("--certificate-number", "1", "--accredited-until", "30.06.2027"), "%Y-%m-%d"),
        (("--accredited-until", "2027-06-30"), "--certificate-number"),
    ],
)
def test_what_is_wrong_is_refused_with_words_and_nothing_is_registered(
    portal: Portal, changed: tuple[str, ...], words: str
) -> None:
    run = letopis(portal.opened, "lab", "add", "first", *NEW, *changed)
    assert run.returncode == 2 and words in " ".join(run.stderr.replace("│", " ").split()), run.stderr
    assert letopis(portal.opened, "lab", "show", "first").returncode == 1


def test_a_private_key_is_not_taken(portal: Portal, tmp_path: Path) -> None:
    path = tmp_path / "private.jwk"
    path.write_text(private_jwk(generate_key("Ed25519")))
    run = letopis(portal.opened, "lab", "add", "first", *NEW, "--key", path)
    assert run.returncode == 2 and "stay with the laboratory" in " ".join(
        run.stderr.replace("│", " ").split()
    )


def test_a_handle_fits_into_a_file_name_and_into_a_header(portal: Portal) -> None:
    """Letopis-Laboratory takes ASCII alone: a laboratory of another name could send envelopes only."""
    for wrong in ("../first", "лаборатория", ""):
        refused = letopis(portal.opened, "lab", "add", wrong, *NEW)
        assert refused.returncode == 2 and "Latin letters" in refused.stderr, refused.stderr


def test_a_sender_is_named_as_a_message_is_matched(portal: Portal, laboratory: Laboratory) -> None:
    """By the first component: LIS^1.2.3^ISO, copied out of MSH-3, was registered and never recognised."""
    handle = laboratory.sender.handle
    for wrong in (("--application", "LIS^1.2.3^ISO"), ("--application", "LIS", "--facility", "LAB^1.2^ISO")):
        refused = letopis(portal.opened, "lab", "sender", handle, *wrong)
        words = " ".join(refused.stderr.replace("│", " ").split())
        assert refused.returncode == 2 and "before the first ^" in words, words
    assert not portal.events(LaboratorySenderAdded)


def test_what_is_stated_later_is_shown(portal: Portal, laboratory: Laboratory) -> None:
    handle = laboratory.sender.handle
    for command in (
        ("kind", handle, "hospital", "--oid", OID),
        ("accredit", handle, "--certificate-number", "RA.RU.2", "--until", "2027-01-31"),
        ("study-types", handle, "urinalysis", "biochemistry"),
        ("department", handle, "УЗИ-1", "--name", "Отделение УЗИ", "--section", "instrumental"),
        ("department", handle, "БХ", "--name", "Биохимия", "--section", "biochemistry"),
        ("remove-department", handle, "БХ"),
    ):
        run = letopis(portal.opened, "lab", *command)
        assert run.returncode == 0, run.stderr
    body = shown(portal, handle)
    assert (body["kind"], body["oid"]) == ("hospital", OID)
    assert body["accreditation"] == {"certificate_number": "RA.RU.2", "valid_until": "2027-01-31"}
    assert body["formats"] == ["hl7-v2", "cda", "pdf"]
    assert body["study_types"] == ["biochemistry", "urinalysis"]
    assert body["departments"] == [{"code": "УЗИ-1", "name": "Отделение УЗИ", "section": "instrumental"}]
    assert letopis(portal.opened, "lab", "formats", handle, "fhir").returncode == 0
    assert shown(portal, handle)["formats"] == ["fhir"]
    assert letopis(portal.opened, "lab", "formats", handle, "--usual").returncode == 0
    assert shown(portal, handle)["formats"] == ["hl7-v2", "cda", "pdf"]
    assert letopis(portal.opened, "lab", "study-types", handle, "--all").returncode == 0
    assert shown(portal, handle)["study_types"] is None


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (("show", "nobody"), "letopis lab list"),
        (("accredit", "nobody", "--certificate-number", "1"), "letopis lab list"),
        (("remove-department", "invitro", "no such"), "letopis lab show"),
        (("add", "invitro", *NEW), "another handle"),
    ],
)
def test_a_refusal_says_what_to_do(
    portal: Portal, laboratory: Laboratory, command: tuple[str, ...], words: str
) -> None:
    assert laboratory.sender.handle == "invitro"
    run = letopis(portal.opened, "lab", *command)
    assert run.returncode == 1 and words in " ".join(run.stderr.split()), run.stderr


def test_one_of_permission_and_its_withdrawal_must_be_named(portal: Portal, laboratory: Laboratory) -> None:
    handle = laboratory.sender.handle
    for wrong in (("formats", handle), ("formats", handle, "fhir", "--usual"), ("study-types", handle)):
        assert letopis(portal.opened, "lab", *wrong).returncode == 2


def test_all_laboratories_are_listed(portal: Portal, laboratory: Laboratory) -> None:
    stated(laboratory, LaboratoryAccredited(certificate_number="1", valid_until=date(2027, 1, 1)))
    letopis(portal.opened, "lab", "add", "first", *NEW, "--kind", "clinic")
    listed = letopis(portal.opened, "lab", "list", "--json")
    lines = {line["handle"]: line for line in map(json.loads, listed.stdout.splitlines())}
    assert set(lines) == {"invitro", "first"}
    assert (lines["first"]["kind"], lines["first"]["keys"]) == ("clinic", 1)
    assert lines["invitro"]["accredited_until"] == "2027-01-01"
    assert "invitro" in letopis(portal.opened, "lab", "list").stdout


# What it may not send is kept in quarantine; once it may, the same path takes it.


def refused(portal: Portal, sealed: bytes, code: str) -> None:
    answer = portal.submit(sealed)
    assert (answer.status_code, answer.json()["code"]) == (422, code), answer.text
    whole(answer.json())
    assert not portal.events(ReportReceived)
    assert len(portal.events(SubmissionReceived)) == 1, "the bytes are kept"
    (kept,) = portal.events(SubmissionQuarantined)
    assert kept.event.code == code


def mended(portal: Portal) -> None:
    """Read again what lies in quarantine: it is recorded."""
    (received,) = portal.events(SubmissionReceived)
    ledger = portal.opened.ledger
    found = quarantine.read_again(ledger, received.stream_id, read_received, OPERATOR)
    assert found.problem is None
    assert len(portal.events(ReportReceived)) == 1


def test_a_submission_after_the_accreditation_waits_for_the_next_one(
    portal: Portal, laboratory: Laboratory
) -> None:
    today = datetime.now(UTC).date()
    ended = LaboratoryAccredited(certificate_number="1", valid_until=today - timedelta(days=1))
    stated(laboratory, ended)
    refused(portal, laboratory.seal(bundle("1")), "accreditation-ended")
    (received,) = portal.events(SubmissionReceived)
    again = quarantine.read_again(portal.opened.ledger, received.stream_id, read_received, OPERATOR)
    assert again.problem is not None and again.problem.code == "accreditation-ended"
    assert len(portal.events(SubmissionQuarantined)) == 1
    stated(laboratory, LaboratoryAccredited(certificate_number="2", valid_until=today))
    mended(portal)


def test_what_is_read_again_is_judged_by_the_day_on_which_it_came(
    portal: Portal, laboratory: Laboratory, monkeypatch: pytest.MonkeyPatch
) -> None:
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    stated(laboratory, LaboratoryAccredited(certificate_number="1", valid_until=yesterday))

    class TwoDaysAgo(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
            return datetime.now(tz) - timedelta(days=2)

    monkeypatch.setattr(store, "datetime", TwoDaysAgo)
    refused(portal, laboratory.seal(bundle("1")), "accreditation-ended")
    mended(portal)


def test_a_format_that_is_not_expected_waits_until_it_is_allowed(
    portal: Portal, laboratory: Laboratory
) -> None:
    stated(laboratory, LaboratoryKindStated(kind=OrganisationKind.CLINIC))
    refused(portal, laboratory.seal(bundle("1")), "format-not-allowed")
    stated(laboratory, LaboratoryFormatsAllowed(formats=(Format.FHIR,)))
    mended(portal)


def test_the_format_is_judged_before_the_content_and_told_by_it_where_the_type_says_only_xml(
    portal: Portal, laboratory: Laboratory
) -> None:
    stated(laboratory, LaboratoryFormatsAllowed(formats=(Format.CDA,)))
    xml = b'<Bundle xmlns="http://hl7.org/fhir"><oops/></Bundle>'
    refused(portal, laboratory.seal(xml, content_type="text/xml"), "format-not-allowed")


def test_a_study_type_that_is_not_allowed_waits_until_it_is(portal: Portal, laboratory: Laboratory) -> None:
    stated(laboratory, LaboratoryStudyTypesAllowed(study_types=(StudyType.HORMONES,)))
    refused(portal, laboratory.seal(bundle("1", code=CBC)), "study-type-not-allowed")
    stated(laboratory, LaboratoryStudyTypesAllowed(study_types=(StudyType.HORMONES, StudyType.BLOOD_COUNT)))
    mended(portal)


def test_a_report_whose_study_type_cannot_be_told_is_recorded(portal: Portal, laboratory: Laboratory) -> None:
    stated(laboratory, LaboratoryStudyTypesAllowed(study_types=(StudyType.HORMONES,)))
    assert portal.submit(laboratory.seal(bundle("1", code={"text": "Исследование"}))).status_code == 201


def test_a_message_by_mllp_takes_the_same_path(portal: Portal, laboratory: Laboratory) -> None:
    sender = LaboratorySenderAdded(application="LIS", facility="LAB")
    onboarding.add_laboratory_sender(portal.opened.ledger, laboratory.sender.handle, sender, OPERATOR)
    stated(laboratory, LaboratoryFormatsAllowed(formats=(Format.FHIR,)))
    message = hl7_messages.content(hl7_messages.PATIENT, hl7_messages.REQUEST, "OBX|1|NM|1^G||5|||||F")
    answer = hl7_intake.receive(portal.opened, message, None).decode()
    assert "MSA|AE" in answer and "format-not-allowed" in answer
    (kept,) = portal.events(SubmissionQuarantined)
    assert kept.event.code == "format-not-allowed"


def test_a_repeat_is_answered_as_before_though_the_laboratory_may_send_no_more(
    portal: Portal, laboratory: Laboratory
) -> None:
    first = portal.submit(laboratory.seal(bundle("1"), envelope_id="once"))
    stated(laboratory, LaboratoryFormatsAllowed(formats=(Format.PDF,)))
    again = portal.submit(laboratory.seal(bundle("1"), envelope_id="once"))
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json()["reports"][0]["id"] == again.json()["reports"][0]["id"]


# What the patient sees of it.


def test_the_patient_sees_what_kind_of_organisation_it_is(portal: Portal, laboratory: Laboratory) -> None:
    stated(laboratory, LaboratoryKindStated(kind=OrganisationKind.HOSPITAL))
    anna = enrolled(portal, laboratory)
    portal.catch_up()
    assert "Стационар" in anna.get("/services/organisations").text


def enrolled(portal: Portal, laboratory: Laboratory) -> Person:
    """Anna at her browser, with everything that a report needs to reach her."""
    anna = portal.person(ANNA).register()
    ledger, by = portal.opened.ledger, by_patient(anna.patient_id)
    profile = ProfileStated(
        family=ANNA.family,
        given=ANNA.given,
        patronymic=None,
        birth_date=ANNA.birth_date,
        sex="female",
        snils=ANNA.snils,
    )
    commands.state_profile(ledger, anna.patient_id, profile, by)
    commands.link_policy(ledger, anna.patient_id, ANNA.enp, by)
    identity.confirm(ledger, anna.patient_id, by, proof=Proof.IN_PERSON)
    link_organisation(ledger, anna.patient_id, OrganisationId(laboratory.laboratory_id), by)
    for kind in OF_CABINET:
        grant(portal.opened, anna.patient_id, kind)
    return anna


def page_of(portal: Portal, anna: Person) -> str:
    portal.catch_up()
    (row,) = cabinet.reports_of(portal.opened.ledger, anna.patient_id)
    return anna.get(f"/reports/{row.report_id}").text


def list_of(anna: Person) -> str:
    """What is listed; the filter names every section."""
    page = anna.get("/reports").text
    return page[page.index('<ul class="rows') :]


def test_the_patient_finds_a_report_in_the_section_of_its_department(
    portal: Portal, laboratory: Laboratory
) -> None:
    anna = enrolled(portal, laboratory)
    sent = bundle("1", code=CBC, category=[{"coding": [{"code": "УЗИ-1"}]}])
    assert portal.submit(laboratory.seal(sent)).status_code == 201
    assert "Общий анализ крови" in page_of(portal, anna) and "Общий анализ крови" in list_of(anna)
    stated(laboratory, DepartmentAdded(code="УЗИ-1", name="УЗИ", section=StudyType.INSTRUMENTAL))
    for page in (page_of(portal, anna), list_of(anna)):
        assert "Инструментальные исследования" in page and "Общий анализ крови" not in page
