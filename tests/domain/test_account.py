"""What a person signs in with: added by use, removed at will, and never so that they can't come in."""

from uuid import UUID

from hypothesis import given as drawn
from hypothesis import strategies as st

from domain import account
from domain.account import (
    AUTHENTICATORS_MAX,
    Account,
    AccountEvent,
    AuthenticatorAdded,
    AuthenticatorKind,
    AuthenticatorLabelTooLongError,
    AuthenticatorNamed,
    AuthenticatorRemoved,
    AuthenticatorsTooManyError,
    AuthenticatorSuspected,
    AuthenticatorUnknownError,
    RecoveryCodesIssued,
    RecoveryCodesUsedUpError,
    RecoveryCodeUsed,
    SmsCodesTurnedOff,
    SmsCodesTurnedOn,
    StrongerFactorMissingError,
    TotpAlreadyAddedError,
    evolve,
)
from domain.values import PatientId
from tests.scenario import given

ANNA = PatientId(UUID(int=100))
PHONE, KEY = UUID(int=1), UUID(int=2)
PROGRAM_ADDED = AuthenticatorAdded(patient_id=ANNA, authenticator_id=PHONE, kind=AuthenticatorKind.TOTP)
KEY_ADDED = AuthenticatorAdded(patient_id=ANNA, authenticator_id=KEY, kind=AuthenticatorKind.PASSKEY)
CODES = RecoveryCodesIssued(patient_id=ANNA, count=10)
ERRORS = (
    AuthenticatorLabelTooLongError,
    AuthenticatorsTooManyError,
    AuthenticatorUnknownError,
    RecoveryCodesUsedUpError,
    StrongerFactorMissingError,
    TotpAlreadyAddedError,
)


def test_an_authenticator_is_added_with_its_name_once() -> None:
    named = AuthenticatorNamed(authenticator_id=KEY, label="Ноутбук")
    adding = {"authenticator_id": KEY, "kind": AuthenticatorKind.PASSKEY}
    given().when(account.add, patient_id=ANNA, **adding, label="Ноутбук").then(KEY_ADDED, named)
    given().when(account.add, patient_id=ANNA, **adding, label="").then(KEY_ADDED)
    given(KEY_ADDED, named).when(account.add, patient_id=ANNA, **adding, label="Ноутбук").then_nothing()
    given().when(account.add, patient_id=ANNA, **adding, label="н" * 41).then_refused(
        AuthenticatorLabelTooLongError
    )


def test_there_is_one_program_and_ten_authenticators() -> None:
    another = {"authenticator_id": UUID(int=99), "label": ""}
    given(PROGRAM_ADDED).when(
        account.add, patient_id=ANNA, **another, kind=AuthenticatorKind.TOTP
    ).then_refused(TotpAlreadyAddedError)
    many = [
        AuthenticatorAdded(patient_id=ANNA, authenticator_id=UUID(int=at), kind=AuthenticatorKind.PASSKEY)
        for at in range(AUTHENTICATORS_MAX)
    ]
    given(*many).when(account.add, patient_id=ANNA, **another, kind=AuthenticatorKind.PASSKEY).then_refused(
        AuthenticatorsTooManyError
    )


def test_what_is_not_there_is_not_removed() -> None:
    given().when(account.remove, patient_id=ANNA, authenticator_id=KEY).then_refused(
        AuthenticatorUnknownError
    )
    given(PROGRAM_ADDED).when(account.remove, patient_id=ANNA, authenticator_id=KEY).then_refused(
        AuthenticatorUnknownError
    )


def test_sms_comes_back_with_the_last_strong_factor() -> None:
    removed = AuthenticatorRemoved(patient_id=ANNA, authenticator_id=KEY)
    both_off = given(PROGRAM_ADDED, KEY_ADDED, CODES, SmsCodesTurnedOff(patient_id=ANNA))
    both_off.when(account.remove, patient_id=ANNA, authenticator_id=KEY).then(removed)
    one_off = given(KEY_ADDED, CODES, SmsCodesTurnedOff(patient_id=ANNA))
    one_off.when(account.remove, patient_id=ANNA, authenticator_id=KEY).then(
        removed, SmsCodesTurnedOn(patient_id=ANNA)
    )
    given(KEY_ADDED).when(account.remove, patient_id=ANNA, authenticator_id=KEY).then(removed)


