"""«Добавить организацию»: found, checked against the registry, added, awaited, let go (S34, S37-S43, S69-S76, S88)."""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import quote

import psycopg
import pytest

from api import laboratories
from api.organisation_connecting import connect_awaited
from api.portal import web
from api.synthetic_registry import inn_of, ogrn_of
from domain.laboratory import DepartmentAdded, LaboratoryAccredited, LaboratoryOidStated, LaboratoryRegistered
from domain.linkage import (
    DepartmentChosen,
    OrganisationAwaited,
    OrganisationConnected,
    OrganisationLinked,
    OrganisationUnlinked,
)
from domain.medical_card import CardClaimed, CardConfirmed, CardNumberRead
from domain.numbers import LaboratoryNumber
from domain.organisation import OrganisationKind
from domain.organisation_registry import (
    Certificate,
    Department,
    OrganisationRegistryImported,
    RegisteredOrganisation,
)
from domain.patient import LaboratoryPatientIdLinked
from domain.study_type import StudyType
from ledger.codec import Circumstances
from ledger.onboarding import register_laboratory, state_laboratory
from ledger.organisation_registry import import_organisations
from ledger.organisation_search import LIMIT
from ledger.proposals import link_number
from tests.api.cast import ANNA, BORIS, Laboratory, Person, Portal, bundle, code_of, settle, settled
from tests.api.staff_cast import Member

TODAY = datetime.now(UTC).date()
OPERATOR = Circumstances(actor="operator:test")
CLINIC = RegisteredOrganisation(
    oid="1.2.643.5.1.13.13.12.2.58.5",
    full_name="Государственное бюджетное учреждение здравоохранения «Городская поликлиника № 5» г. Пенза",
    short_name="ГБУЗ «ГП № 5» г. Пенза",
    inn=inn_of(5),
    ogrn=ogrn_of(5),
    region="Пензенская область",
    locality="Пенза",
    kind=OrganisationKind.CLINIC,
    certificate=Certificate(number="РОСС RU.0005", valid_until=TODAY + timedelta(days=300)),
    departments=(Department(code="01", name="Клинико-диагностическая лаборатория"),),
)
NEIGHBOUR = replace(
    CLINIC,
    oid="1.2.643.5.1.13.13.12.2.58.6",
    full_name="Общество с ограниченной ответственностью «Медицинский центр «Здоровье»",
    short_name="ООО «Здоровье»",
    inn=inn_of(6),
    ogrn=ogrn_of(6),
)
CLOSED = replace(CLINIC, oid="1.2.643.5.7", inn=inn_of(7), ogrn=ogrn_of(7), closed_on=date(2025, 3, 1))
UNACCREDITED = replace(CLINIC, oid="1.2.643.5.8", inn=inn_of(8), ogrn=ogrn_of(8), certificate=None)
EXPIRED = replace(
    CLINIC,
    oid="1.2.643.5.9",
    inn=inn_of(9),
    ogrn=ogrn_of(9),
    certificate=Certificate(number="РОСС RU.0009", valid_until=date(2026, 1, 31)),
)
ALL = (CLINIC, NEIGHBOUR, CLOSED, UNACCREDITED, EXPIRED)
STATED = {"name": CLINIC.full_name, "inn": CLINIC.inn, "ogrn": CLINIC.ogrn, "kind": "clinic"}


@dataclass(frozen=True, slots=True)
class Cabinet:
    """Anna's, with everything but an organisation."""

    person: Person
    portal: Portal

    def page(self, path: str = "") -> str:
        self.portal.catch_up()
        answer = self.person.get(f"/services/organisations{path}")
        assert answer.status_code == 200, answer.status_code
        return answer.text

    def post(self, path: str = "", **form: str) -> Any:
        answer = self.person.post(f"/services/organisations{path}", **form)
        self.portal.catch_up()
        return answer

    def check(self, **form: str) -> dict[str, Any]:
        answer = self.post("/check", **form)
        assert answer.status_code == 200
        found: dict[str, Any] = answer.json()
        return found


