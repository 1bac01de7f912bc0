"""A laboratory is registered once; what it is and may send is stated, its keys are added and revoked."""

from dataclasses import replace
from functools import reduce

import pytest

from domain import laboratory
from domain.laboratory import (
    DepartmentRemoved,
    DepartmentUnknownError,
    LaboratoryAlreadyRegisteredError,
    LaboratoryKeyAdded,
    LaboratoryKeyRevoked,
    LaboratoryKeyUnknownError,
    LaboratorySenderRevoked,
    LaboratorySenderUnknownError,
    Statement,
)
from domain.organisation import OrganisationKind
from tests.examples import (
    ACCREDITED,
    DEPARTMENT,
    FORMATS,
    KIND,
    OID,
    REGISTERED,
    SENDER,
    STUDY_TYPES,
)
from tests.scenario import given

OLD = LaboratoryKeyAdded(key_id="old", public_key="A" * 43)
NEW = LaboratoryKeyAdded(key_id="new", public_key="B" * 43)
OLD_REVOKED = LaboratoryKeyRevoked(key_id="old", reason="rotated")


def test_a_laboratory_is_registered() -> None:
    given().when(laboratory.register, REGISTERED).then(REGISTERED)


def test_a_handle_is_registered_once() -> None:
    given(REGISTERED).when(laboratory.register, REGISTERED).then_refused(LaboratoryAlreadyRegisteredError)


def test_a_laboratory_is_registered_with_all_that_is_stated_of_it() -> None:
    given().when(laboratory.register, REGISTERED, KIND, OID, OLD).then(REGISTERED, KIND, OID, OLD)


# What is stated of it.

STATEMENTS = (KIND, OID, ACCREDITED, FORMATS, STUDY_TYPES, DEPARTMENT)


@pytest.mark.parametrize("stated", STATEMENTS, ids=lambda stated: type(stated).__name__)
def test_what_is_stated_is_recorded_once(stated: Statement) -> None:
    given(REGISTERED).when(laboratory.state, stated).then(stated)
    given(REGISTERED, *STATEMENTS).when(laboratory.state, stated).then_nothing()


def test_what_is_stated_anew_is_recorded() -> None:
    new = replace(ACCREDITED, certificate_number="RA.RU.21АБ02")
    given(REGISTERED, ACCREDITED, new).when(laboratory.state, ACCREDITED).then(ACCREDITED)


def test_what_is_stated_of_a_laboratory_is_its_state() -> None:
    state = reduce(laboratory.evolve, (REGISTERED, *STATEMENTS), None)
    assert state is not None
    assert (state.kind, state.oid, state.ogrn) == (OrganisationKind.CLINIC, OID.oid, REGISTERED.ogrn)
    assert state.accreditation == ACCREDITED
    assert (state.formats, state.study_types) == (FORMATS.formats, STUDY_TYPES.study_types)
    assert state.departments == (DEPARTMENT,)


def test_only_a_department_that_is_there_is_removed() -> None:
    removed = DepartmentRemoved(code=DEPARTMENT.code)
    given(REGISTERED, DEPARTMENT).when(laboratory.remove_department, code=DEPARTMENT.code).then(removed)
    given(REGISTERED, DEPARTMENT, removed).when(
        laboratory.remove_department, code=DEPARTMENT.code
    ).then_refused(DepartmentUnknownError)


# Keys.


def test_a_key_is_added() -> None:
    given(REGISTERED).when(laboratory.add_key, key_id="old", public_key="A" * 43).then(OLD)


def test_the_same_key_added_twice_changes_nothing() -> None:
    given(REGISTERED, OLD).when(laboratory.add_key, key_id="old", public_key="A" * 43).then_nothing()


def test_the_old_key_stays_in_force_beside_the_new_one() -> None:
    given(REGISTERED, OLD).when(laboratory.add_key, key_id="new", public_key="B" * 43).then(NEW)
    given(REGISTERED, OLD, NEW).when(laboratory.Laboratory.key, "old").then_answered("A" * 43)
    given(REGISTERED, OLD, NEW).when(laboratory.Laboratory.key, "new").then_answered("B" * 43)


