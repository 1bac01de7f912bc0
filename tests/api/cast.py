"""Who takes part in the tests of the edges: patients with numbers that fit, a laboratory, a browser, the portal."""

import re
import socket
import ssl
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from threading import Thread
from time import monotonic, sleep
from typing import Any
from uuid import UUID, uuid4

import httpx2
import orjson

from api import laboratories
from api.app import create_app
from api.consent_documents import current
from api.demo_peers import MailPeer, SmsPeer
from api.envelope import seal
from api.guardian_notices import tell_guardians
from api.http_server import HttpServer
from api.node import Node
from api.problems import explain
from api.reports_matching import ReportsMatching
from api.sending import worker
from domain import Event
from domain.channel import Channel
from domain.consent import OF_CABINET, ConsentKind
from domain.identity import Proof
from domain.patient import ProfileStated
from domain.values import CheckDigitError, LaboratoryId, OrganisationId, PatientId, enp, snils
from ledger import commands, identity
from ledger.commands import by_patient
from ledger.consents import grant_consent, withdraw_consent
from ledger.contacts import confirm_email
from ledger.linkage import link_organisation
from ledger.staff import by_member
from projections import PROJECTIONS
from projections.follow import Follower

PASSWORD = "длинная фраза для входа"
ALL_CONSENTS = OF_CABINET
# Read once: each client would read the file of all of them anew, and none of them is asked.
AUTHORITIES = ssl.create_default_context()


@dataclass(frozen=True, slots=True)
class Who:
    """A made-up person with numbers whose check digits fit."""

    phone: str
    enp: str
    snils: str
    email: str
    family: str = "Соколова"
    given: str = "Анна"
    birth_date: str = "1984-02-29"
    region: str | None = None


def who(number: int, **changed: str) -> Who:
    """The person of this number, the same at every run."""
    plain = {
        "phone": f"+7900{number:07d}",
        "enp": _fitting(enp, f"99{number:013d}", width=1),
        "snils": _fitting(snils, f"9{number:08d}", width=2),
        "email": f"person-{number}@patients.example",
    }
    return Who(**plain | changed)


def _fitting(check: Callable[[str], str], digits: str, *, width: int) -> str:
    for tail in range(10**width):
        try:
            return check(f"{digits}{tail:0{width}d}")
        except CheckDigitError:
            continue
    raise AssertionError(digits)


ANNA, BORIS = who(1), who(2, family="Орлов", given="Борис", birth_date="1975-06-30")


# What a laboratory sends.

ENP_SYSTEM = "urn:oid:1.2.643.2.69.1.1.1.6.228"
SNILS_SYSTEM = "urn:oid:1.2.643.100.3"


def bundle(
    number: str,
    person: Who = ANNA,
    *,
    value: str = "72.50",
    identifiers: Sequence[tuple[str, str]] | None = None,
    **report: Any,
) -> bytes:
    """A FHIR R4 bundle with one report of one measured value; `report` changes fields of the report."""
    if identifiers is None:
        identifiers = ((ENP_SYSTEM, person.enp), (SNILS_SYSTEM, person.snils))
    quantity = {"value": orjson.Fragment(value.encode()), "unit": "мкмоль/л"}
    reference = {"low": {"value": orjson.Fragment(b"44.00")}, "high": {"value": orjson.Fragment(b"80.0")}}
    resources = [
        {
            "resourceType": "DiagnosticReport",
            "id": "report",
            "identifier": [{"system": "urn:lab:number", "value": number}],
            "status": "final",
            "code": {"text": "Креатинин в сыворотке"},
            "subject": {"reference": "Patient/patient"},
            "issued": "2026-11-22T14:00:00+03:00",
            "result": [{"reference": "Observation/creatinine"}],
        }
        | report,
        {
            "resourceType": "Observation",
            "id": "creatinine",
            "status": "final",
            "code": {"coding": [{"system": "http://loinc.org", "code": "14682-9", "display": "Креатинин"}]},
            "subject": {"reference": "Patient/patient"},
            "valueQuantity": quantity,
            "referenceRange": [reference],
        },
        {
            "resourceType": "Patient",
            "id": "patient",
            "identifier": [{"system": system, "value": text} for system, text in identifiers],
            "name": [{"family": person.family, "given": [person.given]}],
            "birthDate": person.birth_date,
        },
    ]
    entries = [
        {"fullUrl": f"urn:lab/{resource['resourceType']}/{resource['id']}", "resource": resource}
        for resource in resources
    ]
    return orjson.dumps({"resourceType": "Bundle", "type": "collection", "entry": entries})


