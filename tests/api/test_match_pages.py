"""An operator decides in the browser whose a report may be: by pseudonyms, by looking, and on the record."""

import html
import re
from dataclasses import replace
from uuid import UUID, uuid4

import httpx2
import pytest

from api.laboratories import OPERATOR
from api.staff import matches as match_pages
from api.staff import web as staff_web
from domain.numbers import LaboratoryNumber
from domain.patient import LaboratoryPatientIdLinked
from domain.proposal import MatchConfirmed, MatchDeclined
from domain.reading import ProposalRead
from domain.staff import StaffMemberAdmitted
from domain.values import PatientId
from ledger import proposals
from ledger.recorder import MarkTakenError
from ledger.staff import member_id_of
from projections import audit, cabinet
from tests.api.cast import ANNA, BORIS, SNILS_SYSTEM, Laboratory, Portal, browser, code_of, settled, who
from tests.api.staff_cast import Member
from tests.api.test_match_commands import OWN, WRONG_SNILS, matched, sent
from tests.scenario import recorded

LIST = "/staff/matches"
PERSONAL = (ANNA.family, ANNA.given, ANNA.birth_date, "29.02.1984", ANNA.snils, ANNA.enp, OWN[1])


@pytest.fixture(autouse=True)
def _nobody_follows(monkeypatch: pytest.MonkeyPatch) -> None:
    """The views follow when the test says so: no page needs to wait for them."""
    monkeypatch.setattr(staff_web, "FOLLOW_SECONDS", 0.0)


@pytest.fixture
def operator(ivan: Member) -> Member:
    return ivan.enrolled()


@pytest.fixture
def anna(portal: Portal, laboratory: Laboratory) -> PatientId:
    return settled(portal.opened, ANNA, laboratory.laboratory_id)


def waits(portal: Portal, laboratory: Laboratory, number: str = "1", *ids: tuple[str, str]) -> UUID:
    """A report of Anna's name and birth date that no number brings to her."""
    report_id = sent(portal, laboratory, number, ANNA, *ids)
    portal.catch_up()
    return report_id


def path_of(report_id: UUID, patient_id: UUID) -> str:
    return f"{LIST}/{report_id}/{patient_id}"


def text_of(page: httpx2.Response) -> str:
    assert page.status_code == 200, page.status_code
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.text)))


def listed(page: httpx2.Response) -> list[str]:
    assert page.status_code == 200, page.status_code
    return re.findall(rf'class="pair" href="{LIST}/([0-9a-f-]{{36}})/[0-9a-f-]{{36}}"', page.text)


def table_of(page: httpx2.Response) -> dict[str, list[str]]:
    """The comparison by field: of the report, of the patient, what it says of both."""
    found = {}
    for row in re.findall(r'<tr role="row">(.*?)</tr>', page.text, re.DOTALL)[1:]:
        cells = re.findall(r"<(?:th|td)[^>]*>(.*?)</(?:th|td)>", row, re.DOTALL)
        field, *said = [" ".join(html.unescape(re.sub(r"<[^>]+>", " ", cell)).split()) for cell in cells]
        found[field] = said
    return found


# The list.


def test_what_is_proposed_is_listed_by_pseudonyms_with_its_reason(
    operator: Member, portal: Portal, laboratory: Laboratory, anna: PatientId
) -> None:
    assert "Решать нечего" in text_of(operator.get(LIST))
    by_name = waits(portal, laboratory, "1", OWN, WRONG_SNILS)
    by_number = sent(portal, laboratory, "2", BORIS, (SNILS_SYSTEM, ANNA.snils))
    contradicted = sent(portal, laboratory, "3", ANNA, (SNILS_SYSTEM, BORIS.snils))
    portal.catch_up()
    page = operator.get(LIST)
    assert listed(page) == [str(report_id) for report_id in (by_name, by_number, contradicted)]
    for words in (
        str(anna),
        "Лаборатория Инвитро",
        "Совпали имя и дата рождения",
        "Контрольная цифра полиса или СНИЛС неверна",
        "Номер ведёт к этому пациенту, но о человеке сказано другое",
        "Верный номер в отчёте принадлежит другому человеку",
        "3 предложения",
    ):
        assert words in text_of(page), words
    assert "3 ждут" in text_of(operator.get("/staff"))
    assert "Name and birth date are the same" in text_of(operator.get(f"{LIST}?lang=en"))
    assert [word for word in (*PERSONAL, BORIS.family) if word in page.text] == []
    assert not portal.events(ProposalRead)


