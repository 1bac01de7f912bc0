"""Whatever a patient permits, each channel is accounted for once; what is critical is urgent, a correction is one."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import guardianship, identity, permission, receiving
from domain.announcement import (
    About,
    Announcement,
    about_of_version,
    announce,
    announce_nothing,
    announce_to_guardian,
    is_urgent,
    representation_barrier,
)
from domain.channel import Channel
from domain.consent import ConsentKind
from domain.guardian_sight import ALL_SECTIONS
from domain.guardianship import (
    GuardianshipConfirmed,
    GuardianshipEnd,
    GuardianshipEnded,
    SectionKeeper,
    SectionsHidden,
)
from domain.identity import ProfileSuspended, SuspensionReason
from domain.permission import Grounds
from domain.receiving import DocumentFormat, ReceivingSettings
from domain.report_content import Component, Observation, ObservationStatus, ReportContent, ReportStatus
from domain.study_type import StudyType
from domain.values import Coding, Concept
from tests.domain.test_permission import (
    ALL_CHANNELS,
    BROWSER,
    CONFIRMED,
    EVERY_WAY,
    NOTICES,
    PERSONAL,
    UNREACHABLE,
    WITH_EMAIL,
    WITH_PHONE,
    WITH_POLICY,
    granted,
    withdrawn,
)
from tests.examples import ANNA, BORIS, CONTENT, LATER, OBSERVATION, PROFILE, WARD

OFF = receiving.Receiving(settings=ReceivingSettings(has_no_notices=True))
ONLY_SMS = receiving.Receiving(settings=ReceivingSettings(channels=(Channel.SMS,)))
DOCUMENTS = granted(ConsentKind.RESULTS_BY_EMAIL)
SENDS = receiving.Receiving(
    settings=ReceivingSettings(
        channels=tuple(Channel), sends_documents=True, document_format=DocumentFormat.XML
    )
)

any_grounds = st.builds(
    Grounds,
    at=st.just(LATER),
    patient=st.sampled_from((None, WITH_POLICY, WITH_EMAIL, WITH_PHONE, *UNREACHABLE.values())),
    personal_data=st.sampled_from(
        (None, PERSONAL, withdrawn(PERSONAL), granted(ConsentKind.PERSONAL_DATA, until=LATER))
    ),
    notices=st.sampled_from(
        (None, NOTICES, withdrawn(NOTICES), granted(ConsentKind.NOTIFICATIONS, until=LATER))
    ),
    documents=st.sampled_from((None, DOCUMENTS, withdrawn(DOCUMENTS))),
    receiving=st.sampled_from((None, ALL_CHANNELS, OFF, ONLY_SMS, SENDS)),
    pushes=st.sampled_from((None, BROWSER)),
)


def reasons(decided: Announcement) -> Mapping[Channel, str | None]:
    """Each channel once, or it fails."""
    found = [(channel, None) for channel in decided.requested]
    found += [(one.channel, one.reason) for one in decided.suppressed]
    assert sorted(channel for channel, _ in found) == sorted(Channel)
    return dict(found)


@given(any_grounds)
def test_each_channel_is_asked_for_exactly_if_nothing_stands_against_it(grounds: Grounds) -> None:
    decided = announce(grounds)
    assert reasons(decided) == {
        channel: permission.notice_barrier(grounds, channel=channel) for channel in Channel
    }
    if decided.requested:
        assert grounds.notices is not None and grounds.notices.holds_at(LATER)
        assert grounds.personal_data is not None and grounds.personal_data.holds_at(LATER)
    if decided.carries is not None:
        assert Channel.EMAIL in decided.requested
        assert grounds.documents is not None and grounds.documents.holds_at(LATER)


@given(any_grounds, any_grounds, st.sampled_from((None, "not-in-sight")))
def test_a_guardian_is_told_only_by_both_their_consents(
    guardian: Grounds, ward: Grounds, barrier: str | None
) -> None:
    decided = announce_to_guardian(guardian, ward, barrier=barrier)
    assert decided.carries is None, "a document goes to nobody but its patient"
    for channel, reason in reasons(decided).items():
        if reason is None:
            assert barrier is None
            assert permission.notices_consent_barrier(ward) is None
            assert permission.notice_barrier(guardian, channel=channel) is None
    if permission.notices_consent_barrier(ward) is not None and barrier is None:
        assert set(reasons(decided).values()) == {"ward-consent-missing"}


def test_a_document_goes_along_where_it_is_wanted_and_permitted() -> None:
    grounds = replace(EVERY_WAY, receiving=SENDS, documents=DOCUMENTS)
    assert announce(grounds).carries is DocumentFormat.XML
    assert announce(grounds, is_new=False).carries is None, "what left the cabinet is sent to nobody"
    assert announce(replace(grounds, documents=withdrawn(DOCUMENTS))).carries is None
    assert announce(replace(grounds, receiving=ALL_CHANNELS)).carries is None


def test_what_is_no_news_is_told_by_no_channel() -> None:
    assert set(reasons(announce_nothing("version-late")).values()) == {"version-late"}


@pytest.mark.parametrize("status", ReportStatus)
def test_a_correction_is_a_further_version_that_changes_what_was_said(status: ReportStatus) -> None:
    is_correction = status in (
        ReportStatus.AMENDED,
        ReportStatus.CORRECTED,
        ReportStatus.CANCELLED,
        ReportStatus.ENTERED_IN_ERROR,
    )
    assert about_of_version(2, status) == (About.CORRECTED if is_correction else None)
    assert about_of_version(1, status) is None


def flagged(code: str, status: ObservationStatus = ObservationStatus.FINAL) -> Observation:
    flag = (Concept(codings=(Coding(system="v2-0078", code=code),)),)
    return replace(OBSERVATION, interpretation=flag, status=status, components=())


@pytest.mark.parametrize(
    ("code", "expected"),
    [("HH", True), ("LL", True), ("AA", True), ("hh", True), ("H", False), ("A", False), ("N", False)],
)
def test_what_is_critical_is_urgent(code: str, expected: bool) -> None:
    def content(*observations: Observation) -> ReportContent:
        return replace(CONTENT, observations=observations)

    assert is_urgent(content(flagged("N"), flagged(code))) is expected
    part = Component(code=Concept(text="часть"), interpretation=flagged(code).interpretation)
    assert is_urgent(content(replace(flagged("N"), components=(part,)))) is expected
    assert not is_urgent(content(flagged(code, ObservationStatus.ENTERED_IN_ERROR)))


# Who represents whom

CONFIRMED_RELATION = guardianship.evolve(
    guardianship.evolve(
        guardianship.evolve(
            None,
            guardianship.GuardianshipRequested(guardian_id=BORIS, kind=guardianship.GuardianshipKind.PARENT),
        ),
        WARD,
    ),
    GuardianshipConfirmed(guardian_id=BORIS, ward_id=ANNA),
)
BLOOD = frozenset({StudyType.BLOOD_COUNT})
YEAR = int(WARD.birth_date[:4])
CHILD = date(YEAR + 10, 12, 31)
MISUSED = identity.evolve(
    CONFIRMED, ProfileSuspended(patient_id=BORIS, reason=SuspensionReason.MISUSE_SUSPECTED)
)


@pytest.mark.parametrize(
    ("events", "known", "on_date", "expected"),
    [
        ((), CONFIRMED, CHILD, None),
        ((), MISUSED, CHILD, "service-suspended"),
        ((), CONFIRMED, date(YEAR + 19, 1, 1), "guardianship-over"),
        ((), CONFIRMED, date(YEAR + 16, 12, 31), "guardianship-over"),
        (
            (GuardianshipEnded(guardian_id=BORIS, ward_id=ANNA, reason=GuardianshipEnd.GIVEN_UP),),
            CONFIRMED,
            CHILD,
            "guardianship-over",
        ),
        (
            (
                SectionsHidden(
                    guardian_id=BORIS,
                    ward_id=ANNA,
                    sections=(StudyType.BLOOD_COUNT,),
                    keeper=SectionKeeper.OPERATOR,
                ),
            ),
            CONFIRMED,
            CHILD,
            "not-in-sight",
        ),
    ],
)
def test_a_guardian_is_told_of_what_they_may_see_on_that_day(
    events: tuple[guardianship.GuardianshipEvent, ...],
    known: identity.Identity,
    on_date: date,
    expected: str | None,
) -> None:
    relation = CONFIRMED_RELATION
    for event in events:
        relation = guardianship.evolve(relation, event)
    ward = replace(
        EVERY_WAY,
        patient=replace(WITH_PHONE, profile=replace(PROFILE, birth_date=WARD.birth_date)),
    )
    guardian = replace(EVERY_WAY, identity=known)
    asked = {"on_date": on_date, "study_types": BLOOD}
    assert representation_barrier(relation, guardian, ward, **asked) == expected  # type: ignore[arg-type]
    assert representation_barrier(None, guardian, ward, **asked) is not None  # type: ignore[arg-type]


def test_of_no_known_type_is_told_who_sees_every_section() -> None:
    ward = replace(
        EVERY_WAY,
        patient=replace(WITH_PHONE, profile=replace(PROFILE, birth_date=WARD.birth_date)),
    )
    assert frozenset(StudyType) == ALL_SECTIONS
    hidden = replace(CONFIRMED_RELATION, closed=frozenset({StudyType.HORMONES}))
    for relation, expected in ((CONFIRMED_RELATION, None), (hidden, "not-in-sight")):
        found = representation_barrier(relation, EVERY_WAY, ward, study_types=frozenset(), on_date=CHILD)
        assert found == expected
    gone = representation_barrier(hidden, EVERY_WAY, ward, study_types=None, on_date=CHILD)
    assert gone is None, "that something left the cabinet is for whoever represents the ward"