def imported(portal: Portal, *entries: RegisteredOrganisation) -> None:
    with psycopg.connect(portal.opened.conninfo, autocommit=True) as owner:
        import_organisations(
            owner,
            portal.opened.ledger,
            entries,
            imported=lambda rows: OrganisationRegistryImported(
                sha256="9f" * 32, rows=rows, refused=0, as_of=TODAY
            ),
            by=OPERATOR,
        )


@pytest.fixture(autouse=True)
def _nobody_follows(monkeypatch: pytest.MonkeyPatch) -> None:
    """The views follow when the test says so: no page needs to wait for them."""
    monkeypatch.setattr(web, "FOLLOW_SECONDS", 0.0)


@pytest.fixture
def cabinet(portal: Portal) -> Cabinet:
    imported(portal, *ALL)
    anna = portal.person(ANNA).register()
    settle(portal.opened, anna.patient_id, ANNA, None)
    return Cabinet(anna, portal)


def connected(portal: Portal, entry: RegisteredOrganisation, *, oid: str | None = None) -> Laboratory:
    """The organisation begins to submit results."""
    registered = LaboratoryRegistered(handle="penza", name="ГП № 5 Пенза", inn=entry.inn, ogrn=entry.ogrn)
    laboratory_id, sender = laboratories.add(portal.opened.ledger, portal.opened.settings.home, registered)
    portal.catch_up()
    return Laboratory(laboratory_id, sender, portal.opened)


# Finding and choosing.


@pytest.mark.parametrize(
    "typed",
    ["поликлинника 5 пенза", "пенза гп №5", "gjkbrkbybrf 5 gtypf", "ГОРОДСКАЯ ПОЛИКЛИНИКА 5", CLINIC.inn],
)
def test_an_organisation_is_found_by_name_with_slips_or_by_its_number(cabinet: Cabinet, typed: str) -> None:
    page = cabinet.page(f"?q={quote(typed)}")
    assert f"/services/organisations/choose/{CLINIC.oid}" in page
    assert "ещё не подключена" in page


def test_a_search_says_when_there_are_more_and_when_an_inn_can_not_be_one(cabinet: Cabinet) -> None:
    more = [
        replace(CLINIC, oid=f"{CLINIC.oid}{number}", inn=inn_of(100 + number), ogrn=ogrn_of(100 + number))
        for number in range(LIMIT + 1)
    ]
    imported(cabinet.portal, *more)
    assert f"Показаны первые {LIMIT}" in cabinet.page(f"?q={quote('поликлиника 5 пенза')}")
    wrong = CLINIC.inn[:-1] + str((int(CLINIC.inn[-1]) + 1) % 10)
    assert "В этом ИНН ошибка" in cabinet.page(f"?q={wrong}")
    assert "уже добавлены" in cabinet.page("?q=фывапр")


def test_a_connected_organisation_is_chosen_confirmed_and_active(cabinet: Cabinet) -> None:
    connected(cabinet.portal, CLINIC)
    assert "результаты начнут приходить сразу" in cabinet.page(f"/choose/{CLINIC.oid}")
    answer = cabinet.post(oid=CLINIC.oid, department="01")
    assert answer.headers["location"].endswith("notice=organisation-added")
    (linked,) = cabinet.portal.events(OrganisationLinked)
    (chosen,) = cabinet.portal.events(DepartmentChosen)
    assert (linked.event.oid, chosen.event.code) == (CLINIC.oid, "01")
    assert chosen.key_id is not None, "it is sealed"
    assert linked.event.registry == "9f" * 32
    page = cabinet.page()
    for status in ("Организация подтверждена", "Активно", "Автопередача результатов"):
        assert status in page
    own = cabinet.page(f"/{linked.event.organisation_id}")
    assert "Клинико-диагностическая лаборатория" in own and CLINIC.ogrn in own


