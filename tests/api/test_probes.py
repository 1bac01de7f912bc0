"""Probes of every route by who is not meant: another patient, nobody, staff of elsewhere. Nothing of anybody is read or
written, and what is another's looks like what is not there. Guardians are in test_ward_routes.py.

Anna has one of everything that an address or a form can name. Whoever asks for it must get what they get for an id that
does not exist: the same status, the same page, and no event.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import httpx2
import pytest

from api import laboratories
from api.app import create_app
from api.node import Node
from api.portal import web
from api.staff import web as staff_web
from domain.account import AuthenticatorAdded
from domain.consent import ConsentKind
from domain.consultation_preparation import ConsultationScanAttached
from domain.correction import CorrectionOwed, Exposure, PartyKind
from domain.erasure import HoldReason
from domain.guardianship import GuardianshipKind
from domain.identity import ScanKind
from domain.laboratory import LaboratoryRegistered
from domain.obligation import ObligationArose
from domain.receiving import DocumentFormat
from domain.sampling import SamplingPointStated
from domain.session import SessionOpened
from domain.submission import SubmissionQuarantined
from domain.takeover import ClaimantDescribed
from domain.ticket_events import TicketFileAttached, TicketOpened
from domain.unsaid import Change
from domain.values import LaboratoryId, OrganisationId, PatientId, StaffMemberId
from ledger import commands, erasure, guardianship, scans, takeover
from ledger.commands import by_patient
from ledger.consents import withdraw_consent
from ledger.corrections import correction_stream
from ledger.document_sending import ask_for_document
from ledger.medical_card import claim_card
from ledger.push_subscriptions import load_subscriptions, subscribe
from ledger.sharing import LinkTerms, share_by_link
from ledger.store import Write
from projections.patient_chains import commit_due
from tests.api import test_appeals
from tests.api.account_cast import Authenticator, ask_to_sign_in
from tests.api.cast import (
    ANNA,
    BORIS,
    Laboratory,
    Person,
    Portal,
    browser,
    bundle,
    grant,
    settle,
    settled,
    who,
)
from tests.api.consultation_cast import book, consultation_id_of, id_of, receiving, slot
from tests.api.route_table import MACHINE_ROWS, ROWS, STAFF_ROWS, addressed, answered, named_in
from tests.api.staff_cast import Clock, Member
from tests.api.test_match_commands import OWN, WRONG_SNILS
from tests.api.test_match_commands import sent as sent_unsure
from tests.api.test_scan_content import picture
from tests.api.test_study_pages import ask as ask_for_study
from tests.api.test_study_pages import point
from tests.api.test_tickets import ASKED
from tests.api.ward_cast import MISHA, described, token_of
from tests.examples import BROWSER

__all__ = ["point"]
TWIN = LaboratoryRegistered(handle="twin", name="Лаборатория Инвитро", inn="7707083893", ogrn="1027700132195")
SECRETS = (ANNA.phone, ANNA.enp, ANNA.snils, ANNA.email, ANNA.family, ANNA.phone[-10:], MISHA.snils)
# Forms that name something of somebody's in a field: the field, which id, and what else makes the form whole.
FIELDS: dict[str, tuple[str, str, dict[str, str]]] = {
    "/account/sessions/end": ("session", "session_id", {}),
    "/account/authenticators/remove": ("authenticator", "authenticator_id", {}),
    "/account/confirm": ("confirmation_id", "confirmation_id", {"number": "1"}),
}


@dataclass(slots=True)
class World:
    """Anna, and the ids of what she has; `twin` is another laboratory, with which nobody has anything."""

    portal: Portal
    laboratory: Laboratory
    anna: Person
    ids: dict[str, str]
    twin: LaboratoryId
    colleague: StaffMemberId

    def ids_for(self, path: str) -> dict[str, str]:
        """A report of hers; where a decision is asked for, the one that waits for it. Of a consultation, its scan."""
        if "/matches/" in path:
            return self.ids | {"report_id": self.ids["unsure_id"]}
        if "/consultations/" in path:
            return self.ids | {"scan_id": self.ids["referral_id"]}
        return self.ids

    def nobodys(self, path: str) -> dict[str, str]:
        """Ids of nothing in the places of hers. Which organisations and doctors there are is no secret, so what stands
        in place of hers is one that is there; and a position is of the whole ledger."""
        found = {name: str(uuid4()) for name in self.ids}
        there = {"organisation_id": str(self.twin), "member_id": str(self.colleague)}
        return found | there | {"position": self.ids["position"]}


@pytest.fixture(autouse=True)
def _nobody_follows(monkeypatch: pytest.MonkeyPatch) -> None:
    """The views follow when the test says so: no page needs to wait for them."""
    monkeypatch.setattr(staff_web, "FOLLOW_SECONDS", 0.0)
    monkeypatch.setattr(web, "FOLLOW_SECONDS", 0.0)


def with_a_proof(portal: Portal, report_id: UUID) -> str:
    """All chains are committed to; an event of the report, which is in its patient's."""
    commit_due(portal.opened.ledger, datetime.now(UTC), every=timedelta(0))
    return str(next(portal.opened.ledger.read(report_id)).event_id)


