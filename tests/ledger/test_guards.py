"""What a decision looked at must still be so where it is recorded: somebody else is always faster here."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from domain.guardianship import GuardianshipStatus, WardDoesNotDecideError
from domain.linkage import OrganisationAwaited
from domain.patient import PolicyMissingError
from domain.recovery import WAIT, RecoveryProofNeededError
from domain.study_type import StudyType
from domain.values import OrganisationId, PatientId
from ledger import account, commands, guardianship, recovery
from ledger.commands import by_patient
from ledger.linkage import await_organisation, link_organisation
from ledger.policy import unlink_policy
from ledger.recorder import MarkTakenError
from ledger.store import Ledger
from tests.examples import ENP, EXAMPLES, PROFILE, WARD
from tests.ledger.test_guardianship import DAY, OPERATOR, asked, person
from tests.ledger.test_matching import SNILS, patient, registered
from tests.scenario import TESTER

Overtake = Callable[[Callable[[], object]], None]


@pytest.fixture
def overtake(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> Overtake:
    """Let an act happen after the next decision was made, and before it is recorded."""
    append = ledger.append

    def overtake(act: Callable[[], object]) -> None:
        def after(*writes: object, **beside: object) -> object:
            monkeypatch.setattr(ledger, "append", append)
            act()
            return append(*writes, **beside)  # type: ignore[arg-type]

        monkeypatch.setattr(ledger, "append", after)

    return overtake


def with_policy(ledger: Ledger) -> PatientId:
    patient_id = patient(ledger, "+79990000001")
    commands.state_profile(ledger, patient_id, PROFILE, by_patient(patient_id))
    commands.link_policy(ledger, patient_id, ENP, by_patient(patient_id))
    return patient_id


@pytest.mark.parametrize("stated", SNILS)
def test_a_number_that_was_stated_for_a_moment_recognises_nobody(
    ledger: Ledger, overtake: Overtake, stated: str
) -> None:
    patient_id, other_id = patient(ledger, "+79990000001"), patient(ledger, "+79990000002")
    by = by_patient(patient_id)
    first, second, _ = (replace(PROFILE, given="Аня", snils=snils) for snils in SNILS)
    commands.state_profile(ledger, patient_id, first, by)
    overtake(lambda: commands.state_profile(ledger, patient_id, second, by))
    commands.state_profile(ledger, patient_id, replace(PROFILE, snils=stated), by)
    for snils in SNILS:
        assert ledger.find("snils", snils) == (patient_id if snils == stated else None)
    with pytest.raises(MarkTakenError):
        commands.state_profile(ledger, other_id, replace(PROFILE, snils=stated), by)


def test_nobody_links_or_awaits_without_a_policy(ledger: Ledger, overtake: Overtake) -> None:
    patient_id, organisation_id = with_policy(ledger), OrganisationId(registered(ledger, "one"))
    by = by_patient(patient_id)
    overtake(lambda: unlink_policy(ledger, patient_id, by))
    with pytest.raises(PolicyMissingError):
        link_organisation(ledger, patient_id, organisation_id, by)
    commands.link_policy(ledger, patient_id, ENP, by)
    awaited = EXAMPLES["OrganisationAwaited"][0]
    assert isinstance(awaited, OrganisationAwaited)
    overtake(lambda: unlink_policy(ledger, patient_id, by))
    with pytest.raises(PolicyMissingError):
        await_organisation(ledger, replace(awaited, patient_id=patient_id), by)


def test_how_old_a_ward_is_counts_as_it_stands(ledger: Ledger, overtake: Overtake) -> None:
    guardianship_id = asked(ledger, person(ledger))
    ward_id = guardianship.confirm(ledger, guardianship_id, OPERATOR, on=DAY)
    profile = commands.load_patient(ledger, ward_id).profile
    assert profile is not None

    def corrected(birth_date: str) -> Callable[[], object]:
        changed = replace(profile, birth_date=birth_date)
        return lambda: commands.state_profile(ledger, ward_id, changed, OPERATOR)

    corrected("2010-01-01")()
    overtake(corrected(WARD.birth_date))
    with pytest.raises(WardDoesNotDecideError):
        guardianship.permit(
            ledger, guardianship_id, ward_id, frozenset({StudyType.URINALYSIS}), TESTER, on=DAY
        )
    corrected("2000-01-01")()
    overtake(corrected(WARD.birth_date))
    assert guardianship.end_of_age(ledger, datetime(DAY.year, DAY.month, DAY.day, tzinfo=UTC)) == 0
    assert guardianship.look(ledger, guardianship_id, on=DAY).state.status is GuardianshipStatus.CONFIRMED


def test_waiting_does_not_stand_for_a_factor_that_was_just_added(ledger: Ledger, overtake: Overtake) -> None:
    patient_id = patient(ledger, "+79990000001")
    now = datetime.now(UTC)
    recovery.request_recovery(ledger, patient_id, now=now)
    added = EXAMPLES["AuthenticatorAdded"][0]
    overtake(
        lambda: account.change_account(ledger, patient_id, lambda _: (added,), by_patient(patient_id))  # type: ignore[arg-type, return-value]
    )
    with pytest.raises(RecoveryProofNeededError):
        recovery.recover_password(
            ledger, patient_id, now=now + WAIT + timedelta(minutes=1), proofs=("sms-code",)
        )