def test_one_that_is_not_connected_is_awaited_and_becomes_active_by_itself(cabinet: Cabinet) -> None:
    answer = cabinet.post(oid=CLINIC.oid)
    assert answer.headers["location"].endswith("notice=organisation-awaited")
    assert "Ожидает подключения" in cabinet.page()
    assert connect_awaited(cabinet.portal.opened.ledger, datetime.now(UTC)) == 0
    laboratory = connected(cabinet.portal, CLINIC)
    cabinet.portal.catch_up()
    assert connect_awaited(cabinet.portal.opened.ledger, datetime.now(UTC)) == 1
    assert connect_awaited(cabinet.portal.opened.ledger, datetime.now(UTC)) == 0
    page = cabinet.page()
    assert "Активно" in page and "Ожидает подключения" not in page
    (awaited,) = cabinet.portal.events(OrganisationAwaited)
    (became,) = cabinet.portal.events(OrganisationConnected)
    (linked,) = cabinet.portal.events(OrganisationLinked)
    assert became.stream_id == awaited.stream_id
    assert linked.event.organisation_id == laboratory.laboratory_id
    answer = cabinet.portal.submit(laboratory.seal(bundle("1")))
    assert answer.json()["reports"][0]["outcome"] == "recorded", answer.text
    cabinet.portal.catch_up()
    assert "Креатинин" in cabinet.person.get("/reports").text


def test_another_legal_person_or_another_code_of_the_registry_is_not_the_awaited_one(
    cabinet: Cabinet,
) -> None:
    cabinet.post(oid=CLINIC.oid)
    ledger = cabinet.portal.opened.ledger
    for handle, registered, stated in (
        ("other", (NEIGHBOUR.inn, NEIGHBOUR.ogrn), ()),
        ("branch", (CLINIC.inn, CLINIC.ogrn), (LaboratoryOidStated(oid="1.2.643.5.99"),)),
    ):
        found = LaboratoryRegistered(handle=handle, name=handle, inn=registered[0], ogrn=registered[1])
        register_laboratory(ledger, found, *stated, by=OPERATOR)
    cabinet.portal.catch_up()
    assert connect_awaited(ledger, datetime.now(UTC)) == 0


def test_who_gave_up_waiting_is_not_linked(cabinet: Cabinet) -> None:
    cabinet.post(oid=CLINIC.oid)
    (awaited,) = cabinet.portal.events(OrganisationAwaited)
    cabinet.post(f"/{awaited.event.organisation_id}/unlink")
    connected(cabinet.portal, CLINIC)
    cabinet.portal.catch_up()
    assert connect_awaited(cabinet.portal.opened.ledger, datetime.now(UTC)) == 0
    assert not cabinet.portal.events(OrganisationLinked)


@pytest.mark.parametrize(
    ("entry", "code"),
    [
        (CLOSED, "organisation-closed"),
        (UNACCREDITED, "organisation-not-accredited"),
        (EXPIRED, "organisation-accreditation-ended"),
    ],
)
def test_one_that_does_not_work_can_be_seen_and_not_added(
    cabinet: Cabinet, entry: RegisteredOrganisation, code: str
) -> None:
    cabinet.portal.catch_up()
    page = cabinet.person.get(f"/services/organisations/choose/{entry.oid}")
    assert code_of(page) == code and "Подтвердить выбор" not in page.text
    assert code_of(cabinet.post(oid=entry.oid)) == code
    assert not cabinet.portal.events(OrganisationAwaited, OrganisationLinked)


def test_a_certificate_that_the_laboratory_showed_here_counts(cabinet: Cabinet) -> None:
    laboratory = connected(cabinet.portal, EXPIRED)
    ledger = cabinet.portal.opened.ledger
    assert (
        code_of(cabinet.post(organisation=str(laboratory.laboratory_id)))
        == "organisation-accreditation-ended"
    )
    shown = LaboratoryAccredited(certificate_number="РОСС RU.0010", valid_until=TODAY + timedelta(days=1))
    state_laboratory(ledger, "penza", shown, OPERATOR)
    assert cabinet.post(oid=EXPIRED.oid).status_code == 303
    assert cabinet.portal.events(OrganisationLinked)