def held_back(portal: Portal, anna: Person) -> str:
    """A reason for which Anna's data may not be destroyed."""
    by = by_patient(anna.patient_id)
    return str(erasure.hold(portal.opened.ledger, anna.patient_id, by, reason=HoldReason.LEGAL_CLAIM))


@pytest.fixture
def world(portal: Portal, laboratory: Laboratory, clock: Clock, point: SamplingPointStated) -> World:
    anna = portal.person(ANNA).register()
    settle(portal.opened, anna.patient_id, ANNA, laboratory.laboratory_id)
    test_appeals.consents_to(portal, anna, laboratory.laboratory_id)
    report = portal.submit(laboratory.seal(bundle("1"))).json()
    assert portal.submit(laboratory.seal(b"{")).status_code == 422
    portal.catch_up()
    twin, _ = laboratories.add(portal.opened.ledger, portal.opened.settings.home, TWIN)
    ids = {
        "report_id": report["reports"][0]["id"],
        "submission_id": str(portal.events(SubmissionQuarantined)[0].stream_id),
        "notification_id": with_a_document(portal, anna, UUID(report["reports"][0]["id"])),
        "laboratory_id": str(laboratory.laboratory_id),
        "organisation_id": str(laboratory.laboratory_id),
        "subscription_id": with_a_browser(portal, anna),
        "share_id": with_a_link(portal, anna, UUID(report["reports"][0]["id"])),
        "correction_id": with_a_correction(portal, anna, UUID(report["reports"][0]["id"])),
        "appeal_id": test_appeals.sent(anna, laboratory).rpartition("/")[2],
        "request_id": ask_for_study(anna, laboratory).rpartition("/")[2],
        "patient_id": str(anna.patient_id),
        "session_id": str(portal.events(SessionOpened)[0].stream_id),
        "unsure_id": str(sent_unsure(portal, laboratory, "2", ANNA, OWN, WRONG_SNILS)),
        "position": a_reading(portal, anna, report["reports"][0]["id"]),
        "key": a_trend(anna, report["reports"][0]["id"]),
        "event_id": with_a_proof(portal, UUID(report["reports"][0]["id"])),
        "hold_id": held_back(portal, anna),
        **with_help(portal, anna),
        **with_a_doctor(portal, clock, laboratory, anna),
        **asked_for(portal, anna, laboratory),
        **proofs_of(anna, clock),
    }
    portal.catch_up()
    return World(portal, laboratory, anna, ids, twin, id_of(receiving(portal, clock, laboratory, "oleg")))


def with_a_document(portal: Portal, anna: Person, report_id: UUID) -> str:
    """The notification by which she has her result sent to herself."""
    grant(portal.opened, anna.patient_id, ConsentKind.RESULTS_BY_EMAIL)
    by = by_patient(anna.patient_id)
    asked = ask_for_document(portal.opened.ledger, anna.patient_id, report_id, form=DocumentFormat.PDF, by=by)
    portal.catch_up()
    return str(asked)


def a_reading(portal: Portal, anna: Person, report_id: str) -> str:
    """Where her reading of her result stands in the ledger."""
    assert anna.get(f"/reports/{report_id}").status_code == 200
    return str(portal.opened.ledger.last_position())


def a_trend(anna: Person, report_id: str) -> str:
    """What her result measured, by the key that her pages have for it."""
    found = re.search(r'href="/trends/([^"?]+)', anna.get("/trends").text)
    assert found is not None, report_id
    return found[1]


def with_help(portal: Portal, anna: Person) -> dict[str, str]:
    """What she asked support, with a picture of hers."""
    form = ASKED | {"csrf": anna.token(), "text": "Нет результата", "message_id": str(uuid4())}
    answer = anna.client.post("/help/new", data=form, files={"scan": ("a.png", picture("PNG"), "image/png")})
    number = answer.headers["location"].partition("?")[0].removeprefix("/help/")
    (opened,) = portal.events(TicketOpened)
    (attached,) = portal.events(TicketFileAttached)
    return {
        "number": number,
        "ticket_id": str(opened.stream_id),
        "file_id": str(attached.event.file_id),
    }


