"""No sequence of acts shows a report, or asks for a notice, without what permits it at its very position.

The oracle knows the rule from nothing but the events in the order of the ledger, not from the code that decides.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from random import Random
from threading import Barrier, Thread
from time import sleep
from uuid import UUID, uuid4

import pytest

from domain import permission, report
from domain.channel import Channel
from domain.consent import (
    OF_CABINET,
    ConsentExpired,
    ConsentGranted,
    ConsentKind,
    ConsentNotInForceError,
    ConsentWithdrawn,
    Scope,
    TermInThePastError,
)
from domain.identity import IdentityConfirmed, ProfileRestored, ProfileSuspended, Proof, SuspensionReason
from domain.linkage import OrganisationLinked, OrganisationUnlinked
from domain.notification import NotificationRequested
from domain.patient import PolicyLinked, PolicyMissingError, PolicyUnlinked, ProfileStated
from domain.receiving import AutomaticTransferTurnedOff, AutomaticTransferTurnedOn
from domain.report import (
    ReportMatched,
    ReportReceived,
    ReportRevised,
    ReportVersionsHeld,
    ReportVersionsReleased,
)
from domain.report_content import ReportContent, ReportStatus, Subject
from domain.study_type import StudyType, study_types_of
from domain.values import Coding, Concept, Identifier, LaboratoryId, OrganisationId, PatientId
from ledger import commands, identity, linkage, policy, receiving
from ledger.codec import RecordedEvent
from ledger.commands import by_patient, decide_again
from ledger.consents import grant_consent, withdraw_consent
from ledger.contacts import confirm_email
from ledger.filing import Source, drafts_of
from ledger.insertion import Erasure
from ledger.matching import match_held, release_held
from ledger.redeciding import Rules, redecide_all
from ledger.sight import Sight
from ledger.store import Ledger, Write
from projections import CABINET, MATCHING, matching
from projections.follow import Follower
from tests.examples import DOCUMENT, EXAMPLES
from tests.ledger.test_matching import SNILS, SNILS_SYSTEM, agreed, patient, registered, stated
from tests.scenario import TESTER

NOBODY = UUID(int=0)
# By their LOINC codes: a blood count and a urinalysis.
PANELS = ("58410-2", "24356-8")
BOTH = (StudyType.BLOOD_COUNT, StudyType.URINALYSIS)
# A short term may be over before a busy machine comes to it.
REFUSED = (ConsentNotInForceError, PolicyMissingError, TermInThePastError)


def content(number: str, panel: str, *, sent_second: int) -> ReportContent:
    subject = Subject(
        family="Соколова",
        given=("Анна",),
        birth_date="1984-02-29",
        identifiers=(Identifier(system=SNILS_SYSTEM, value=SNILS[0]),),
    )
    return ReportContent(
        status=ReportStatus.FINAL,
        subject=subject,
        identifiers=(Identifier(system="urn:lab:number", value=number),),
        code=Concept(codings=(Coding(system="http://loinc.org", code=panel),)),
        issued_at=f"2026-11-22T14:{sent_second // 60:02d}:{sent_second % 60:02d}+03:00",
    )


def arrives(ledger: Ledger, laboratory_id: LaboratoryId, sent: ReportContent) -> UUID:
    def act() -> UUID:
        sight = Sight(ledger, OrganisationId(laboratory_id))
        (draft,) = drafts_of(sight, Source(laboratory_id, uuid4()), [sent])
        ledger.append(*draft.writes, circumstances=TESTER, guards=draft.guards, marks=draft.marks)
        return draft.submitted.report_id

    return decide_again(act)


@dataclass(slots=True)
class Play:
    """Random acts of a patient, of staff, and of two laboratories."""

    ledger: Ledger
    follower: Follower
    random: Random
    laboratories: list[LaboratoryId] = field(default_factory=list)
    patient_id: PatientId = field(default_factory=lambda: PatientId(uuid4()))
    clock: int = 0

    def acts(self) -> Iterator[Callable[[], object]]:
        decides = (self.grant, self.withdraw, self.link, self.unlink, self.settle, self.identify, self.state)
        decides = (*decides, self.unlink_policy, self.run_out)
        arrivals = (self.arrive, self.arrive, self.arrive)
        while True:
            yield self.random.choice((*arrivals, self.wake, self.suspend, self.mend, self.mend, *decides))

    def mend(self) -> None:
        """Everything is permitted again, and everything that waits comes."""
        known = identity.look(self.ledger, self.patient_id).identity
        if known is not None and known.suspended is not None:
            identity.restore(self.ledger, self.patient_id, TESTER)
        identity.confirm(self.ledger, self.patient_id, TESTER, proof=Proof.IN_PERSON)
        for laboratory_id in self.laboratories:
            organisation_id, by = OrganisationId(laboratory_id), by_patient(self.patient_id)
            agreed(self.ledger, self.patient_id, laboratory_id)
            receiving.turn_on(self.ledger, self.patient_id, organisation_id, by)
        if self.random.choice((True, False)):
            self.wake()

    def arrive(self) -> None:
        """A first version, a correction, one that is late, or a repeat."""
        self.clock += self.random.choice((0, 1, 7, -3))
        number, panel = self.random.choice("123"), self.random.choice(PANELS)
        sent = content(number, panel, sent_second=max(self.clock, 0))
        arrives(self.ledger, self.random.choice(self.laboratories), sent)

    def grant(self) -> None:
        choice = self.random.choice
        kind = choice(OF_CABINET)
        scope = Scope(
            organisations=choice(((), (), (OrganisationId(choice(self.laboratories)),))),
            study_types=choice(((), (), BOTH, BOTH[:1])),
            until=choice((None, None, datetime.now(UTC) + timedelta(milliseconds=choice((20, 60_000))))),
        )
        document = replace(DOCUMENT, kind=kind, version=choice((1, 2)))
        by = by_patient(self.patient_id)
        grant_consent(self.ledger, self.patient_id, agreed=document, current=document, by=by, scope=scope)

    def run_out(self) -> None:
        """Everything is permitted but for one consent, whose term is over: what comes then waits, or is not told."""
        self.mend()
        document = replace(DOCUMENT, kind=self.random.choice(OF_CABINET))
        by, scope = by_patient(self.patient_id), Scope(until=datetime.now(UTC) + timedelta(milliseconds=40))
        grant_consent(self.ledger, self.patient_id, agreed=document, current=document, by=by, scope=scope)
        sleep(0.05)
        self.arrive()

    def withdraw(self) -> None:
        kind = self.random.choice(OF_CABINET)
        withdraw_consent(self.ledger, self.patient_id, kind, by_patient(self.patient_id))

    def link(self) -> None:
        organisation_id = OrganisationId(self.random.choice(self.laboratories))
        linkage.link_organisation(self.ledger, self.patient_id, organisation_id, by_patient(self.patient_id))

    def unlink(self) -> None:
        organisation_id = OrganisationId(self.random.choice(self.laboratories))
        linkage.unlink_organisation(
            self.ledger, self.patient_id, organisation_id, by_patient(self.patient_id)
        )

    def unlink_policy(self) -> None:
        policy.unlink_policy(self.ledger, self.patient_id, by_patient(self.patient_id))

    def settle(self) -> None:
        turn = self.random.choice((receiving.turn_on, receiving.turn_off))
        organisation_id = OrganisationId(self.random.choice(self.laboratories))
        turn(self.ledger, self.patient_id, organisation_id, by_patient(self.patient_id))

    def identify(self) -> None:
        identity.confirm(self.ledger, self.patient_id, TESTER, proof=Proof.IN_PERSON)

    def state(self) -> None:
        """Another profile: whose it is must be confirmed anew."""
        given = self.random.choice(("Анна", "Аня"))
        known = commands.load_patient(self.ledger, self.patient_id).profile
        assert known is not None
        commands.state_profile(
            self.ledger, self.patient_id, replace(known, given=given), by_patient(self.patient_id)
        )

    def suspend(self) -> None:
        known = identity.look(self.ledger, self.patient_id).identity
        if known is not None and known.suspended is not None:
            identity.restore(self.ledger, self.patient_id, TESTER)
        else:
            reason = SuspensionReason.MISUSE_SUSPECTED
            identity.suspend(self.ledger, self.patient_id, TESTER, reason=reason)

    def wake(self) -> None:
        self.follower.catch_up()
        for report_id, patient_id, kind in matching.recognised(self.ledger, after=NOBODY, limit=1000):
            match_held(self.ledger, report_id, patient_id, matched_by=kind)
        for report_id in matching.held(self.ledger, after=NOBODY, limit=1000):
            release_held(self.ledger, report_id)
        self.follower.catch_up()


@dataclass(slots=True)
class Oracle:
    """What is permitted at each position, by the events alone."""

    granted: dict[ConsentKind, ConsentGranted | None] = field(default_factory=dict)
    linked: set[UUID] = field(default_factory=set)
    turned_off: set[UUID] = field(default_factory=set)
    profiles: int = 0
    confirmed: int | None = None
    suspended: bool = False
    insured: bool = False
    types: dict[UUID, list[frozenset[StudyType]]] = field(default_factory=dict)
    laboratory: dict[UUID, UUID] = field(default_factory=dict)
    shown: int = 0
    announced: int = 0

    def permits(self, kind: ConsentKind, at: datetime) -> bool:
        found = self.granted.get(kind)
        return found is not None and (found.until is None or at < found.until)

    def lets(self, report_id: UUID, types: frozenset[StudyType], at: datetime) -> bool:
        organisation_id = self.laboratory[report_id]
        transfer = self.granted.get(ConsentKind.RESULTS_TRANSFER)
        return (
            organisation_id in self.linked - self.turned_off
            and self.confirmed == self.profiles
            and not self.suspended
            and self.insured
            and self.permits(ConsentKind.PERSONAL_DATA, at)
            and self.permits(ConsentKind.RESULTS_TRANSFER, at)
            and transfer is not None
            and (not transfer.organisations or organisation_id in transfer.organisations)
            and (not transfer.study_types or types <= set(transfer.study_types))
        )


def decided_at(recorded: RecordedEvent) -> datetime:
    """The time that terms were compared with: as the event says, which must be a moment before it was recorded."""
    basis = getattr(recorded.event, "basis", None)
    if basis is None:
        return recorded.recorded_at - timedelta(seconds=2)
    assert timedelta(seconds=-1) < recorded.recorded_at - basis.at < timedelta(seconds=30), recorded
    decided: datetime = basis.at
    return decided


def judge(ledger: Ledger) -> Oracle:  # noqa: C901, PLR0912 - one line for each thing that counts
    """Walk through the ledger; AssertionError at the first thing that was not permitted."""
    oracle = Oracle()
    held: set[UUID] = set()
    owned: set[UUID] = set()
    for recorded in ledger.read_all(limit=100_000):
        event, stream_id, at = recorded.event, recorded.stream_id, decided_at(recorded)
        match event:
            case ConsentGranted():
                oracle.granted[event.document.kind] = event
            case ConsentWithdrawn() | ConsentExpired():
                oracle.granted[event.kind] = None
            case OrganisationLinked():
                oracle.linked.add(event.organisation_id)
            case OrganisationUnlinked():
                oracle.linked.discard(event.organisation_id)
            case AutomaticTransferTurnedOff():
                oracle.turned_off.add(event.organisation_id)
            case AutomaticTransferTurnedOn():
                oracle.turned_off.discard(event.organisation_id)
            case ProfileStated():
                oracle.profiles += 1
            case IdentityConfirmed():
                oracle.confirmed = event.profile_number
            case ProfileSuspended():
                oracle.suspended = True
            case ProfileRestored():
                oracle.suspended = False
            case PolicyLinked() | PolicyUnlinked():
                oracle.insured = isinstance(event, PolicyLinked)
            case ReportVersionsHeld():
                held.add(stream_id)
            case NotificationRequested():
                oracle.announced += 1
                assert oracle.permits(ConsentKind.NOTIFICATIONS, at), recorded
                assert oracle.permits(ConsentKind.PERSONAL_DATA, at), recorded
                assert event.report_id not in held, "what is not shown is not announced"
        if hasattr(event, "content"):
            oracle.laboratory[stream_id] = event.laboratory_id
            late = isinstance(event, ReportRevised) and event.is_late
            known = oracle.types.setdefault(stream_id, [])
            if not late:
                known.append(study_types_of(event.content))
            if stream_id in owned and stream_id not in held and not late:
                oracle.shown += 1
                assert oracle.lets(stream_id, known[-1], at), recorded
        if isinstance(event, ReportMatched | ReportVersionsReleased):
            owned.add(stream_id)
            held.discard(stream_id)
            oracle.shown += 1
            assert oracle.lets(stream_id, oracle.types[stream_id][-1], at), recorded
    return oracle


def prepared(ledger: Ledger, seed: int) -> Play:
    play = Play(ledger, Follower(ledger, (MATCHING, CABINET)), Random(seed))
    play.laboratories = [registered(ledger, "one"), registered(ledger, "two")]
    play.patient_id = patient(ledger, "+79990000001")
    stated(ledger, play.patient_id, SNILS[0], "Соколова", "Анна", "1984-02-29")
    # Without an address there are no notices that could go wrong.
    commands.state_email(ledger, play.patient_id, "anna@patients.example", by_patient(play.patient_id))
    confirm_email(ledger, play.patient_id, "anna@patients.example", by_patient(play.patient_id))
    for laboratory_id in play.laboratories:
        agreed(ledger, play.patient_id, laboratory_id)
    return play


@pytest.mark.parametrize("seed", range(4))
def test_nothing_is_shown_or_announced_without_what_permits_it(ledger: Ledger, seed: int) -> None:
    play = prepared(ledger, seed)
    acts = play.acts()
    for _ in range(150):
        try:
            next(acts)()
        except REFUSED:
            continue
    play.wake()
    oracle = judge(ledger)
    assert oracle.shown > 5, "the play shows too little to prove anything"
    assert oracle.announced > 5, "the play announces too little to prove anything"
    decided = list(redecide_all(ledger))
    assert len(decided) > 20 and all(one.is_same for one in decided), "each decision is the same again"


def test_another_rule_names_the_decisions_that_it_would_change(ledger: Ledger) -> None:
    """What an auditor asks: which reports were shown only because the scope was wide."""
    play = prepared(ledger, 1)
    arrives(ledger, play.laboratories[0], content("1", PANELS[0], sent_second=1))
    arrives(ledger, play.laboratories[0], content("2", PANELS[1], sent_second=2))

    def stricter(grounds: permission.Grounds, **asked: object) -> str | None:
        return (
            "stricter"
            if StudyType.URINALYSIS in asked["study_types"]
            else permission.barrier(grounds, **asked)
        )  # type: ignore[operator, arg-type]

    differing = [one for one in redecide_all(ledger, rules=Rules(of_reports=stricter)) if not one.is_same]
    assert [one.again for one in differing] == ["stricter"]


def test_what_rested_on_an_erased_patient_is_lost_and_not_another_decision(ledger: Ledger) -> None:
    play = prepared(ledger, 1)
    arrives(ledger, play.laboratories[0], content("1", PANELS[0], sent_second=1))
    before = list(redecide_all(ledger))
    assert [one.channel for one in before] == [None, *Channel], "of the report, and of each channel"
    assert all(one.is_same for one in before)
    ended = Write(uuid4(), 0, (EXAMPLES["SubmissionRefused"][0],))
    ledger.append(ended, circumstances=TESTER, erased=(Erasure(play.patient_id),))
    assert [(one.is_lost, one.is_same) for one in redecide_all(ledger)] == [(True, False)] * 4


def test_a_rule_that_forgets_consent_is_found_out(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oracle of the play can fail."""
    monkeypatch.setattr(permission, "barrier", lambda *_, **__: None)
    play = prepared(ledger, 2)
    play.random.seed(2)
    withdraw_consent(ledger, play.patient_id, ConsentKind.RESULTS_TRANSFER, by_patient(play.patient_id))
    play.arrive()
    with pytest.raises(AssertionError):
        judge(ledger)


