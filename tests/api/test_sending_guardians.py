"""A notice to a guardian is asked about again when it is taken: whether they still may be told, and by whose leave."""

from datetime import UTC, datetime, timedelta

import pytest

from api.region_time_zones import TIME_ZONES
from api.regions import REGIONS
from api.sending.composing import addressed
from domain.channel import Channel
from domain.consent import ConsentKind
from domain.guardianship import GuardianshipEnd
from ledger import consents, guardianship
from ledger.commands import by_patient
from ledger.redeciding import redecide_all
from ledger.taking import Due, Round, Taking, take
from projections import delivery
from tests.api import test_guardian_notices as of_guardians
from tests.api.test_guardian_notices import Family
from tests.ledger.test_guardianship import OPERATOR

family = of_guardians.family


def taken(family: Family) -> Round:
    """All that is due by e-mail is taken."""
    family.follower.catch_up()
    now = datetime.now(UTC)
    rows = delivery.due(family.ledger, Channel.EMAIL, now=now)
    due = [
        Due(notification_id=row.notification_id, requested_at=row.requested_at, lives_since=row.lives_since)
        for row in rows
    ]
    how = Taking(now=now, lease_until=now + timedelta(minutes=5), zone_of=lambda _: "Europe/Moscow")
    found = take(family.ledger, due, how)
    family.follower.catch_up()
    return found


def of_guardian(family: Family) -> set[tuple[str, str | None]]:
    return {(row.status, row.reason) for row in family.rows() if row.channel == Channel.EMAIL}


def test_a_guardian_is_told_at_their_own_address(family: Family) -> None:
    family.sends()
    family.tell()
    (one,) = [one for one in taken(family).taken if one.state.recipient_id is not None]
    assert one.state.told == family.guardian_id
    addresses = addressed(Channel.EMAIL, one.grounds.patient, one.grounds.pushes)
    assert addresses is not None and addresses.email == "irina@patients.example"


def test_several_of_one_ward_are_told_together(family: Family) -> None:
    for number in ("1", "2"):
        family.sends(number)
        family.tell()
    (one,) = [one for one in taken(family).taken if one.state.recipient_id is not None]
    assert one.count == 2


def test_who_represents_nobody_any_more_is_told_nothing(family: Family) -> None:
    family.sends()
    family.tell()
    guardianship.end(family.ledger, family.guardianship_id, GuardianshipEnd.GIVEN_UP, OPERATOR)
    taken(family)
    assert of_guardian(family) == {("suppressed", "guardianship-over")}
    assert all(one.is_same for one in redecide_all(family.ledger))


def test_what_a_ward_withdrew_binds_the_guardian(family: Family) -> None:
    family.sends()
    family.tell()
    by = by_patient(family.ward_id)
    consents.withdraw_consent(family.ledger, family.ward_id, ConsentKind.NOTIFICATIONS, by)
    taken(family)
    assert of_guardian(family) == {("suppressed", "ward-consent-missing")}
    assert all(one.is_same for one in redecide_all(family.ledger))


def test_an_end_between_the_look_and_the_taking_makes_it_nobodys(
    family: Family, monkeypatch: pytest.MonkeyPatch
) -> None:
    family.sends()
    family.tell()
    append = family.ledger.append

    def ending(*writes: object, **more: object) -> object:
        monkeypatch.setattr(family.ledger, "append", append)
        guardianship.end(family.ledger, family.guardianship_id, GuardianshipEnd.GIVEN_UP, OPERATOR)
        return append(*writes, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(family.ledger, "append", ending)
    assert not [one for one in taken(family).taken if one.state.recipient_id is not None]
    assert ("attempted", None) not in of_guardian(family)


def test_each_region_has_a_clock() -> None:
    assert TIME_ZONES.keys() == REGIONS.keys()
    assert TIME_ZONES["77"] == "Europe/Moscow" and TIME_ZONES["41"] == "Asia/Kamchatka"
