"""An appeal to an organisation by its pages: sent, checked, answered, corrected, repeated; and seen by nobody else."""

import re
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from api import laboratories
from api.appeal_reminders import remind
from api.clockwork import Clockwork
from api.portal.appeals import policy_text
from domain.appeal import AppealAnswered, AppealSubmitted, AppealTaken
from domain.consent import ConsentDocument, ConsentKind, Scope
from domain.laboratory import LaboratoryRegistered
from domain.linkage import OrganisationLinked
from domain.patient import LaboratoryPatientIdLinked, Patient, PolicyLinked
from domain.policy import PolicyKind
from domain.reading import AppealRead
from domain.staff import Role
from domain.values import OrganisationId
from ledger.commands import by_patient
from ledger.consents import grant_consent
from ledger.onboarding import laboratory_id
from ledger.staff import member_id_of
from projections import cabinet
from tests.api.cast import ANNA, BORIS, Laboratory, Person, Portal, Who, bundle, code_of, settle
from tests.api.command import letopis
from tests.api.staff_cast import Clock, Member

DAY = timedelta(days=1)
FORM = {"organisation_name": "Лаборатория Инвитро", "inn": "7707083893", "okpo": "00242766"}
OTHER = LaboratoryRegistered(handle="other", name="Другая клиника", inn="7707083893", ogrn="1027700132195")


def consents_to(portal: Portal, person: Person, organisation_id: UUID) -> None:
    document = ConsentDocument(
        kind=ConsentKind.ELECTRONIC_TRANSFER, version=1, language="ru", sha256="ab" * 32
    )
    grant_consent(
        portal.opened.ledger,
        person.patient_id,
        agreed=document,
        current=document,
        by=by_patient(person.patient_id),
        scope=Scope(organisations=(OrganisationId(organisation_id),)),
    )


def patient(portal: Portal, who: Who = ANNA) -> Person:
    """Somebody with a profile, an address and a policy, who has linked no organisation."""
    person = portal.person(who).register()
    settle(portal.opened, person.patient_id, who, None)
    portal.catch_up()
    return person


@pytest.fixture
def anna(portal: Portal, laboratory: Laboratory) -> Person:
    found = patient(portal)
    consents_to(portal, found, laboratory.laboratory_id)
    return found


@pytest.fixture
def maria(portal: Portal, clock: Clock, laboratory: Laboratory) -> Member:
    """A registrar of the laboratory."""
    return registrar(portal, clock, "maria", laboratory.laboratory_id)


def registrar(portal: Portal, clock: Clock, handle: str, organisation_id: UUID) -> Member:
    member = Member(portal, clock, handle)
    link = member.door.admit(
        handle, [Role.REGISTRAR], laboratories.OPERATOR, organisation_id=OrganisationId(organisation_id)
    )
    member.open_link(member.path_of(link.address))
    assert member.enrol().status_code == 303
    return member


def page_of(laboratory: Laboratory) -> str:
    return f"/services/appeals/{laboratory.laboratory_id}"


def sent(anna: Person, laboratory: Laboratory, **changed: str) -> str:
    """The path of the appeal on the organisation's side."""
    answer = anna.post(page_of(laboratory), **FORM | changed)
    assert answer.headers.get("location", "").endswith("?notice=appeal-submitted"), code_of(answer)
    anna.portal.catch_up()
    submitted = anna.portal.events(AppealSubmitted)[-1]
    return f"/staff/appeals/{submitted.stream_id}"