def test_several_that_are_connected_are_ticked_at_once(cabinet: Cabinet, laboratory: Laboratory) -> None:
    clinic = connected(cabinet.portal, CLINIC)
    page = cabinet.page()
    assert "Автоматическая отправка результатов" in page
    names = [f"organisation-{one.laboratory_id}" for one in (laboratory, clinic)]
    assert all(f'name="{name}"' in page for name in names)
    assert code_of(cabinet.post()) == "organisation-not-chosen"
    assert cabinet.post(**dict.fromkeys(names, "yes")).status_code == 303
    assert len(cabinet.portal.events(OrganisationLinked)) == 2


# By hand.


WRONG: list[tuple[str, dict[str, str], str, str, str]] = [
    ("ИНН", {"inn": "7707083890"}, "inn", "organisation-inn-check-failed", ""),
    ("ОГРН", {"ogrn": "1027700132190"}, "ogrn", "organisation-ogrn-check-failed", ""),
    ("unknown", {"inn": "7707083893", "ogrn": "1027700132195"}, "inn", "organisation-not-in-registry", ""),
    ("ОГРН of another", {"ogrn": ogrn_of(77)}, "ogrn", "organisation-ogrn-differs", CLINIC.ogrn),
    ("ИНН of another", {"inn": inn_of(77)}, "inn", "organisation-inn-differs", CLINIC.inn),
    ("name", {"name": "Поликлиника № 50"}, "name", "organisation-name-differs", CLINIC.full_name),
    ("kind", {"kind": "hospital"}, "kind", "organisation-kind-differs", "Поликлиника"),
    ("department", {"department": "77"}, "department", "organisation-department-unknown", ""),
]


@pytest.mark.parametrize(("_", "changed", "field", "code", "said"), WRONG, ids=[line[0] for line in WRONG])
def test_each_cause_has_its_field_and_code_at_once_and_when_saved(
    cabinet: Cabinet, _: str, changed: dict[str, str], field: str, code: str, said: str
) -> None:
    form = STATED | changed
    answer = cabinet.check(**form)
    assert not answer["is_confirmed"]
    assert answer["errors"][field]["code"] == code
    assert said in answer["errors"][field]["text"]
    page = cabinet.post("/new", **form)
    assert page.status_code in (404, 409, 422)
    assert code in page.text
    assert not cabinet.portal.events(OrganisationAwaited, OrganisationLinked)


def test_what_is_mended_is_added(cabinet: Cabinet) -> None:
    assert "organisation-name-missing" in cabinet.post("/new", **STATED | {"name": " "}).text
    assert cabinet.post("/new", **STATED | {"inn": "1"}).status_code == 422
    answer = cabinet.check(**STATED | {"department": "01"})
    assert answer["is_confirmed"] and not answer["is_connected"] and answer["note"]
    answer = cabinet.post("/new", **STATED | {"name": "гбуз гп 5 г. пенза", "department": "01"})
    assert answer.headers["location"].endswith("notice=organisation-awaited")
    (awaited,) = cabinet.portal.events(OrganisationAwaited)
    (chosen,) = cabinet.portal.events(DepartmentChosen)
    assert (awaited.event.oid, chosen.event.code) == (CLINIC.oid, "01")


def test_a_field_that_is_empty_yet_is_not_wrong_yet(cabinet: Cabinet) -> None:
    assert cabinet.check(inn=CLINIC.inn)["errors"] == {}
    assert list(cabinet.check(inn="7707083890")["errors"]) == ["inn"]
    assert not cabinet.check()["is_confirmed"]


def test_without_a_policy_nothing_is_added(portal: Portal) -> None:
    imported(portal, *ALL)
    cabinet = Cabinet(portal.person(ANNA).register(), portal)
    assert code_of(cabinet.post(oid=CLINIC.oid)) == "policy-missing"
    assert "policy-missing" in cabinet.post("/new", **STATED).text


# Letting go.


