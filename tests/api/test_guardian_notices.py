"""A guardian is told of what their ward is told and they may see: once, by both their consents, and by their own channels."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from api import guardian_notices
from api.guardian_notices import tell_guardians
from domain import notification
from domain.channel import Channel
from domain.consent import ConsentKind
from domain.guardianship import GuardianshipEnd
from domain.notice_hours import NoticeHours
from domain.receiving import ReceivingSettings
from domain.report_content import Observation, ReportContent, ReportStatus, Subject
from domain.study_type import StudyType
from domain.values import Coding, Concept, LaboratoryId, PatientId
from ledger import announcing, commands, consents, contacts, guardianship, misfiling, receiving
from ledger.commands import by_patient
from ledger.insertion import Erasure
from ledger.redeciding import redecide_all
from ledger.store import Ledger, Write
from projections import CABINET, DELIVERY, GUARDIANSHIP, delivery
from projections.delivery import NotificationRow
from projections.follow import Follower
from projections.rebuild import check
from tests.examples import DOCUMENT, EXAMPLES, OBSERVATION, WARD
from tests.ledger.test_guardianship import OPERATOR, asked, person
from tests.ledger.test_matching import OTHER_ENP, agreed, registered
from tests.ledger.test_permission import PANELS, arrives, content
from tests.scenario import TESTER

OF_NOTICES = (ConsentKind.PERSONAL_DATA, ConsentKind.NOTIFICATIONS)


@dataclass(slots=True)
class Family:
    """A ward, whoever represents them, and a laboratory that sends reports of the ward."""

    ledger: Ledger
    follower: Follower
    laboratory_id: LaboratoryId
    guardian_id: PatientId
    guardianship_id: UUID
    ward_id: PatientId

    def sends(self, number: str = "1", *, second: int = 1, panel: str = PANELS[0], **changed: object) -> UUID:
        sent = replace(of_ward(number, panel, second), **changed)  # type: ignore[arg-type]
        return arrives(self.ledger, self.laboratory_id, sent)

    def tell(self) -> int:
        self.follower.catch_up()
        decided = tell_guardians(self.ledger, datetime.now(UTC))
        self.follower.catch_up()
        return decided

    def rows(self) -> list[NotificationRow]:
        """What the guardian is told, seen by somebody who sees all."""
        self.follower.catch_up()
        found = delivery.notifications_of(self.ledger, self.ward_id)
        return [row for row in found if row.recipient_id == self.guardian_id]

    def told(self) -> dict[str, tuple[str, str | None]]:
        rows = self.rows()
        assert len({row.report_version for row in rows}) <= 1
        return {row.channel: (row.status, row.reason) for row in rows}

    def silent(self, reason: str) -> dict[str, tuple[str, str | None]]:
        return dict.fromkeys((str(channel) for channel in Channel), ("suppressed", reason))


def of_ward(number: str, panel: str, second: int) -> ReportContent:
    sent = content(number, panel, sent_second=second)
    identifiers = (replace(sent.subject.identifiers[0], value=WARD.snils),)
    subject = Subject(
        family=WARD.family, given=(WARD.given,), birth_date=WARD.birth_date, identifiers=identifiers
    )
    return replace(sent, subject=subject)


def permits(ledger: Ledger, patient_id: PatientId, kinds: tuple[ConsentKind, ...] = OF_NOTICES) -> None:
    for kind in kinds:
        document = replace(DOCUMENT, kind=kind)
        consents.grant_consent(
            ledger, patient_id, agreed=document, current=document, by=by_patient(patient_id)
        )


@pytest.fixture
def family(ledger: Ledger) -> Family:
    laboratory_id = registered(ledger, "one")
    guardian_id = person(ledger)
    by = by_patient(guardian_id)
    commands.state_email(ledger, guardian_id, "irina@patients.example", by)
    contacts.confirm_email(ledger, guardian_id, "irina@patients.example", by)
    permits(ledger, guardian_id)
    guardianship_id = asked(ledger, guardian_id)
    ward_id = guardianship.confirm(ledger, guardianship_id, OPERATOR)
    agreed(ledger, ward_id, laboratory_id)
    follower = Follower(ledger, (CABINET, GUARDIANSHIP, DELIVERY))
    return Family(ledger, follower, laboratory_id, guardian_id, guardianship_id, ward_id)


def test_a_guardian_is_told_by_their_own_channels_and_once(family: Family, owner: Ledger) -> None:
    report_id = family.sends()
    assert family.tell() == 1
    assert family.told() == {
        "email": ("requested", None),
        "sms": ("suppressed", "not-wanted"),
        "push": ("suppressed", "not-wanted"),
    }
    (row,) = [row for row in family.rows() if row.status == "requested"]
    assert (row.report_id, row.patient_id) == (report_id, family.ward_id)
    state, _ = family.ledger.load(row.notification_id, notification.evolve)
    assert state is not None
    assert (state.told, state.guardianship_id) == (family.guardian_id, family.guardianship_id)
    assert family.tell() == 0
    assert all(one.is_same for one in redecide_all(family.ledger))
    assert check(owner, DELIVERY).is_equal


def test_what_was_decided_and_not_seen_yet_is_not_decided_twice(family: Family) -> None:
    family.sends()
    family.follower.catch_up()
    now = datetime.now(UTC)
    assert tell_guardians(family.ledger, now) == 1
    assert tell_guardians(family.ledger, now) == 0, "the view is behind"


def test_what_is_no_news_any_more_is_told_to_nobody(family: Family) -> None:
    """A view that is made anew finds what came before guardians were told of anything."""
    family.sends()
    family.follower.catch_up()
    later = datetime.now(UTC) + timedelta(hours=73)
    assert tell_guardians(family.ledger, later) == 1
    assert family.told() == family.silent("news-old")
    assert all(one.is_same for one in redecide_all(family.ledger))


def test_what_came_before_somebody_represented_the_ward_is_not_told(family: Family) -> None:
    guardianship.end(family.ledger, family.guardianship_id, GuardianshipEnd.GIVEN_UP, OPERATOR)
    family.sends()
    assert asked(family.ledger, family.guardian_id) == family.guardianship_id
    guardianship.confirm(family.ledger, family.guardianship_id, OPERATOR)
    assert family.tell() == 0
    family.sends("2")
    assert family.tell() == 1


@pytest.mark.parametrize("kind", OF_NOTICES)
def test_without_the_wards_consents_nobody_is_told(family: Family, kind: ConsentKind) -> None:
    family.sends()
    consents.withdraw_consent(family.ledger, family.ward_id, kind, by_patient(family.ward_id))
    assert family.tell() == 1
    assert family.told() == family.silent("ward-consent-missing")
    assert all(one.is_same for one in redecide_all(family.ledger))


def test_without_the_guardians_own_consent_they_are_not_told(family: Family) -> None:
    family.sends()
    by = by_patient(family.guardian_id)
    consents.withdraw_consent(family.ledger, family.guardian_id, ConsentKind.NOTIFICATIONS, by)
    family.tell()
    assert family.told() == family.silent("consent-withdrawn")


def test_what_a_guardian_chose_and_can_be_reached_by_decides(family: Family) -> None:
    by = by_patient(family.guardian_id)
    commands.link_policy(family.ledger, family.guardian_id, OTHER_ENP, by)
    chosen = ReceivingSettings(channels=(Channel.SMS, Channel.PUSH))
    receiving.save_settings(family.ledger, family.guardian_id, chosen, by)
    family.sends()
    family.tell()
    assert family.told() == {
        "email": ("suppressed", "not-wanted"),
        "sms": ("requested", None),
        "push": ("suppressed", "push-missing"),
    }


def test_of_a_section_that_is_not_for_them_a_guardian_learns_nothing(family: Family) -> None:
    guardianship.close(family.ledger, family.guardianship_id, frozenset({StudyType.BLOOD_COUNT}), OPERATOR)
    family.sends()
    family.sends("2", panel=PANELS[1])
    assert family.tell() == 2
    assert family.tell() == 0, "it is said once why not"
    with family.ledger.of_patient(family.guardian_id) as connection:
        seen = connection.execute("SELECT DISTINCT status, reason FROM delivery.notifications").fetchall()
    assert {tuple(row) for row in seen} == {("requested", None), ("suppressed", "not-wanted")}
    reasons = {row.reason for row in family.rows()}
    assert "not-in-sight" in reasons, "an auditor sees why"
    assert all(one.is_same for one in redecide_all(family.ledger))


def test_a_correction_is_one_for_the_guardian_too_and_what_is_late_is_no_news(family: Family) -> None:
    family.sends(second=5)
    family.tell()
    family.sends(second=7, status=ReportStatus.CORRECTED, observations=(flagged("LL"),))
    family.sends(second=3, status=ReportStatus.PRELIMINARY)
    family.tell()
    emails = {row.report_version: row for row in family.rows() if row.channel == "email"}
    assert {version: (row.about, row.status, row.reason) for version, row in emails.items()} == {
        1: (None, "requested", None),
        2: ("corrected", "requested", None),
        3: (None, "suppressed", "version-late"),
    }
    assert emails[2].is_urgent and not emails[1].is_urgent
    assert emails[1].superseded_by == emails[2].notification_id


def flagged(code: str) -> Observation:
    flag = (Concept(codings=(Coding(system="v2-0078", code=code),)),)
    return replace(OBSERVATION, interpretation=flag, components=())


def test_that_a_report_left_the_cabinet_is_news_for_who_was_told_of_it(family: Family) -> None:
    told = family.sends()
    family.tell()
    misfiling.undo(family.ledger, told, OPERATOR)
    family.tell()
    withdrawn = {row.channel: row.status for row in family.rows() if row.about == "withdrawn"}
    assert withdrawn["email"] == "requested"


def test_that_a_report_left_the_cabinet_is_no_news_for_who_was_not_told(family: Family) -> None:
    guardianship.close(family.ledger, family.guardianship_id, frozenset({StudyType.BLOOD_COUNT}), OPERATOR)
    report_id = family.sends()
    family.tell()
    misfiling.undo(family.ledger, report_id, OPERATOR)
    family.tell()
    assert {row.reason for row in family.rows()} == {"not-in-sight"}


def test_what_left_the_cabinet_before_it_was_told_is_told_to_nobody(family: Family) -> None:
    misfiling.undo(family.ledger, family.sends(), OPERATOR)
    assert family.tell() == 2
    assert {(row.about, row.reason) for row in family.rows()} == {
        (None, "superseded"),
        ("withdrawn", "not-in-sight"),
    }


def test_a_guardianship_that_ends_in_between_ends_the_telling(
    family: Family, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is guarded: what was decided on a guardianship that ended meanwhile is decided anew."""
    family.sends()
    family.follower.catch_up()
    real = announcing.told
    ended = []

    def told(*given: object, **named: object) -> tuple[Write, ...]:
        if not ended:
            ended.append(True)
            guardianship.end(family.ledger, family.guardianship_id, GuardianshipEnd.GIVEN_UP, OPERATOR)
        return real(*given, **named)  # type: ignore[arg-type]

    monkeypatch.setattr("ledger.guardian_announcing.told", told)
    assert tell_guardians(family.ledger, datetime.now(UTC)) == 1
    assert family.told() == family.silent("guardianship-over")