def test_a_patient_appeals_and_the_organisation_switches_the_transfer_on(
    portal: Portal, laboratory: Laboratory, anna: Person, maria: Member
) -> None:
    found = anna.get("/services/appeals?q=Инвитро").text
    assert page_of(laboratory) in found
    form = anna.get(page_of(laboratory)).text
    for text in ("Соколова Анна", "29.02.1984", ANNA.enp, ANNA.email, 'value="7707083893"', "ОКПБ"):
        assert text in form
    path = sent(anna, laboratory)
    page = anna.get(page_of(laboratory)).text
    assert "Отправлено" in page and "Ответ ждём до" in page
    number = re.search(r"[2-9A-Z]{3}-[2-9A-Z]{3}-[2-9A-Z]{3}", page)
    assert number is not None and number[0] in anna.get("/services/appeals").text

    assert "1" in re.sub(r"\s", "", maria.get("/staff").text.split("badge-wait")[1])[:20]
    assert number[0] in maria.get("/staff/appeals").text
    closed = maria.get(path).text
    assert "Соколова" not in closed and ANNA.enp not in closed
    assert maria.post(f"{path}/take").headers["location"] == f"{path}?notice=appeal-taken"
    shown = maria.post(f"{path}/content")
    assert "Соколова" in shown.text and ANNA.enp in shown.text and shown.status_code == 200
    assert "Личность пациента подтверждена" in shown.text
    answer = maria.post(f"{path}/activate", number="П-0042", system="urn:lab:patients")
    assert answer.headers["location"] == "/staff/appeals?notice=appeal-activated"

    assert "Передача подключена" in anna.get(page_of(laboratory)).text
    (read,) = portal.events(AppealRead)
    assert read.circumstances.actor == "staff:maria"
    linked, numbered = portal.events(OrganisationLinked), portal.events(LaboratoryPatientIdLinked)
    assert [one.circumstances.actor for one in (*linked, *numbered)] == ["staff:maria"] * 2
    # Now a report that knows Anna by that number alone reaches her.
    sent_report = bundle("1", identifiers=[("urn:lab:patients", "П-0042")])
    assert portal.submit(laboratory.seal(sent_report)).json()["reports"][0].get("held") is None
    portal.catch_up()
    assert len(cabinet.reports_of(portal.opened.ledger, anna.patient_id)) == 1
    access = anna.get("/access").text
    (line,) = (one for one in re.findall("<tr.*?</tr>", access, re.DOTALL) if "Прочитано обращение" in one)
    assert "Регистратор организации" in line and "Сотрудник системы" not in line and "maria" not in access


def test_every_wrong_field_is_named_at_once_and_what_was_written_stays(
    laboratory: Laboratory, anna: Person, portal: Portal
) -> None:
    answer = anna.post(page_of(laboratory), organisation_name=" ", inn="7707083890", okpo="00242765")
    assert answer.status_code == 422 and 'value="00242765"' in answer.text
    for code in ("appeal-organisation-name-missing", "appeal-inn-wrong", "appeal-okpo-wrong"):
        assert code in answer.text
    answer = anna.post(page_of(laboratory), **FORM | {"inn": "500100732259"})
    assert code_of(answer) == "appeal-inn-wrong", "a person's number is no organisation's"
    assert portal.events(AppealSubmitted) == []


def test_without_consent_or_data_nothing_is_sent_and_the_page_says_what_to_do(
    portal: Portal, laboratory: Laboratory
) -> None:
    boris = patient(portal, BORIS)
    page = boris.get(page_of(laboratory)).text
    assert "Нужно отдельное согласие" in page and "Отправить обращение</button>" not in page
    answer = boris.post(page_of(laboratory), **FORM)
    assert (answer.status_code, code_of(answer)) == (409, "appeal-consent-missing")
    stranger = portal.person(ANNA).register()
    assert "Не указано" in stranger.get(page_of(laboratory)).text
    answer = stranger.post(page_of(laboratory), **FORM)
    assert (answer.status_code, code_of(answer)) == (409, "appeal-data-missing")
    assert portal.events(AppealSubmitted) == []