def test_a_key_in_force_is_revoked() -> None:
    given(REGISTERED, OLD).when(laboratory.revoke_key, key_id="old", reason="rotated").then(OLD_REVOKED)


def test_a_revoked_key_is_out_of_force_and_the_other_is_not() -> None:
    history = (REGISTERED, OLD, NEW, OLD_REVOKED)
    given(*history).when(laboratory.Laboratory.key, "old").then_answered(None)
    given(*history).when(laboratory.Laboratory.key, "new").then_answered("B" * 43)


def test_a_key_that_is_not_in_force_cannot_be_revoked() -> None:
    refused = LaboratoryKeyUnknownError
    given(REGISTERED).when(laboratory.revoke_key, key_id="old", reason="lost").then_refused(refused)
    given(REGISTERED, OLD, OLD_REVOKED).when(laboratory.revoke_key, key_id="old", reason="lost").then_refused(
        refused
    )


# Senders of HL7 v2 messages.

PINNED = replace(SENDER, certificate_sha256="a5" * 32)
SENDER_REVOKED = LaboratorySenderRevoked(application=SENDER.application, facility=SENDER.facility)


def test_a_sender_is_added_once_and_may_get_another_certificate() -> None:
    given(REGISTERED).when(laboratory.add_sender, SENDER).then(SENDER)
    given(REGISTERED, SENDER).when(laboratory.add_sender, SENDER).then_nothing()
    given(REGISTERED, SENDER).when(laboratory.add_sender, PINNED).then(PINNED)


def test_the_latest_certificate_of_a_sender_is_in_force() -> None:
    state = reduce(laboratory.evolve, (REGISTERED, SENDER, PINNED), None)
    assert state is not None and state.senders == (PINNED,)
    assert state.sender("LIS", "INVITRO") == PINNED and state.sender("LIS", "other") is None


def test_a_revoked_sender_is_unknown() -> None:
    names = {"application": SENDER.application, "facility": SENDER.facility}
    given(REGISTERED, SENDER).when(laboratory.revoke_sender, **names).then(SENDER_REVOKED)
    given(REGISTERED, SENDER, SENDER_REVOKED).when(laboratory.revoke_sender, **names).then_refused(
        LaboratorySenderUnknownError
    )


# Client certificates.

ADDED = laboratory.LaboratoryCertificateAdded(certificate_sha256="a5" * 32)
NEXT = laboratory.LaboratoryCertificateAdded(certificate_sha256="b6" * 32)
REVOKED = laboratory.LaboratoryCertificateRevoked(certificate_sha256="a5" * 32)


def test_a_certificate_is_added_once() -> None:
    given(REGISTERED).when(laboratory.add_certificate, certificate_sha256="a5" * 32).then(ADDED)
    given(REGISTERED, ADDED).when(laboratory.add_certificate, certificate_sha256="a5" * 32).then_nothing()
    given(REGISTERED, ADDED).when(laboratory.add_certificate, certificate_sha256="b6" * 32).then(NEXT)


def test_a_revoked_certificate_is_out_of_force_and_the_other_is_not() -> None:
    given(REGISTERED, ADDED).when(laboratory.revoke_certificate, certificate_sha256="a5" * 32).then(REVOKED)
    state = reduce(laboratory.evolve, (REGISTERED, ADDED, NEXT, REVOKED), None)
    assert state is not None and state.certificates == ("b6" * 32,)
    given(REGISTERED, ADDED, REVOKED).when(
        laboratory.revoke_certificate, certificate_sha256="a5" * 32
    ).then_refused(laboratory.LaboratoryCertificateUnknownError)


def test_a_revoked_certificate_may_be_added_again() -> None:
    given(REGISTERED, ADDED, REVOKED).when(laboratory.add_certificate, certificate_sha256="a5" * 32).then(
        ADDED
    )