@dataclass(frozen=True, slots=True)
class Laboratory:
    """A registered laboratory that sends to one portal."""

    laboratory_id: LaboratoryId
    sender: laboratories.Sender
    opened: Node

    def seal(self, content: bytes, **changed: Any) -> bytes:
        """The content in an envelope, as it should be but for what is changed."""
        fields: dict[str, Any] = {
            "content_type": "application/fhir+json",
            "signing_key": self.sender.key,
            "key_id": self.sender.key.thumbprint(),
            "issuer": self.sender.handle,
            "audience": self.opened.settings.public_url,
            "envelope_id": str(uuid4()),
            "issued_at": datetime.now(UTC),
            "recipient_key": self.opened.intake_key,
        }
        return seal(content, **fields | changed)


# What a patient has done before, by the commands that the pages call.


def settled(
    opened: Node,
    person: Who,
    laboratory_id: LaboratoryId | None,
    consents: Sequence[ConsentKind] = ALL_CONSENTS,
) -> PatientId:
    """A patient with profile, e-mail, policy and confirmed identity; the organisation linked and the consents
    granted."""
    patient_id = PatientId(uuid4())
    commands.register_patient(opened.ledger, patient_id=patient_id, phone=person.phone, locale="ru")
    return settle(opened, patient_id, person, laboratory_id, consents)


def settle(
    opened: Node,
    patient_id: PatientId,
    person: Who,
    laboratory_id: LaboratoryId | None,
    consents: Sequence[ConsentKind] = ALL_CONSENTS,
) -> PatientId:
    """The same for one who has registered."""
    ledger, by = opened.ledger, by_patient(patient_id)
    profile = ProfileStated(
        family=person.family,
        given=person.given,
        patronymic=None,
        birth_date=person.birth_date,
        sex="female",
        snils=person.snils,
        region=person.region,
    )
    commands.state_profile(ledger, patient_id, profile, by)
    commands.state_email(ledger, patient_id, person.email, by)
    confirm_email(ledger, patient_id, person.email, by)
    commands.link_policy(ledger, patient_id, person.enp, by)
    identity.confirm(ledger, patient_id, by_member("ivan"), proof=Proof.IN_PERSON)
    if laboratory_id is not None:
        link_organisation(ledger, patient_id, OrganisationId(laboratory_id), by)
    for kind in consents:
        grant(opened, patient_id, kind)
    return patient_id


def grant(opened: Node, patient_id: PatientId, kind: ConsentKind) -> None:
    document = current(kind, "ru").document
    by = by_patient(patient_id)
    grant_consent(opened.ledger, patient_id, agreed=document, current=document, by=by)


def withdraw(opened: Node, patient_id: PatientId, kind: ConsentKind) -> None:
    withdraw_consent(opened.ledger, patient_id, kind, by_patient(patient_id))


# The portal, and who comes to it.


@dataclass(frozen=True, slots=True)
class Portal:
    """A portal that serves on the loopback address, with its mail relay and its SMS gateway."""

    opened: Node
    mail: MailPeer
    sms: SmsPeer
    machine: httpx2.Client

    def submit(self, envelope: bytes) -> httpx2.Response:
        return self.machine.post("/v1/submissions", content=envelope)

    def catch_up(self) -> None:
        """Bring the views to the end of the ledger, as the server's follower does."""
        assert Follower(self.opened.ledger, PROJECTIONS).catch_up()

    def notify(self, *channels: Channel) -> int:
        """One round of the senders, of all channels or of these, on views that are up to date."""
        self.catch_up()
        ReportsMatching(self.opened.ledger).step()
        self.catch_up()
        while tell_guardians(self.opened.ledger, worker.utc_now()):
            self.catch_up()
        return sum(worker.ChannelWorker(self.opened, channel).step() for channel in channels or Channel)

    def events(self, *kinds: type[Event]) -> list[Any]:
        """The recorded events of these kinds in order of position."""
        found = self.opened.ledger.read_all(limit=100_000)
        return [recorded for recorded in found if isinstance(recorded.event, kinds)]

    def letters(self, address: str) -> list[EmailMessage]:
        """What arrived in the mailbox, as it did."""
        return [
            message_from_bytes(one.path.read_bytes(), _class=EmailMessage, policy=policy.default)
            for one in self.mail.accepted
            if one.recipients == (address,)
        ]

    def letter_code(self, address: str) -> str:
        """The code in the latest letter to the address."""
        body = self.letters(address)[-1].get_body(("plain",))
        found = re.search(r"\b(\d{6})\b", body.get_content() if body else "")
        assert found is not None
        return found[1]

    def person(self, person: Who = ANNA) -> "Person":
        return Person(self, person, browser(self.opened.settings.public_url))