def test_a_refusal_names_the_field_and_the_appeal_is_repeated_corrected(
    portal: Portal, laboratory: Laboratory, anna: Person, maria: Member
) -> None:
    path = sent(anna, laboratory)
    assert code_of(maria.post(f"{path}/refuse", text="?")) == "refusal-reason-missing"
    assert code_of(maria.post(f"{path}/refuse", reason="data-differ")) == "refusal-reason-missing"
    answer = maria.post(
        f"{path}/refuse", reason="data-differ", field="okpo", text="Наш код другой: смотрите сайт."
    )
    assert answer.headers["location"] == "/staff/appeals?notice=appeal-refused"
    page = anna.get(page_of(laboratory)).text
    assert "Данные не сходятся" in page and "Код ОКПО" in page and "Наш код другой" in page
    assert code_of(anna.post(page_of(laboratory), **FORM)) == "appeal-not-corrected"
    again = sent(anna, laboratory, okpo="00040778")
    assert again == path and len(portal.events(AppealSubmitted)) == 1
    assert "00040778" in maria.post(f"{path}/content").text
    assert "Обращение отправлено снова" in anna.get(page_of(laboratory)).text


def test_the_status_is_asked_for_once_a_day_and_the_appeal_can_be_taken_back(
    portal: Portal, laboratory: Laboratory, anna: Person, maria: Member
) -> None:
    page = page_of(laboratory)
    path = sent(anna, laboratory)
    assert anna.post(f"{page}/status").headers["location"] == f"{page}?notice=appeal-status-asked"
    assert code_of(anna.post(f"{page}/status")) == "appeal-status-asked"
    portal.catch_up()
    assert "спрашивал" in maria.get("/staff/appeals").text
    assert anna.post(f"{page}/withdraw").headers["location"] == f"{page}?notice=appeal-withdrawn"
    portal.catch_up()
    for act in ("take", "activate", "content"):
        assert code_of(maria.post(f"{path}/{act}")) == "appeal-not-open"
    assert f"{path}/content" not in maria.get(path).text and portal.events(AppealRead) == []
    assert portal.events(AppealTaken, AppealAnswered) == []


def test_after_seven_days_it_is_reminded_and_after_seven_more_it_is_the_operators(
    portal: Portal, laboratory: Laboratory, anna: Person, maria: Member, ivan: Member
) -> None:
    sent(anna, laboratory)
    ivan.enrolled()
    at = datetime.now(UTC)

    def on_day(days: float) -> None:
        Clockwork(portal.opened.ledger, [remind], clock=lambda: at + days * DAY).turn()
        portal.catch_up()

    on_day(6)
    assert "напоминание" not in maria.get("/staff/appeals").text
    on_day(7.01)
    assert "напоминание" in maria.get("/staff/appeals").text
    assert "отправлено напоминание" in anna.get(page_of(laboratory)).text
    assert "invitro" not in ivan.get("/staff/escalated").text
    on_day(14.01)
    escalated = ivan.get("/staff/escalated").text
    assert "invitro" in escalated and "Соколова" not in escalated
    assert "занялся оператор" in anna.get(page_of(laboratory)).text


def test_a_policy_of_the_old_kind_is_told_with_its_series() -> None:
    old = PolicyLinked(number="1234567", kind=PolicyKind.OLD, series="46АВ")
    assert policy_text(Patient(locale="ru", policy="1234567", policy_linked=old)) == "46АВ 1234567"
    assert policy_text(Patient(locale="ru", policy_linked=PolicyLinked(number=ANNA.enp))) == ANNA.enp
    assert policy_text(Patient(locale="ru")) is None


# Who sees what.


def test_another_organisation_can_not_tell_an_appeal_from_one_that_is_not(
    portal: Portal, laboratory: Laboratory, anna: Person, clock: Clock
) -> None:
    other_id, _ = laboratories.add(portal.opened.ledger, portal.opened.settings.home, OTHER)
    stranger = registrar(portal, clock, "petr", other_id)
    theirs, nobodys = sent(anna, laboratory), f"/staff/appeals/{uuid4()}"
    assert theirs.rpartition("/")[2] not in stranger.get("/staff/appeals").text
    last = portal.opened.ledger.last_position()
    seen, unseen = stranger.get(theirs), stranger.get(nobodys)
    assert (seen.status_code, unseen.status_code) == (404, 404)
    assert seen.text.replace(theirs, "") == unseen.text.replace(nobodys, "")
    for act in ("content", "take", "activate", "refuse"):
        answers = [stranger.post(f"{path}/{act}", reason="patient-not-found") for path in (theirs, nobodys)]
        assert [answer.status_code for answer in answers] == [404, 404], act
        assert answers[0].text.replace(theirs, "") == answers[1].text.replace(nobodys, ""), act
    assert portal.opened.ledger.last_position() == last


