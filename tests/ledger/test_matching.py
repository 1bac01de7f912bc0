"""No sequence of acts gives a report to a patient by a name alone; and what recognising costs."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from random import Random
from uuid import UUID, uuid4

import pytest

from domain import report
from domain.consent import OF_CABINET, ConsentDocument
from domain.identity import Proof
from domain.laboratory import LaboratoryRegistered
from domain.numbers import TEMPORARY_POLICY_SYSTEMS, LaboratoryNumber, laboratory_numbers, numbers_of
from domain.patient import LaboratoryPatientIdLinked, LaboratoryPatientIdUnlinked, ProfileStated
from domain.policy import Policy, PolicyKind
from domain.proposal import MatchConfirmed, MatchContradictedError, MatchDeclined, MatchNotProposedError
from domain.report import ReportMatched, ReportReceived
from domain.report_content import ReportContent, ReportStatus, Subject
from domain.values import Identifier, LaboratoryId, OrganisationId, PatientId
from ledger import commands, consents, identity, onboarding, proposals
from ledger.commands import by_patient, decide_again
from ledger.filing import Source, drafts_of
from ledger.linkage import link_organisation
from ledger.matching import match_held, match_of
from ledger.proposals import ReportNotWaitingError
from ledger.recorder import MarkTakenError
from ledger.sight import Sight
from ledger.store import Ledger
from projections import MATCHING, matching
from projections.follow import Follower
from projections.rebuild import check
from tests.examples import DOCUMENT, ENP
from tests.scenario import TESTER

ENP_SYSTEM, SNILS_SYSTEM, OWN_SYSTEM = "urn:oid:1.2.643.2.69.1.1.1.6.228", "urn:oid:1.2.643.100.3", "urn:lab"
SNILS = ("11223344595", "90000005900", "90000006800")
OTHER_ENP = "9900000000000010"
WRONG_SNILS = "254-636-254 26"
FAMILIES, GIVEN = ("Соколова", "Sokolova", "Орлова"), ("Анна", "АННА", "Мария")
DATES = ("1984-02-29", "1990-01-01")
REFUSED = (MatchContradictedError, MatchNotProposedError, ReportNotWaitingError, MarkTakenError)
NOBODY = UUID(int=0)


def registered(ledger: Ledger, handle: str) -> LaboratoryId:
    named = LaboratoryRegistered(handle=handle, name=handle, inn="7707083893", ogrn="1027700132195")
    return onboarding.register_laboratory(ledger, named, by=TESTER)


def patient(ledger: Ledger, phone: str) -> PatientId:
    patient_id = PatientId(uuid4())
    commands.register_patient(ledger, patient_id=patient_id, phone=phone, locale="ru")
    return patient_id


def stated(ledger: Ledger, patient_id: PatientId, snils: str, *words: str) -> None:
    family, given, born = words
    profile = ProfileStated(
        family=family, given=given, patronymic=None, birth_date=born, sex="female", snils=snils
    )
    commands.state_profile(ledger, patient_id, profile, by_patient(patient_id))
    identity.confirm(ledger, patient_id, TESTER, proof=Proof.IN_PERSON)


def agreed(ledger: Ledger, patient_id: PatientId, laboratory_id: LaboratoryId) -> None:
    """Everything that lets the laboratory's reports reach the patient."""
    by = by_patient(patient_id)
    # No two have one policy.
    number = next(number for number in (ENP, OTHER_ENP) if ledger.find("enp", number) in (None, patient_id))
    commands.link_policy(ledger, patient_id, number, by)
    link_organisation(ledger, patient_id, OrganisationId(laboratory_id), by)
    for kind in OF_CABINET:
        document: ConsentDocument = replace(DOCUMENT, kind=kind)
        consents.grant_consent(ledger, patient_id, agreed=document, current=document, by=by)


def content(subject: Subject) -> ReportContent:
    number = Identifier(system="urn:lab:number", value=str(uuid4()))
    return ReportContent(status=ReportStatus.FINAL, subject=subject, identifiers=(number,))


def arrives(ledger: Ledger, laboratory_id: LaboratoryId, subject: Subject) -> UUID:
    sent = content(subject)

    def act() -> UUID:
        (draft,) = drafts_of(
            Sight(ledger, OrganisationId(laboratory_id)), Source(laboratory_id, uuid4()), [sent]
        )
        ledger.append(*draft.writes, circumstances=TESTER, guards=draft.guards, marks=draft.marks)
        return draft.submitted.report_id

    return decide_again(act)


