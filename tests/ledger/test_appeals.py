"""Appeals in the ledger: what is answered is recorded whole, on a consent that stands; and what the clock says, once."""

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from threading import Barrier, Thread
from uuid import UUID, uuid4

import pytest

from api.appeal_reminders import remind
from api.clockwork import Clockwork
from domain import linkage
from domain.appeal import (
    AppealAnswered,
    AppealConsentMissingError,
    AppealContentStated,
    AppealEscalated,
    AppealReminded,
    AppealStatus,
    AppealTaken,
    Outcome,
    RefusalReason,
)
from domain.consent import ConsentDocument, ConsentKind, ConsentWithdrawn, Scope
from domain.laboratory import LaboratoryRegistered
from domain.linkage import OrganisationLinked
from domain.numbers import LaboratoryNumber
from domain.patient import LaboratoryPatientIdLinked, PolicyMissingError, ProfileStated
from domain.reading import AppealRead, ReadingPurpose
from domain.values import OrganisationId, PatientId
from ledger import appeals, commands, onboarding
from ledger.codec import Circumstances, Erased
from ledger.commands import LaboratoryNotFoundError, by_patient
from ledger.consents import grant_consent, withdraw_consent
from ledger.linkage import linkage_stream
from ledger.matching import laboratory_mark_text
from ledger.recorder import MarkTakenError
from ledger.store import Ledger
from projections import APPEALS
from projections import appeals as view
from projections.follow import Follower
from projections.rebuild import check
from tests.api.cast import who
from tests.examples import APPEAL_CONTENT, ENP
from tests.scenario import TESTER

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
DAY = timedelta(days=1)
MARIA = Circumstances(actor="staff:maria")
DOCUMENT = ConsentDocument(kind=ConsentKind.ELECTRONIC_TRANSFER, version=1, language="ru", sha256="ab" * 32)
OWN = LaboratoryNumber("urn:lab:patients", "П-0042")


def organisation(ledger: Ledger, handle: str = "invitro") -> OrganisationId:
    named = LaboratoryRegistered(handle=handle, name=handle, inn="7707083893", ogrn="1027700132195")
    return OrganisationId(onboarding.register_laboratory(ledger, named, by=TESTER))


def patient_of(
    ledger: Ledger, phone: str = "+79000000001", *, policy: str | None = ENP, snils: str = "11223344595"
) -> PatientId:
    patient_id = PatientId(uuid4())
    by = by_patient(patient_id)
    commands.register_patient(ledger, patient_id=patient_id, phone=phone, locale="ru")
    profile = ProfileStated(
        family="Соколова", given="Анна", patronymic=None, birth_date="1984-02-29", sex="female", snils=snils
    )
    commands.state_profile(ledger, patient_id, profile, by)
    if policy is not None:
        commands.link_policy(ledger, patient_id, policy, by)
    return patient_id


def consents_to(ledger: Ledger, patient_id: PatientId, organisation_id: OrganisationId) -> None:
    grant_consent(
        ledger,
        patient_id,
        agreed=DOCUMENT,
        current=DOCUMENT,
        by=by_patient(patient_id),
        scope=Scope(organisations=(organisation_id,)),
    )


def submits(
    ledger: Ledger,
    patient_id: PatientId,
    organisation_id: OrganisationId,
    content: AppealContentStated = APPEAL_CONTENT,
    now: datetime = NOW,
) -> UUID:
    return appeals.submit(ledger, patient_id, organisation_id, content, by_patient(patient_id), now=now)


def appealed(ledger: Ledger) -> tuple[PatientId, OrganisationId, UUID]:
    patient_id, organisation_id = patient_of(ledger), organisation(ledger)
    consents_to(ledger, patient_id, organisation_id)
    return patient_id, organisation_id, submits(ledger, patient_id, organisation_id)


def kinds(ledger: Ledger, *kinds_of: type) -> list[object]:
    return [one.event for one in ledger.read_all(limit=10_000) if isinstance(one.event, kinds_of)]


# Appealing and answering.


def test_without_a_consent_or_an_organisation_nothing_is_recorded(ledger: Ledger) -> None:
    patient_id, organisation_id = patient_of(ledger), organisation(ledger)
    last = ledger.last_position()
    with pytest.raises(AppealConsentMissingError):
        submits(ledger, patient_id, organisation_id)
    with pytest.raises(LaboratoryNotFoundError):
        submits(ledger, patient_id, OrganisationId(uuid4()))
    assert ledger.last_position() == last


def test_a_consent_to_one_organisation_is_none_to_another(ledger: Ledger) -> None:
    patient_id, first, other = patient_of(ledger), organisation(ledger), organisation(ledger, "other")
    consents_to(ledger, patient_id, first)
    submits(ledger, patient_id, first)
    with pytest.raises(AppealConsentMissingError):
        submits(ledger, patient_id, other)