def test_what_is_unlinked_stops_at_once_and_can_be_linked_again(cabinet: Cabinet) -> None:
    laboratory = connected(cabinet.portal, CLINIC)
    cabinet.post(oid=CLINIC.oid, department="01")
    path = f"/{laboratory.laboratory_id}"
    assert "перестанут приходить сразу" in cabinet.page(path)
    assert cabinet.post(f"{path}/unlink").status_code == 303
    answer = cabinet.portal.submit(laboratory.seal(bundle("1")))
    assert answer.json()["reports"][0]["held"]["code"] == "organisation-not-linked"
    assert "Отвязана" in cabinet.page(path) and "Отвязанные организации" in cabinet.page()
    cabinet.post(f"{path}/link")
    kinds = [type(one.event) for one in cabinet.portal.events(OrganisationLinked, OrganisationUnlinked)]
    assert kinds == [OrganisationLinked, OrganisationUnlinked, OrganisationLinked]
    assert [one.event.code for one in cabinet.portal.events(DepartmentChosen)] == ["01", "01"]
    assert "Активно" in cabinet.page(path)


def test_another_patients_organisation_is_not_there(cabinet: Cabinet) -> None:
    laboratory = connected(cabinet.portal, CLINIC)
    cabinet.post(oid=CLINIC.oid)
    boris = cabinet.portal.person(BORIS).register()
    before = cabinet.portal.opened.ledger.last_position()
    for answer in (
        boris.get(f"/services/organisations/{laboratory.laboratory_id}"),
        boris.post(f"/services/organisations/{laboratory.laboratory_id}/unlink"),
        boris.post(f"/services/organisations/{laboratory.laboratory_id}/link"),
    ):
        assert (answer.status_code, code_of(answer)) == (404, "not-found")
    assert cabinet.portal.opened.ledger.last_position() == before


def test_why_results_do_not_come_is_said(portal: Portal, laboratory: Laboratory) -> None:
    anna = portal.person(ANNA).register()
    settle(portal.opened, anna.patient_id, ANNA, laboratory.laboratory_id, consents=())
    page = Cabinet(anna, portal).page()
    assert "Организация подтверждена" in page, "no registry: the operator stands for it"
    assert "Автопередача не работает. Нет согласия на обработку персональных данных." in page
    assert "/services/diagnosis" in page and "Отчёт записан" not in page, "no report has come yet"


def test_automatic_transfer_is_switched_off_and_on_with_the_organisation_linked(cabinet: Cabinet) -> None:
    laboratory = connected(cabinet.portal, CLINIC)
    cabinet.post(oid=CLINIC.oid)
    path = f"/{laboratory.laboratory_id}"
    assert "CDA" in cabinet.page(path) or "FHIR" in cabinet.page(path)
    cabinet.post(f"{path}/transfer", transfer="off")
    page = cabinet.page(path)
    assert "Автопередача не работает" in page and "Активно" in page
    cabinet.post(f"{path}/transfer", transfer="on")
    assert "Автопередача не работает" not in cabinet.page(path)
    assert "/services/receiving" in cabinet.page(path)


def test_a_department_that_the_laboratory_stated_can_be_chosen(cabinet: Cabinet) -> None:
    connected(cabinet.portal, CLINIC)
    added = DepartmentAdded(code="77", name="Отделение гормонов", section=StudyType.HORMONES)
    state_laboratory(cabinet.portal.opened.ledger, "penza", added, OPERATOR)
    assert "Отделение гормонов" in cabinet.page(f"/choose/{CLINIC.oid}")
    assert code_of(cabinet.post(oid=CLINIC.oid, department="78")) == "organisation-department-unknown"
    assert cabinet.post(oid=CLINIC.oid, department="77").status_code == 303
    (linked,) = cabinet.portal.events(OrganisationLinked)
    assert "Отделение гормонов" in cabinet.page(f"/{linked.event.organisation_id}")


# The medical card (S23).