@dataclass(slots=True)
class Play:
    """Random acts of two patients, two laboratories, and an operator who may err."""

    ledger: Ledger
    follower: Follower
    random: Random
    laboratories: list[LaboratoryId] = field(default_factory=list)
    patients: list[PatientId] = field(default_factory=list)
    reports: list[UUID] = field(default_factory=list)

    def acts(self) -> Iterator[Callable[[], object]]:
        decides = (self.confirm, self.decline, self.link, self.unlink, self.ask)
        while True:
            yield self.random.choice((self.arrive, self.arrive, self.state, self.catch_up, *decides))

    def arrive(self) -> None:
        choice = self.random.choice
        numbers = [
            Identifier(system=system, value=value)
            for system, value in (
                (SNILS_SYSTEM, choice((*SNILS, WRONG_SNILS))),
                (OWN_SYSTEM, choice(("17", "18", "0"))),
            )
            if choice((True, False))
        ]
        subject = Subject(
            family=choice(FAMILIES),
            given=(choice(GIVEN),),
            birth_date=choice(DATES),
            identifiers=tuple(numbers),
        )
        self.reports.append(arrives(self.ledger, choice(self.laboratories), subject))

    def state(self) -> None:
        choice = self.random.choice
        patient_id = choice(self.patients)
        own = SNILS[self.patients.index(patient_id)]
        stated(self.ledger, patient_id, own, choice(FAMILIES), choice(GIVEN), choice(DATES))

    def catch_up(self) -> None:
        self.follower.catch_up()
        for report_id, patient_id, kind in matching.recognised(self.ledger, after=NOBODY, limit=1000):
            match_held(self.ledger, report_id, patient_id, matched_by=kind)
        self.follower.catch_up()

    def ask(self) -> None:
        """Whatever a view that is wrong might ask for."""
        for report_id in self.reports[-5:]:
            kind = self.random.choice(("person", "snils", "laboratory-patient-id"))
            match_held(self.ledger, report_id, self.random.choice(self.patients), matched_by=kind)

    def confirm(self) -> None:
        if self.reports:
            pair = self.random.choice(self.reports), self.random.choice(self.patients)
            proposals.confirm(self.ledger, *pair, TESTER, links_number=self.random.choice((True, False)))

    def decline(self) -> None:
        if self.reports:
            pair = self.random.choice(self.reports), self.random.choice(self.patients)
            proposals.decline(self.ledger, *pair, TESTER)

    def link(self) -> None:
        proposals.link_number(self.ledger, *self._number(), TESTER)

    def unlink(self) -> None:
        laboratory_id, patient_id, given = self._number()
        known = commands.load_patient(self.ledger, patient_id).laboratory_numbers
        if (laboratory_id, given) in known:
            proposals.unlink_number(self.ledger, laboratory_id, patient_id, given, TESTER)

    def _number(self) -> tuple[LaboratoryId, PatientId, LaboratoryNumber]:
        choice = self.random.choice
        number = LaboratoryNumber(OWN_SYSTEM, choice(("17", "18")))
        return choice(self.laboratories), choice(self.patients), number


@pytest.mark.parametrize("seed", range(4))
def test_every_match_has_a_number_or_a_person_behind_it(
    ledger: Ledger, follower: Follower, owner: Ledger, seed: int
) -> None:
    play = Play(ledger, follower, Random(seed))
    play.laboratories = [registered(ledger, "invitro"), registered(ledger, "helix")]
    for phone in ("+79990000001", "+79990000002"):
        play.patients.append(patient(ledger, phone))
    for patient_id, snils in zip(play.patients, SNILS, strict=False):
        stated(ledger, patient_id, snils, FAMILIES[0], GIVEN[0], DATES[0])
        for laboratory_id in play.laboratories:
            agreed(ledger, patient_id, laboratory_id)
    for act, _ in zip(play.acts(), range(60), strict=False):
        try:
            act()
        except REFUSED:
            continue
    play.catch_up()
    kinds = judged(ledger)
    assert kinds, "nothing was matched: the play proves nothing"
    assert check(owner, MATCHING).is_equal


def judged(ledger: Ledger) -> set[str]:
    """The kinds of matches in the ledger, after seeing that each has its reason before it."""
    subjects: dict[UUID, tuple[LaboratoryId, Subject]] = {}
    snils: dict[UUID, str] = {}
    linked: set[tuple[UUID, LaboratoryId, LaboratoryNumber]] = set()
    said: dict[tuple[UUID, UUID], bool] = {}
    kinds = set()
    for recorded in ledger.read_all(limit=100_000):
        match recorded.event:
            case ReportReceived() as event:
                subjects[recorded.stream_id] = event.laboratory_id, event.content.subject
            case ProfileStated() as event:
                snils[recorded.stream_id] = event.snils
            case LaboratoryPatientIdLinked() as event:
                number = LaboratoryNumber(event.system, event.number)
                linked.add((recorded.stream_id, event.laboratory_id, number))
            case LaboratoryPatientIdUnlinked() as event:
                number = LaboratoryNumber(event.system, event.number)
                linked.remove((recorded.stream_id, event.laboratory_id, number))
            case MatchConfirmed() | MatchDeclined() as event:
                said[event.report_id, event.patient_id] = isinstance(event, MatchConfirmed)
            case ReportMatched() as event:
                laboratory_id, subject = subjects[recorded.stream_id]
                good = dict(numbers_of(subject.identifiers).good)
                own = {(event.patient_id, laboratory_id, n) for n in laboratory_numbers(subject.identifiers)}
                assert good.get("snils") in (None, snils[event.patient_id]), "another person's number"
                is_founded = {
                    "snils": good.get("snils") == snils[event.patient_id],
                    "laboratory-patient-id": bool(own & linked),
                    "person": said.get((recorded.stream_id, event.patient_id), False),
                }
                assert is_founded[event.matched_by]
                kinds.add(event.matched_by)
            case _:
                pass
    return kinds