def answered(ask: Callable[[], httpx2.Response]) -> httpx2.Response:
    """Asked again while the machine is too busy to answer, as the page says."""
    give_up = monotonic() + 60
    while (answer := ask()).status_code == 503:
        assert monotonic() < give_up, answer.text
    return answer


def browser(url: str) -> httpx2.Client:
    """A client that names its origin in every request and keeps cookies, but follows nothing unasked."""
    return httpx2.Client(base_url=url, headers={"Origin": url}, timeout=60, verify=AUTHORITIES)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody at a browser."""

    portal: Portal
    who: Who
    client: httpx2.Client

    def get(self, path: str) -> httpx2.Response:
        return self.client.get(path)

    def post(self, path: str, **form: str) -> httpx2.Response:
        """The form with the token that the pages of the session carry."""
        return self.client.post(path, data={"csrf": self.token()} | form)

    def token(self) -> str:
        found = re.search(r'name="csrf" value="([^"]*)"', self.get("/services/profile").text)
        return found[1] if found else ""

    def code(self) -> str:
        """The code in the latest SMS to this phone."""
        texts = [message.text for message in self.portal.sms.accepted if message.to == self.who.phone]
        found = re.search(r"\b(\d{6})\b", texts[-1])
        assert found is not None, texts[-1]
        return found[1]

    def ask_to_register(self, password: str = PASSWORD) -> httpx2.Response:
        return self.client.post("/register", data={"phone": self.who.phone, "password": password})

    def register(self) -> "Person":
        assert self.ask_to_register().status_code == 303
        answer = self.client.post("/register/code", data={"code": self.code()})
        assert answer.headers["location"].startswith("/services"), answer.status_code
        return self

    def ask_to_sign_in(self, password: str = PASSWORD) -> httpx2.Response:
        return self.client.post("/sign-in", data={"phone": self.who.phone, "password": password})

    def sign_in(self) -> "Person":
        assert self.ask_to_sign_in().headers["location"] == "/sign-in/code"
        answer = self.client.post("/sign-in/code", data={"code": self.code()})
        assert answer.headers["location"] == "/reports", answer.status_code
        return self

    @property
    def is_signed_in(self) -> bool:
        return self.get("/services").status_code == 200

    @property
    def patient_id(self) -> PatientId:
        found = self.portal.opened.ledger.find("phone", self.who.phone)
        assert isinstance(found, UUID)
        return PatientId(found)


def whole(problem: dict[str, Any]) -> dict[str, Any]:
    """A problem document, after seeing that it says all that it must, in both languages."""
    explanation = explain(problem["code"])
    assert problem["type"] == f"urn:letopis:problem:{problem['code']}"
    assert problem["status"] == explanation.status
    assert problem["detail"] == {"ru": explanation.title[0], "en": explanation.title[1]}
    assert problem["advice"] == {"ru": explanation.advice[0], "en": explanation.advice[1]}
    return problem


def code_of(page: httpx2.Response) -> str:
    """The code of the problem that a page shows."""
    found = re.search(r'class="code">[^<:]*: ([a-z]+(?:-[a-z]+)+)', page.text)
    assert found is not None, page.text
    return found[1]


@contextmanager
def serving(opened: Node, listening: socket.socket, *, works: bool, grace_seconds: int = 2) -> Iterator[None]:
    """The real server over the node, in a thread, on a socket that listens already."""
    app = create_app(opened, works=works)
    server = HttpServer(app, log_level="error", timeout_graceful_shutdown=grace_seconds)
    thread = Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    give_up = monotonic() + 60
    while not server.started:
        assert thread.is_alive() and monotonic() < give_up, "the server does not start"
        sleep(0.01)
    try:
        yield
    finally:
        server.should_exit = True
        thread.join(timeout=60)