def test_a_registrar_sees_no_section_of_operators_nor_they_hers(
    portal: Portal, anna: Person, laboratory: Laboratory, maria: Member, ivan: Member
) -> None:
    path = sent(anna, laboratory)
    ivan.enrolled()
    for theirs in ("/staff/quarantine", "/staff/matches", "/staff/misfiled", "/staff/escalated"):
        assert maria.get(theirs).status_code == 404, theirs
        assert theirs not in maria.get("/staff").text
    for hers in ("/staff/appeals", path):
        assert ivan.get(hers).status_code == 404
    assert ivan.post(f"{path}/content").status_code == 404
    maria.door.dismiss("maria", laboratories.OPERATOR)
    assert maria.get("/staff/appeals").status_code == 303


def test_without_the_consent_the_organisation_reads_it_no_more(
    portal: Portal, laboratory: Laboratory, anna: Person, maria: Member
) -> None:
    """Withdrawing stops the sharing at once: what was sent, and what the profile says since."""
    path = sent(anna, laboratory)
    assert "Соколова" in maria.post(f"{path}/content").text
    organisation = str(laboratory.laboratory_id)
    assert anna.post("/consents/electronic-transfer/withdraw", organisation=organisation).status_code == 303
    answer = maria.post(f"{path}/content")
    assert (answer.status_code, "Соколова" in answer.text) == (409, False)
    assert code_of(answer) == "appeal-consent-missing" and len(portal.events(AppealRead)) == 1


def test_another_patient_sees_nothing_of_it(portal: Portal, laboratory: Laboratory, anna: Person) -> None:
    before = patient(portal, BORIS)
    blank = before.get(page_of(laboratory)).text
    sent(anna, laboratory)
    token = re.compile(r'name="csrf" value="[^"]+"')
    assert token.sub("", before.get(page_of(laboratory)).text) == token.sub("", blank)
    for act in ("status", "withdraw"):
        assert before.post(f"{page_of(laboratory)}/{act}").status_code == 404
    assert before.get(f"/services/appeals/{uuid4()}").status_code == 404
    assert before.post(f"/services/appeals/{uuid4()}", **FORM).status_code == 404


# The command line.


def test_the_command_line_admits_a_registrar_of_one_laboratory(
    portal: Portal, laboratory: Laboratory
) -> None:
    run = letopis(portal.opened, "staff", "admit", "maria", "--role", "registrar")
    assert run.returncode == 1 and "works for an organisation" in run.stderr
    run = letopis(portal.opened, "staff", "admit", "maria", "--role", "registrar", "--lab", "nobody")
    assert run.returncode == 1 and "No laboratory" in run.stderr
    run = letopis(
        portal.opened,
        "staff",
        "admit",
        "maria",
        "--role",
        "registrar",
        "--role",
        "operator",
        "--lab",
        "invitro",
    )
    assert run.returncode == 1
    run = letopis(portal.opened, "staff", "admit", "maria", "--role", "registrar", "--lab", "invitro")
    assert run.returncode == 0 and "/staff/enrol/" in run.stdout
    listed = letopis(portal.opened, "staff", "list", "--json").stdout
    assert '"laboratory": "invitro"' in listed
    ledger = portal.opened.ledger
    admitted = next(iter(ledger.read(member_id_of(ledger, "maria")))).event
    assert admitted.organisation_id == laboratory_id(ledger, "invitro")  # type: ignore[union-attr]