def test_by_name_alone_nothing_is_ever_matched(ledger: Ledger, follower: Follower) -> None:
    """The same name, birth date and sex, before and after the profile, and round after round."""
    laboratory_id, anna = registered(ledger, "invitro"), patient(ledger, "+79990000001")
    subject = Subject(family=FAMILIES[0], given=(GIVEN[0],), birth_date=DATES[0], sex="female")
    for identifiers in ((), (Identifier(system=SNILS_SYSTEM, value=WRONG_SNILS),), (Identifier(value="17"),)):
        arrives(ledger, laboratory_id, replace(subject, identifiers=identifiers))
    stated(ledger, anna, SNILS[0], FAMILIES[0], GIVEN[0], DATES[0])
    agreed(ledger, anna, laboratory_id)
    arrives(ledger, laboratory_id, subject)
    for _ in range(3):
        follower.catch_up()
        assert matching.recognised(ledger, after=NOBODY) == []
    assert len(matching.proposed(ledger)) == 4
    assert not [e for e in ledger.read_all(limit=10_000) if isinstance(e.event, ReportMatched)]


def test_recognising_asks_the_index_once_however_many_numbers_there_are(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    laboratory_id, anna = registered(ledger, "invitro"), patient(ledger, "+79990000001")
    stated(ledger, anna, SNILS[0], FAMILIES[0], GIVEN[0], DATES[0])
    agreed(ledger, anna, laboratory_id)
    numbers = ((SNILS_SYSTEM, SNILS[0]), (ENP_SYSTEM, ENP), (OWN_SYSTEM, "17"), (None, "18"))
    subject = Subject(
        family=FAMILIES[0],
        given=(GIVEN[0],),
        birth_date=DATES[0],
        identifiers=tuple(Identifier(system=system, value=value) for system, value in numbers),
    )
    asked: list[str] = []
    for name in ("find", "find_all", "read", "load_unerased"):
        real = getattr(ledger, name)
        monkeypatch.setattr(
            ledger, name, lambda *a, _name=name, _real=real, **k: (asked.append(_name), _real(*a, **k))[1]
        )
    match = match_of(Sight(ledger, OrganisationId(laboratory_id)), content(subject))
    assert match.patient_id == anna
    # The index, and what the patient permits; the name is in what was loaded for that.
    assert asked == ["find_all", "load_unerased"]


def owner_of(ledger: Ledger, report_id: UUID) -> PatientId | None:
    state, _ = ledger.load(report_id, report.evolve)
    assert state is not None
    return state.patient_id


def test_a_strangers_policy_that_nothing_checks_keeps_nothing_from_its_owner(ledger: Ledger) -> None:
    """Whoever writes nine digits may hit another's certificate, by a slip or on purpose."""
    laboratory_id = registered(ledger, "one")
    anna, stranger = patient(ledger, "+79990000001"), patient(ledger, "+79990000002")
    stated(ledger, anna, SNILS[0], "Соколова", "Анна", "1984-02-29")
    agreed(ledger, anna, laboratory_id)
    stated(ledger, stranger, SNILS[1], "Орлова", "Мария", "1990-01-01")
    hit = Policy(
        kind=PolicyKind.TEMPORARY, number="123456789", issued_on="2026-11-23", valid_until="2027-02-02"
    )
    commands.link_policy(ledger, stranger, hit, by_patient(stranger))
    sent = Identifier(system=min(TEMPORARY_POLICY_SYSTEMS), value=hit.number)
    by_both = Subject(
        family="Соколова",
        given=("Анна",),
        birth_date="1984-02-29",
        identifiers=(Identifier(system=SNILS_SYSTEM, value=SNILS[0]), sent),
    )
    assert owner_of(ledger, arrives(ledger, laboratory_id, by_both)) == anna
    by_it_alone = arrives(ledger, laboratory_id, replace(by_both, identifiers=(sent,)))
    assert owner_of(ledger, by_it_alone) is None
    follower = Follower(ledger, (MATCHING,))
    follower.catch_up()
    (asked,) = (one for one in matching.proposed(ledger) if one.patient_id == anna)
    assert (asked.report_id, asked.is_contradicted) == (by_it_alone, False)
    proposals.confirm(ledger, by_it_alone, anna, TESTER)
    assert owner_of(ledger, by_it_alone) == anna