def test_a_suspected_key_opens_nothing_and_gives_a_thief_no_weaker_way() -> None:
    suspected = AuthenticatorSuspected(patient_id=ANNA, authenticator_id=KEY)
    off = given(KEY_ADDED, CODES, SmsCodesTurnedOff(patient_id=ANNA))
    off.when(account.suspect, patient_id=ANNA, authenticator_id=KEY).then(suspected)
    given(KEY_ADDED, suspected).when(account.suspect, patient_id=ANNA, authenticator_id=KEY).then_nothing()
    used_up = [RecoveryCodeUsed(patient_id=ANNA)] * 10
    given(KEY_ADDED, CODES, SmsCodesTurnedOff(patient_id=ANNA), *used_up).when(
        account.suspect, patient_id=ANNA, authenticator_id=KEY
    ).then(suspected, SmsCodesTurnedOn(patient_id=ANNA))
    state = evolve(evolve(None, KEY_ADDED), suspected)
    assert state.second_factors() == ("sms-code",) and state.good() == ()


def test_sms_is_turned_off_beside_a_strong_factor_and_recovery_codes() -> None:
    given().when(account.turn_sms_off, patient_id=ANNA).then_refused(StrongerFactorMissingError)
    given(KEY_ADDED).when(account.turn_sms_off, patient_id=ANNA).then_refused(StrongerFactorMissingError)
    given(CODES).when(account.turn_sms_off, patient_id=ANNA).then_refused(StrongerFactorMissingError)
    given(KEY_ADDED, CODES).when(account.turn_sms_off, patient_id=ANNA).then(
        SmsCodesTurnedOff(patient_id=ANNA)
    )
    given(KEY_ADDED, CODES, SmsCodesTurnedOff(patient_id=ANNA)).when(
        account.turn_sms_off, patient_id=ANNA
    ).then_nothing()
    given(KEY_ADDED, CODES, SmsCodesTurnedOff(patient_id=ANNA)).when(
        account.turn_sms_on, patient_id=ANNA
    ).then(SmsCodesTurnedOn(patient_id=ANNA))
    given().when(account.turn_sms_on, patient_id=ANNA).then_nothing()


def test_recovery_codes_run_out() -> None:
    given().when(account.use_recovery_code, patient_id=ANNA).then_refused(RecoveryCodesUsedUpError)
    given(RecoveryCodesIssued(patient_id=ANNA, count=1)).when(
        account.use_recovery_code, patient_id=ANNA
    ).then(RecoveryCodeUsed(patient_id=ANNA))
    used = given(RecoveryCodesIssued(patient_id=ANNA, count=1), RecoveryCodeUsed(patient_id=ANNA))
    used.when(account.use_recovery_code, patient_id=ANNA).then_refused(RecoveryCodesUsedUpError)


def test_the_strongest_factor_comes_first_and_sms_does_not_stand_for_it() -> None:
    state = Account()
    assert state.second_factors() == state.step_up_factors() == ("sms-code",)
    for event in (PROGRAM_ADDED, CODES, KEY_ADDED):
        state = evolve(state, event)
    assert state.second_factors() == ("passkey", "totp", "recovery-code", "sms-code")
    assert state.step_up_factors() == ("passkey", "totp", "recovery-code")


IDS = st.integers(0, 3).map(lambda number: UUID(int=number))
ACTS = st.one_of(
    st.tuples(st.just("add"), IDS, st.sampled_from(AuthenticatorKind)),
    st.tuples(st.sampled_from(["remove", "suspect"]), IDS, st.none()),
    st.tuples(st.sampled_from(["codes", "use", "off", "on"]), st.none(), st.none()),
)


def decided(state: Account | None, act: str, one: UUID | None, kind: AuthenticatorKind | None) -> object:
    match act:
        case "add":
            assert one is not None and kind is not None
            return account.add(state, patient_id=ANNA, authenticator_id=one, kind=kind, label="")
        case "remove" | "suspect":
            assert one is not None
            return (account.remove if act == "remove" else account.suspect)(
                state, patient_id=ANNA, authenticator_id=one
            )
        case "codes":
            return account.issue_recovery_codes(state, patient_id=ANNA, count=2)
        case "use":
            return account.use_recovery_code(state, patient_id=ANNA)
        case "off":
            return account.turn_sms_off(state, patient_id=ANNA)
        case _:
            return account.turn_sms_on(state, patient_id=ANNA)


@drawn(st.lists(ACTS, max_size=30))
def test_whatever_a_person_does_there_is_a_second_factor_left(
    acts: list[tuple[str, UUID | None, AuthenticatorKind | None]],
) -> None:
    state: Account | None = None
    for act in acts:
        try:
            found = decided(state, *act)
        except ERRORS:
            continue
        events: tuple[AccountEvent, ...] = found if isinstance(found, tuple) else (found,)  # type: ignore[assignment]
        for event in events:
            state = evolve(state, event)
        assert state is None or state.second_factors(), act
        assert state is None or state.step_up_factors(), act