def test_one_that_cannot_be_decided_holds_back_no_other(
    family: Family, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = family.sends()
    other = family.sends("2")
    family.follower.catch_up()
    real = guardian_notices.announce_to_guardian

    def announce(ledger: Ledger, guardian: object, news: announcing.News, **named: datetime) -> bool:
        if news.report_id == broken:
            raise KeyError(broken)
        return real(ledger, guardian, news, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(guardian_notices, "announce_to_guardian", announce)
    monkeypatch.setattr(guardian_notices, "ROUND_MAX", 1)
    aside: dict[delivery.UntoldRow, datetime] = {}
    now = datetime.now(UTC)
    assert [tell_guardians(family.ledger, now, aside) for _ in range(2)] == [0, 1]
    assert {row.report_id for row in family.rows()} == {other}
    monkeypatch.undo()
    assert tell_guardians(family.ledger, now, aside) == 0, "it is left alone for a while"
    assert tell_guardians(family.ledger, now + timedelta(minutes=1), aside) == 1


@pytest.mark.parametrize("erased", ["guardian", "guardian with hours", "ward"])
def test_whoever_was_erased_is_told_nothing_and_holds_up_nobody(family: Family, erased: str) -> None:
    subject = family.ward_id if erased == "ward" else family.guardian_id
    if erased == "guardian with hours":
        hours = NoticeHours(digest_hour=7)
        receiving.choose_hours(family.ledger, subject, hours, by_patient(subject))
    family.sends()
    one = Write(UUID(int=77), 0, (EXAMPLES["SubmissionRefused"][0],))
    family.ledger.append(one, circumstances=TESTER, erased=(Erasure(subject),))
    assert family.tell() == 1
    assert {row.status for row in family.rows()} == {"suppressed"}
    assert family.told()["email"][1] == ("email-missing" if erased == "guardian" else "guardianship-over")