def test_an_activation_links_the_organisation_and_its_number_in_one_append(ledger: Ledger) -> None:
    patient_id, organisation_id, appeal_id = appealed(ledger)
    appeals.take(ledger, appeal_id, MARIA)
    appeals.activate(ledger, appeal_id, MARIA, now=NOW, own_number=OWN)
    linked, _ = ledger.load(linkage_stream(ledger, patient_id, organisation_id), linkage.evolve)
    assert linked is not None and linked.linked
    text = laboratory_mark_text(onboarding.laboratory_id(ledger, "invitro"), OWN.text)
    assert ledger.find("laboratory-patient-id", text) == patient_id
    together = (AppealAnswered, OrganisationLinked, LaboratoryPatientIdLinked)
    recorded = [one for one in ledger.read_all(limit=10_000) if isinstance(one.event, together)]
    assert {one.circumstances.actor for one in recorded} == {"staff:maria"} and len(recorded) == 3
    assert len({one.recorded_at for one in recorded}) == 1
    appeals.activate(ledger, appeal_id, MARIA, now=NOW, own_number=OWN)
    assert len(kinds(ledger, *together)) == 3, "said twice, it changes nothing"


def test_what_can_not_be_activated_whole_is_not_activated_at_all(ledger: Ledger) -> None:
    _, organisation_id, appeal_id = appealed(ledger)
    boris = patient_of(ledger, "+79000000002", policy="9900000000000010", snils="90000005900")
    consents_to(ledger, boris, organisation_id)
    other = submits(ledger, boris, organisation_id)
    appeals.activate(ledger, appeal_id, MARIA, now=NOW, own_number=OWN)
    with pytest.raises(MarkTakenError):
        appeals.activate(ledger, other, MARIA, now=NOW, own_number=OWN)
    assert appeals.load_appeal(ledger, other).status is AppealStatus.SUBMITTED
    assert len(kinds(ledger, OrganisationLinked)) == 1


def test_who_has_no_policy_is_not_linked(ledger: Ledger) -> None:
    patient_id, organisation_id = patient_of(ledger, policy=None), organisation(ledger)
    consents_to(ledger, patient_id, organisation_id)
    with pytest.raises(PolicyMissingError):
        appeals.activate(ledger, submits(ledger, patient_id, organisation_id), MARIA, now=NOW)


def test_after_the_consent_was_taken_back_nothing_is_activated(ledger: Ledger) -> None:
    patient_id, organisation_id, appeal_id = appealed(ledger)
    by = by_patient(patient_id)
    withdraw_consent(ledger, patient_id, ConsentKind.ELECTRONIC_TRANSFER, by, organisation_id=organisation_id)
    with pytest.raises(AppealConsentMissingError):
        appeals.activate(ledger, appeal_id, MARIA, now=NOW)
    assert kinds(ledger, OrganisationLinked, AppealAnswered) == []


def test_a_withdrawal_that_races_an_activation_comes_before_it_or_after_it(
    ledger: Ledger, open_ledger: Callable[..., Ledger]
) -> None:
    """Whoever is first: nothing is linked at a position behind the withdrawal of the consent."""
    other, organisation_id = open_ledger(), organisation(ledger)
    for number in range(100, 112):
        person = who(number)
        patient_id = patient_of(ledger, person.phone, policy=person.enp, snils=person.snils)
        consents_to(ledger, patient_id, organisation_id)
        appeal_id, start = submits(ledger, patient_id, organisation_id), Barrier(2)

        def activate(appeal_id: UUID = appeal_id, start: Barrier = start) -> None:
            start.wait()
            with suppress(AppealConsentMissingError):
                appeals.activate(other, appeal_id, MARIA, now=NOW)

        thread = Thread(target=activate)
        thread.start()
        start.wait()
        by, kind = by_patient(patient_id), ConsentKind.ELECTRONIC_TRANSFER
        withdraw_consent(ledger, patient_id, kind, by, organisation_id=organisation_id)
        thread.join(30)
        happened = [
            type(one.event)
            for one in ledger.read_all(limit=10_000)
            if isinstance(one.event, OrganisationLinked | ConsentWithdrawn)
            and one.event.patient_id == patient_id
        ]
        assert happened in ([ConsentWithdrawn], [OrganisationLinked, ConsentWithdrawn])