def with_a_doctor(portal: Portal, clock: Clock, laboratory: Laboratory, anna: Person) -> dict[str, str]:
    """A doctor, whose time she has booked."""
    vera = receiving(portal, clock, laboratory)
    path = book(anna, vera, slot(portal, vera, after=timedelta(hours=5)))
    file = {"scan": ("a.png", picture("PNG"), "image/png")}
    assert anna.client.post(f"{path}/scans", data={"csrf": anna.token()}, files=file).status_code == 303
    (attached,) = portal.events(ConsultationScanAttached)
    return {
        "member_id": str(id_of(vera)),
        "consultation_id": str(consultation_id_of(path)),
        "referral_id": str(attached.event.scan_id),
    }


def with_a_correction(portal: Portal, anna: Person, report_id: UUID) -> str:
    """What she is owed since a version of her result changed."""
    owed = CorrectionOwed(
        patient_id=anna.patient_id,
        report_id=report_id,
        report_version=2,
        position=1,
        party=f"patient:{anna.patient_id}",
        kind=PartyKind.PATIENT,
        exposures=(Exposure(report_version=1, position=1),),
        changes=(Change.VALUE,),
    )
    stream_id = correction_stream(portal.opened.ledger, report_id, 2, owed.party)
    portal.opened.ledger.append(Write(stream_id, 0, (owed,)), circumstances=by_patient(anna.patient_id))
    return str(stream_id)


def with_a_link(portal: Portal, anna: Person, report_id: UUID) -> str:
    """A link by which she shares her result."""
    now, share_id = datetime.now(UTC), uuid4()
    terms = LinkTerms(until=now + timedelta(days=7))
    by = by_patient(anna.patient_id)
    share_by_link(portal.opened.ledger, anna.patient_id, share_id, [report_id], terms=terms, by=by, now=now)
    return str(share_id)


def with_a_browser(portal: Portal, anna: Person) -> str:
    """A browser of hers that takes notices."""
    by = by_patient(anna.patient_id)
    subscribe(
        portal.opened.ledger,
        anna.patient_id,
        endpoint=BROWSER.endpoint,
        p256dh=BROWSER.p256dh,
        auth=BROWSER.auth,
        label=BROWSER.label,
        by=by,
    )
    (browser,) = load_subscriptions(portal.opened.ledger, anna.patient_id).subscriptions
    return str(browser.subscription_id)


def asked_for(portal: Portal, anna: Person, laboratory: Laboratory) -> dict[str, str]:
    """A scan, a card, a ward, a cabinet that she claims, and what a withdrawal obliges to."""
    ledger, by = portal.opened.ledger, by_patient(anna.patient_id)
    kind, organisation_id = ConsentKind.ELECTRONIC_TRANSFER, OrganisationId(laboratory.laboratory_id)
    scan = scans.add(ledger, anna.patient_id, picture("PNG"), by, kind=ScanKind.SNILS, media_type="image/png")
    claim_card(ledger, anna.patient_id, laboratory.laboratory_id, "К-17", by)
    asked = guardianship.request(ledger, anna.patient_id, GuardianshipKind.PARENT, described(MISHA), by)
    newcomer = PatientId(uuid4())
    commands.register_patient(ledger, patient_id=newcomer, phone=who(3).phone, locale="ru")
    claimed = ClaimantDescribed(snils=MISHA.snils, birth_date=MISHA.birth_date, document_number="4500 000001")
    takeover.claim(ledger, newcomer, claimed, by_patient(newcomer))
    withdraw_consent(ledger, anna.patient_id, kind, by, organisation_id=organisation_id)
    return {
        "scan_id": str(scan),
        "guardianship_id": str(asked),
        "claim_id": str(takeover.claim_stream(ledger, newcomer)),
        "obligation_id": str(portal.events(ObligationArose)[0].stream_id),
    }


def proofs_of(anna: Person, clock: Clock) -> dict[str, str]:
    """A program for codes, and a sign-in that waits for her other device."""
    Authenticator(anna, clock).added()
    (added,) = anna.portal.events(AuthenticatorAdded)
    with anna.portal.person(ANNA).client as other:
        assert ask_to_sign_in(anna, other).status_code == 303
        other.post("/sign-in/second-device")
    found = re.search(r'name="confirmation_id" value="([^"]+)"', anna.get("/account/confirm").text)
    assert found is not None
    return {"confirmation_id": found[1], "authenticator_id": str(added.event.authenticator_id)}