def test_the_list_is_read_page_by_page_and_keeps_a_reports_patients_together(
    operator: Member,
    portal: Portal,
    laboratory: Laboratory,
    anna: PatientId,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(match_pages, "PAGE_ROWS", 2)
    settled(portal.opened, who(3), laboratory.laboratory_id)
    ids = [str(waits(portal, laboratory, str(number))) for number in range(3)]
    seen: list[list[str]] = []
    path: str | None = LIST
    while path is not None:
        page = operator.get(path)
        seen.append(listed(page))
        assert ("К началу" in page.text) == (len(seen) > 1)
        found = re.search(r'href="([^"]+)">Дальше', page.text)
        path = html.unescape(found[1]) if found else None
    assert seen == [[report_id] * 2 for report_id in ids]
    assert "Дальше предложений нет" in text_of(operator.get(f"{LIST}?after={2**63 - 1}"))
    for after in ("-1", str(2**63), "x"):
        assert operator.get(f"{LIST}?after={after}").status_code == 400


# One proposal.


def test_both_are_shown_side_by_side_only_with_the_reading_recorded(
    operator: Member, portal: Portal, laboratory: Laboratory, anna: PatientId
) -> None:
    path = path_of(waits(portal, laboratory, "1", OWN, WRONG_SNILS), anna)
    page = operator.get(path)
    assert "Показать данные обоих" in text_of(page)
    assert [word for word in PERSONAL if word in page.text] == []
    assert operator.get(f"{path}/persons").status_code == 405, "to look is an act"
    assert not portal.events(ProposalRead)
    both = operator.post(f"{path}/persons")
    assert table_of(both) == {
        "Фамилия": [ANNA.family, ANNA.family, "совпадает"],
        "Имя и отчество": [ANNA.given, ANNA.given, "совпадает"],
        "Дата рождения": ["29.02.1984", "29.02.1984", "совпадает"],
        "Пол": ["—", "Женский", "не сравнить"],
        "Полис ОМС": ["—", ANNA.enp, "не сравнить"],
        "СНИЛС": ["контрольная цифра неверна", ANNA.snils, "не сравнить"],
        "Номер в лаборатории": [OWN[1], "—", ""],
    }
    assert "Этот просмотр записан." in both.text and both.headers["cache-control"] == "no-store"
    assert f'href="{path}?lang=en"' in both.text, "the other language is at an address that can be read"
    (read,) = portal.events(ProposalRead)
    assert read.circumstances.actor == "staff:ivan" and read.circumstances.correlation_id is not None
    portal.catch_up()
    (entry,) = audit.readings_of(portal.opened.ledger, anna)
    assert (entry.name, entry.actor) == ("ProposalRead", "staff:ivan")


def test_nobody_is_shown_if_the_reading_cannot_be_recorded(
    operator: Member,
    portal: Portal,
    laboratory: Laboratory,
    anna: PatientId,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path, token = path_of(waits(portal, laboratory), anna), operator.token()

    def refused(*_: object, **__: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(portal.opened.ledger.recorder, "store", refused)
    answer = operator.client.post(f"{path}/persons", data={"csrf": token})
    assert answer.status_code == 500 and ANNA.family not in answer.text


def test_a_name_with_markup_stays_text(
    operator: Member, portal: Portal, laboratory: Laboratory, anna: PatientId
) -> None:
    slip = replace(BORIS, family="<script>alert(1)</script>")
    report_id = sent(portal, laboratory, "1", slip, (SNILS_SYSTEM, ANNA.snils))
    portal.catch_up()
    page = operator.post(f"{path_of(report_id, anna)}/persons").text
    assert "<script>" not in page and "&lt;script&gt;" in page
    assert "отличается" in page


# The decision.


def test_the_same_person_gets_the_report_and_from_then_on_the_number_recognises(
    operator: Member, portal: Portal, laboratory: Laboratory, anna: PatientId
) -> None:
    report_id = waits(portal, laboratory, "1", OWN)
    path = path_of(report_id, anna)
    assert re.search(r'name="link" value="yes" checked', operator.get(path).text)
    answer = operator.post(f"{path}/confirm", link="yes")
    assert answer.headers["location"] == f"{LIST}?notice=matched"
    (confirmed,) = portal.events(MatchConfirmed)
    assert confirmed.circumstances.actor == "staff:ivan"
    portal.catch_up()
    assert "Отчёт теперь у пациента" in text_of(operator.get(answer.headers["location"]))
    assert listed(operator.get(LIST)) == []
    assert [row.report_id for row in cabinet.reports_of(portal.opened.ledger, anna)] == [report_id]
    second = waits(portal, laboratory, "2", OWN)
    assert matched(portal) == [(report_id, anna, "person"), (second, anna, "laboratory-patient-id")]
    assert operator.get(path).status_code == 404
    for act in ("confirm", "decline"):
        again = operator.post(f"{path}/{act}")
        assert (again.status_code, code_of(again)) == (409, "report-not-waiting")


def test_without_the_tick_the_number_is_not_remembered(
    operator: Member, portal: Portal, laboratory: Laboratory, anna: PatientId
) -> None:
    report_id = waits(portal, laboratory, "1", OWN)
    assert operator.post(f"{path_of(report_id, anna)}/confirm").headers["location"].endswith("=matched")
    assert not portal.events(LaboratoryPatientIdLinked)
    waits(portal, laboratory, "2", OWN)
    assert len(matched(portal)) == 1


@pytest.mark.parametrize(
    ("is_linked", "notice"),
    [(False, "confirmed-organisation-not-linked"), (True, "confirmed-consent-missing")],
)
def test_what_still_bars_the_report_is_said(
    operator: Member, portal: Portal, laboratory: Laboratory, is_linked: bool, notice: str
) -> None:
    laboratory_id = laboratory.laboratory_id if is_linked else None
    anna = settled(portal.opened, ANNA, laboratory_id, consents=())
    answer = operator.post(f"{path_of(waits(portal, laboratory), anna)}/confirm")
    assert answer.headers["location"] == f"{LIST}?notice={notice}"
    page = operator.get(answer.headers["location"]).text
    assert 'role="alert"' in page and "Отчёт придёт к пациенту, как только" in page
    assert matched(portal) == []


def test_what_is_declined_is_proposed_no_more(
    operator: Member, portal: Portal, laboratory: Laboratory, anna: PatientId
) -> None:
    path = path_of(waits(portal, laboratory), anna)
    answer = operator.post(f"{path}/decline")
    assert answer.headers["location"] == f"{LIST}?notice=declined"
    (declined,) = portal.events(MatchDeclined)
    assert declined.circumstances.actor == "staff:ivan"
    portal.notify()
    assert listed(operator.get(LIST)) == [] and matched(portal) == []
    assert code_of(operator.get(path)) == code_of(operator.post(f"{path}/persons")) == "not-found"
    assert not portal.events(ProposalRead)


def test_what_a_good_number_contradicts_has_no_button_and_is_refused(
    operator: Member, portal: Portal, laboratory: Laboratory, anna: PatientId
) -> None:
    report_id = waits(portal, laboratory, "1", (SNILS_SYSTEM, BORIS.snils))
    path = path_of(report_id, anna)
    for page in (operator.get(path), operator.post(f"{path}/persons")):
        assert "Подтвердить нельзя" in text_of(page) and f"{path}/confirm" not in page.text
        assert f"{path}/decline" in page.text
    assert table_of(operator.post(f"{path}/persons"))["СНИЛС"] == [BORIS.snils, ANNA.snils, "отличается"]
    answer = operator.post(f"{path}/confirm", link="yes")
    assert (answer.status_code, code_of(answer)) == (409, "match-contradicted")
    assert "попросите лабораторию" in answer.text
    assert not portal.events(MatchConfirmed)
    assert operator.post(f"{path}/decline").headers["location"].endswith("=declined")


def test_what_was_decided_meanwhile_is_refused_with_advice(
    operator: Member,
    portal: Portal,
    laboratory: Laboratory,
    anna: PatientId,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    report_id = waits(portal, laboratory, "1", OWN)
    path = path_of(report_id, anna)

    def taken(*_: object, **__: object) -> None:
        raise MarkTakenError("laboratory-patient-id")

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(proposals, "confirm", taken)
        answer = operator.post(f"{path}/confirm", link="yes")
    assert (answer.status_code, code_of(answer)) == (409, "laboratory-patient-id-taken")
    assert "снимите отметку" in answer.text
    # A colleague was faster, and the view does not know it yet.
    proposals.confirm(portal.opened.ledger, report_id, anna, OPERATOR, links_number=False)
    assert listed(operator.get(LIST)) == [str(report_id)]
    for act in ("persons", "confirm", "decline"):
        answer = operator.post(f"{path}/{act}")
        assert (answer.status_code, code_of(answer)) == (409, "report-not-waiting"), act
    assert not portal.events(ProposalRead)


def test_what_nothing_proposes_is_neither_shown_nor_decided(
    operator: Member, portal: Portal, laboratory: Laboratory, anna: PatientId
) -> None:
    report_id = sent(portal, laboratory, "1", BORIS, OWN)
    portal.catch_up()
    token = operator.token()
    before = portal.opened.ledger.last_position()
    for chosen, patient_id, code in (
        (report_id, anna, "match-not-proposed"),
        (uuid4(), anna, "report-not-found"),
        (report_id, uuid4(), "patient-not-found"),
    ):
        path = path_of(chosen, patient_id)
        assert code_of(operator.get(path)) == "not-found"
        shown = operator.client.post(f"{path}/persons", data={"csrf": token})
        assert (shown.status_code, code_of(shown)) == (404, "not-found")
        for act in ("confirm", "decline"):
            assert code_of(operator.client.post(f"{path}/{act}", data={"csrf": token})) == code
    assert portal.opened.ledger.last_position() == before


def test_a_number_that_another_has_is_contradicted_before_it_is_taken(
    operator: Member, portal: Portal, laboratory: Laboratory, anna: PatientId
) -> None:
    namesake = settled(portal.opened, who(3), laboratory.laboratory_id)
    report_id = waits(portal, laboratory, "1", OWN)
    proposals.link_number(
        portal.opened.ledger, laboratory.laboratory_id, namesake, LaboratoryNumber(*OWN), OPERATOR
    )
    answer = operator.post(f"{path_of(report_id, anna)}/confirm", link="yes")
    assert code_of(answer) == "match-contradicted"


# Who may not.


def acts_on(path: str) -> list[tuple[str, str]]:
    return [
        ("GET", LIST),
        ("GET", path),
        *(("POST", f"{path}/{act}") for act in ("persons", "confirm", "decline")),
    ]


def test_strangers_patients_and_other_roles_learn_and_change_nothing(
    ivan: Member, portal: Portal, laboratory: Laboratory, anna: PatientId
) -> None:
    path = path_of(waits(portal, laboratory), anna)
    patient = portal.person(BORIS).register()
    ledger = portal.opened.ledger
    with browser(portal.opened.settings.public_url) as stranger:
        for client, csrf in ((stranger, ""), (patient.client, patient.token())):
            for method, at in acts_on(path):
                answer = client.request(method, at, data={"csrf": csrf} if method == "POST" else None)
                assert answer.headers["location"] == "/staff/sign-in?notice=session-ended", at
    ivan.enrolled()
    for method, at in acts_on(path):
        if method == "POST":
            answer = ivan.client.post(at, data={"csrf": "wrong", "link": "yes"})
            assert (answer.status_code, code_of(answer)) == (403, "cross-site"), at
    recorded(ledger, member_id_of(ledger, "ivan"), StaffMemberAdmitted(handle="ivan", roles=()))
    ivan.open_link(ivan.path_of(ivan.door.reset("ivan", OPERATOR).address))
    assert ivan.enrol().status_code == 303 and LIST not in ivan.get("/staff").text
    for method, at in acts_on(path):
        answer = ivan.post(at) if method == "POST" else ivan.get(at)
        assert (answer.status_code, code_of(answer)) == (404, "not-found"), at
    assert not portal.events(ProposalRead, MatchConfirmed, MatchDeclined)