def test_what_an_appeal_says_is_sealed_and_who_sees_it_is_recorded(ledger: Ledger) -> None:
    patient_id, _, appeal_id = appealed(ledger)
    shown, known = appeals.show(ledger, appeal_id, MARIA)
    assert shown.content == APPEAL_CONTENT and known.policy == ENP
    assert kinds(ledger, AppealRead) == [
        AppealRead(patient_id=patient_id, appeal_id=appeal_id, purpose=ReadingPurpose.OPERATION)
    ]
    with ledger.pool.connection() as connection:
        stored = connection.execute("SELECT state FROM ledger.events WHERE originator_id = %s", (appeal_id,))
        body = b"".join(bytes(row[0]) for row in stored)
    for text in ("Соколова", "1984-02-29", ENP, "00242766", "anna@example.test"):
        assert text.encode() not in body
    number = appeals.load_appeal(ledger, appeal_id).number
    assert len(number) == 11 and number.count("-") == 2


# Time.


def turn(ledger: Ledger, follower: Follower, at: datetime) -> int:
    follower.catch_up()
    made = Clockwork(ledger, [remind], clock=lambda: at).turn()
    follower.catch_up()
    return made


def test_a_moved_clock_reminds_once_and_escalates_once(ledger: Ledger, follower: Follower) -> None:
    appealed(ledger)
    jumps = [0, 6, 7, 7, 8, -1, 13, 14, 14, 400, -1, 400]
    made = [turn(ledger, follower, NOW + days * DAY) for days in jumps]
    assert made == [0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0]
    assert kinds(ledger, AppealReminded, AppealEscalated) == [AppealReminded(), AppealEscalated()]


def test_after_a_year_without_the_clock_it_is_reminded_first_and_then_escalated(
    ledger: Ledger, follower: Follower
) -> None:
    appealed(ledger)
    assert [turn(ledger, follower, NOW + 400 * DAY) for _ in range(3)] == [1, 1, 0]


def test_an_answer_ends_it(ledger: Ledger, follower: Follower) -> None:
    _, _, appeal_id = appealed(ledger)
    appeals.activate(ledger, appeal_id, MARIA, now=NOW)
    assert turn(ledger, follower, NOW + 400 * DAY) == 0


def test_a_repeat_begins_the_time_anew(ledger: Ledger, follower: Follower) -> None:
    patient_id, organisation_id, appeal_id = appealed(ledger)
    turn(ledger, follower, NOW + 7 * DAY)
    why = {"reason": RefusalReason.PATIENT_NOT_FOUND, "field": None, "text": "нет карты"}
    appeals.refuse(ledger, appeal_id, by=MARIA, **why)  # type: ignore[arg-type]
    assert submits(ledger, patient_id, organisation_id, now=NOW + 10 * DAY) == appeal_id
    assert turn(ledger, follower, NOW + 16 * DAY) == 0
    assert turn(ledger, follower, NOW + 17 * DAY) == 1
    (row,) = view.appeals_of(ledger, patient_id)
    assert (row.status, row.reason, row.escalated_at) == ("submitted", None, None) and row.reminded_at


def test_two_workers_on_an_old_view_make_one_event(
    ledger: Ledger, open_ledger: Callable[..., Ledger], follower: Follower
) -> None:
    appealed(ledger)
    follower.catch_up()
    others, start = [open_ledger() for _ in range(4)], Barrier(4)
    made: list[int] = []

    def look(one: Ledger) -> None:
        start.wait()
        made.append(remind(one, NOW + 8 * DAY))

    threads = [Thread(target=look, args=(one,)) for one in others]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(made) == [0, 0, 0, 1]
    assert kinds(ledger, AppealReminded) == [AppealReminded()]


# The view.


def test_the_view_says_where_each_appeal_is_and_is_the_same_when_rebuilt(
    ledger: Ledger, follower: Follower, owner: Ledger
) -> None:
    patient_id, organisation_id, appeal_id = appealed(ledger)
    other = organisation(ledger, "other")
    appeals.take(ledger, appeal_id, MARIA)
    turn(ledger, follower, NOW + 7 * DAY)
    turn(ledger, follower, NOW + 14 * DAY)
    (row,) = view.waiting_at(ledger, organisation_id)
    assert (row.status, row.answer_due, row.appeal_id) == ("taken", NOW + 7 * DAY, appeal_id)
    assert row.is_open and row.reminded_at and row.escalated_at
    assert [one.appeal_id for one in view.escalated(ledger)] == [appeal_id]
    assert (view.count_waiting_at(ledger, organisation_id), view.count_escalated(ledger)) == (1, 1)
    assert view.waiting_at(ledger, other) == [] and view.appeal_at(ledger, other, appeal_id) is None
    appeals.activate(ledger, appeal_id, MARIA, now=NOW)
    follower.catch_up()
    assert view.waiting_at(ledger, organisation_id) == view.escalated(ledger) == []
    assert [one.status for one in view.answered_at(ledger, organisation_id)] == [Outcome.ACTIVATED]
    assert [one.number for one in view.appeals_of(ledger, patient_id)] == [row.number]
    assert check(owner, APPEALS).is_equal
    assert kinds(ledger, AppealTaken) and not kinds(ledger, Erased)