@dataclass(frozen=True, slots=True)
class Prober:
    """Who is not meant, at their own browser, with the token of their own forms if they have one."""

    client: httpx2.Client
    token: str = ""

    def ask(self, method: str, address: str, **fields: str) -> httpx2.Response:
        form = {"csrf": self.token} | fields if method == "POST" else None
        return asked(self.client, method, address, form)


def asked(
    client: httpx2.Client, method: str, address: str, form: dict[str, str] | None = None
) -> httpx2.Response:
    """The answer, whole unless it is one that never ends."""
    if not address.endswith("/live"):
        return client.request(method, address, data=form)
    with client.stream(method, address) as answer:
        if answer.status_code != 200:
            answer.read()
        return answer


def same(world: World, prober: Prober, method: str, path: str) -> httpx2.Response:
    """The answer for what is Anna's, which is the answer for what is not there, and no event."""
    answers, addresses = [], []
    field, name, more = FIELDS.get(path, ("", "", {}))
    last = world.portal.opened.ledger.last_position()
    for ids in (world.ids_for(path), world.nobodys(path)):
        fields = {field: ids[name]} | more if field else {}
        addresses.append({one for name, one in ids.items() if len(one) == 36 or name in ("number", "key")})
        answers.append(prober.ask(method, addressed(path, ids), **fields))
    seen, unseen = answers
    what = f"{method} {path}"
    assert seen.status_code == unseen.status_code, f"{what}: {seen.status_code} {unseen.status_code}"
    # Which times of a doctor are free is no secret either, and no two have the same.
    if named_in(path) != {"member_id"}:
        assert without(seen, addresses[0]) == without(unseen, addresses[1]), what
    assert sorted(seen.headers) == sorted(unseen.headers), what
    says_nothing(seen, what)
    assert world.portal.opened.ledger.last_position() == last, f"{what}: an event"
    return seen


def without(answer: httpx2.Response, ids: set[str]) -> tuple[str, str]:
    """Where it leads and what it says, without the ids that were asked with."""
    found = [answer.headers.get("location", ""), answer.text]
    for one in ids:
        found = [text.replace(one, "") for text in found]
    return found[0], found[1]


def says_nothing(answer: httpx2.Response, what: str) -> None:
    for secret in SECRETS:
        assert secret not in answer.text, f"{what}: {secret}"


# The table.


def test_every_route_of_the_application_stands_in_the_table(opened: Node) -> None:
    known = {(method, path) for _, method, path in (*ROWS, *STAFF_ROWS, *MACHINE_ROWS)}
    assert known == answered(create_app(opened, works=False))


def test_the_world_has_something_for_every_id_of_the_table(world: World) -> None:
    asked = {name for _, _, path in (*ROWS, *STAFF_ROWS, *MACHINE_ROWS) for name in named_in(path)}
    assert asked <= world.ids.keys()
    paths = {path for _, _, path in ROWS}
    assert FIELDS.keys() <= paths


def test_it_is_all_there_for_whose_it_is(world: World) -> None:
    """What is probed below exists, or the probes would prove nothing."""
    for method, path in probed(ROWS):
        if method == "GET":
            answer = asked(world.anna.client, method, addressed(path, world.ids_for(path)))
            # What waits for no talk leads to the result itself.
            status = 303 if path.endswith("/kept") else 200
            assert answer.status_code == status, f"{path}: {answer.status_code}"
    assert world.ids["confirmation_id"] in world.anna.get("/account/confirm").text
    assert world.ids["authenticator_id"] in world.anna.get("/account").text


# Another patient, and nobody.


def probed(rows: list[tuple[str, str, str]]) -> Iterator[tuple[str, str]]:
    """Those that name something of somebody's, in the address or in a field."""
    for _, method, path in rows:
        if named_in(path) or (method == "POST" and path in FIELDS):
            yield method, path


@pytest.fixture
def boris(portal: Portal, laboratory: Laboratory) -> Person:
    """A patient who has nothing to do with the laboratory yet, but everything that pages ask for."""
    found = portal.person(BORIS).register()
    settle(portal.opened, found.patient_id, BORIS, None)
    return found


def test_what_is_anothers_is_not_there_for_a_patient(world: World, boris: Person) -> None:
    prober, looked_at = Prober(boris.client, token_of(boris)), 0
    for method, path in probed(ROWS):
        answer = same(world, prober, method, path)
        # That an organisation or a doctor is there is no secret; the rest is.
        if not named_in(path) <= {"organisation_id", "member_id"}:
            assert answer.status_code in (403, 404, 409, 422, 303), f"{method} {path}: {answer.status_code}"
        looked_at += 1
    assert looked_at > 20