def test_a_rule_that_forgets_to_hold_a_later_version_is_found_out(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report, "flow", lambda *_, **__: ())
    play = prepared(ledger, 2)
    arrives(ledger, play.laboratories[0], content("1", PANELS[0], sent_second=1))
    withdraw_consent(ledger, play.patient_id, ConsentKind.RESULTS_TRANSFER, by_patient(play.patient_id))
    arrives(ledger, play.laboratories[0], content("1", PANELS[0], sent_second=2))
    with pytest.raises(AssertionError):
        judge(ledger)


def test_a_submission_that_races_a_withdrawal_obeys_the_state_at_its_position(ledger: Ledger) -> None:
    """Many rounds of two threads that begin at once: first versions and corrections, and until each was the first."""
    play = prepared(ledger, 3)
    by, outcomes = by_patient(play.patient_id), set()
    document = replace(DOCUMENT, kind=ConsentKind.RESULTS_TRANSFER)
    for turn in range(600):
        if turn >= 60 and len(outcomes) == 2:
            break
        grant_consent(ledger, play.patient_id, agreed=document, current=document, by=by)
        start = Barrier(2)

        def submit(number: str = str(turn // 2), second: int = turn, start: Barrier = start) -> None:
            start.wait()
            arrives(ledger, play.laboratories[0], content(number, PANELS[0], sent_second=second))

        thread = Thread(target=submit)
        thread.start()
        start.wait()
        withdraw_consent(ledger, play.patient_id, ConsentKind.RESULTS_TRANSFER, by)
        thread.join()
        kinds = [type(one.event) for one in ledger.read_all(limit=100_000)]
        withdrawn = max(place for place, kind in enumerate(kinds) if kind is ConsentWithdrawn)
        sent = max(place for place, kind in enumerate(kinds) if kind in (ReportReceived, ReportRevised))
        outcomes.add(sent < withdrawn)
    judge(ledger)
    assert outcomes == {True, False}, "both ends of the race were seen"