def claimed(cabinet: Cabinet, number: str = "П-0042") -> Laboratory:
    """Anna has linked the clinic, and states the number of her card there."""
    laboratory = connected(cabinet.portal, CLINIC)
    cabinet.post(oid=CLINIC.oid)
    answer = cabinet.post(f"/{laboratory.laboratory_id}/card", card=number)
    assert answer.headers["location"].endswith("notice=card-claimed")
    return laboratory


def test_a_stated_card_recognises_nobody_until_an_operator_confirms_it(
    cabinet: Cabinet, ivan: Member
) -> None:
    laboratory, operator = claimed(cabinet), ivan.enrolled()
    portal, anna = cabinet.portal, cabinet.person.patient_id
    unnamed = bundle("1", identifiers=(("urn:clinic", "П-0042"),))
    assert portal.submit(laboratory.seal(unnamed)).json()["reports"][0]["held"] is not None
    path = f"/staff/cards/{laboratory.laboratory_id}/{anna}"
    assert path in operator.get("/staff/cards").text
    assert "П-0042" not in operator.get("/staff/cards").text + operator.get(path).text
    assert not portal.events(CardNumberRead)
    assert "П-0042" in operator.post(f"{path}/number").text
    assert len(portal.events(CardNumberRead)) == 1
    answer = operator.post(f"{path}/confirm", number="П-0042", system="urn:clinic")
    assert answer.headers["location"] == "/staff/cards?notice=card-confirmed"
    (linked,) = portal.events(LaboratoryPatientIdLinked)
    assert (linked.event.system, linked.event.number) == ("urn:clinic", "П-0042")
    portal.notify()
    portal.catch_up()
    assert "Креатинин" in cabinet.person.get("/reports").text
    assert "Карта привязана" in cabinet.page(f"/{laboratory.laboratory_id}")
    assert "сверил номер медицинской карты" in cabinet.person.get("/access").text
    assert path not in operator.get("/staff/cards").text
    assert operator.get(path).status_code == 404


def test_what_was_not_shown_is_not_confirmed_and_a_refusal_says_why(cabinet: Cabinet, ivan: Member) -> None:
    laboratory, operator = claimed(cabinet), ivan.enrolled()
    own = f"/{laboratory.laboratory_id}"
    path = f"/staff/cards{own}/{cabinet.person.patient_id}"
    cabinet.post(f"{own}/card", card="П-0043")
    assert code_of(operator.post(f"{path}/confirm", number="П-0042")) == "card-not-claimed"
    assert code_of(operator.post(f"{path}/refuse")) == "card-reason-missing"
    assert operator.post(f"{path}/refuse", reason="other-person").status_code == 303
    page = cabinet.page(own)
    assert "Карта не привязана" in page and "Это карта другого человека" in page
    assert code_of(cabinet.post(f"{own}/card", card=" 000 ")) == "card-number-malformed"
    assert not cabinet.portal.events(LaboratoryPatientIdLinked)


def test_the_card_of_another_patient_is_not_confirmed(cabinet: Cabinet, ivan: Member) -> None:
    laboratory, operator = claimed(cabinet), ivan.enrolled()
    boris = settled(cabinet.portal.opened, BORIS, laboratory.laboratory_id)
    given = LaboratoryNumber("", "П-0042")
    link_number(cabinet.portal.opened.ledger, laboratory.laboratory_id, boris, given, OPERATOR)
    path = f"/staff/cards/{laboratory.laboratory_id}/{cabinet.person.patient_id}"
    answer = operator.post(f"{path}/confirm", number="П-0042")
    assert code_of(answer) == "laboratory-patient-id-taken"
    assert not cabinet.portal.events(CardConfirmed)


def test_a_card_is_of_an_organisation_that_is_linked(cabinet: Cabinet) -> None:
    cabinet.post(oid=CLINIC.oid)
    (awaited,) = cabinet.portal.events(OrganisationAwaited)
    answer = cabinet.post(f"/{awaited.event.organisation_id}/card", card="П-0042")
    assert code_of(answer) == "organisation-not-linked"
    assert not cabinet.portal.events(CardClaimed)