def test_what_names_nothing_shows_and_changes_nothing_of_another(world: World, boris: Person) -> None:
    """Every other page and form of the portal, as Boris: his own things at most."""
    prober = Prober(boris.client, token_of(boris))
    others = [(method, path) for _, method, path in ROWS if (method, path) not in set(probed(ROWS))]
    # What ends the session comes last.
    for method, path in sorted(others, key=lambda row: (row[1] == "/sign-out", row)):
        before = world.portal.opened.ledger.last_position()
        answer = prober.ask(method, addressed(path, {}))
        says_nothing(answer, f"{method} {path}")
        for one in world.portal.opened.ledger.read_all(after=before, limit=1000):
            assert getattr(one.event, "patient_id", boris.patient_id) == boris.patient_id, one
            assert str(one.stream_id) not in world.ids.values(), one
    assert world.anna.is_signed_in


def test_nobody_is_sent_to_the_door_whatever_they_ask_for(world: World) -> None:
    with world.portal.person(BORIS).client as client:
        for method, path in (*probed(ROWS), *probed(STAFF_ROWS)):
            answer = same(world, Prober(client), method, path)
            assert answer.status_code in (303, 403, 404, 409, 422), f"{method} {path}: {answer.status_code}"


def test_a_patient_is_nobody_at_the_pages_of_staff(world: World, boris: Person) -> None:
    prober = Prober(boris.client, token_of(boris))
    for whose, method, path in STAFF_ROWS:
        answer = same(world, prober, method, path)
        if whose != "anybody":
            assert answer.headers["location"].startswith("/staff/sign-in"), f"{method} {path}"


# Staff.


def member_of(world: World, clock: Clock, organisation_id: LaboratoryId) -> Member:
    return test_appeals.registrar(world.portal, clock, "petr", organisation_id)


def test_a_registrar_of_another_organisation_finds_nothing(world: World, clock: Clock) -> None:
    petr = member_of(world, clock, world.twin)
    prober, looked_at = Prober(petr.client, petr.token()), 0
    for whose, method, path in STAFF_ROWS:
        if whose == "operator" or (whose == "registrar" and named_in(path)):
            answer = same(world, prober, method, path)
            assert answer.status_code == 404, f"{method} {path}: {answer.status_code}"
            looked_at += 1
    assert looked_at > 40
    says_nothing(petr.get("/staff/appeals"), "the list of another organisation")
    assert world.ids["appeal_id"] not in petr.get("/staff/appeals").text


def test_a_registrar_of_the_organisation_finds_appeals_and_nothing_more(world: World, clock: Clock) -> None:
    maria = member_of(world, clock, world.laboratory.laboratory_id)
    assert world.ids["appeal_id"] in maria.get("/staff/appeals").text
    prober = Prober(maria.client, maria.token())
    for whose, method, path in STAFF_ROWS:
        if whose == "operator":
            assert same(world, prober, method, path).status_code == 404, f"{method} {path}"


def test_an_operator_finds_no_appeal_and_no_scan_under_another_patient(world: World, ivan: Member) -> None:
    ivan.enrolled()
    prober = Prober(ivan.client, ivan.token())
    for whose, method, path in STAFF_ROWS:
        if whose == "registrar":
            assert same(world, prober, method, path).status_code == 404, f"{method} {path}"
    boris_id = str(settled(world.portal.opened, BORIS, None))
    last = world.portal.opened.ledger.last_position()
    for method, path in probed(STAFF_ROWS):
        if len(named_in(path)) > 1:
            hers = prober.ask(method, addressed(path, world.ids_for(path) | {"patient_id": boris_id}))
            assert hers.status_code in (404, 409, 422), f"{method} {path}: {hers.status_code}"
            says_nothing(hers, f"{method} {path}")
    assert world.portal.opened.ledger.last_position() == last


def test_staff_are_nobody_at_the_pages_of_patients(world: World, ivan: Member) -> None:
    ivan.enrolled()
    prober = Prober(ivan.client, ivan.token())
    for method, path in probed(ROWS):
        same(world, prober, method, path)


# Machines.


def test_what_is_said_to_machines_names_nobody(world: World) -> None:
    with browser(world.portal.opened.settings.public_url) as client:
        for whose, method, path in MACHINE_ROWS:
            last = world.portal.opened.ledger.last_position()
            answer = client.request(method, addressed(path, world.ids))
            says_nothing(answer, f"{method} {path}")
            assert str(world.anna.patient_id) not in answer.text, f"{method} {path}"
            if whose == "laboratory":
                assert answer.status_code in (400, 401, 403, 415, 422), (
                    f"{method} {path}: {answer.status_code}"
                )
            else:
                assert world.portal.opened.ledger.last_position() == last, f"{method} {path}"
