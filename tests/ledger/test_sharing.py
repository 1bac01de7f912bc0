"""Sharing in the ledger: what changes between the look at a share and the record of its opening is not given."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from domain.reading import ReportRead
from domain.sharing import OpenedVersion, Share, ShareNotActiveError, ShareOpened
from ledger import sharing
from ledger.commands import by_patient
from ledger.sharing import LinkTerms
from ledger.store import Ledger
from tests.examples import ANNA, MATCHED, READ, RECEIVED, REPORT, UNMATCHED
from tests.scenario import TESTER, recorded

NOW = datetime(2026, 11, 26, 5, 0, tzinfo=UTC)


@pytest.fixture
def share_id(ledger: Ledger) -> UUID:
    recorded(ledger, REPORT, RECEIVED, MATCHED)
    made, terms = uuid4(), LinkTerms(until=NOW + timedelta(days=1))
    sharing.share_by_link(ledger, ANNA, made, [REPORT], terms=terms, by=by_patient(ANNA), now=NOW)
    return made


def taken_back(ledger: Ledger, share_id: UUID) -> None:
    sharing.revoke(ledger, share_id, by_patient(ANNA))


def taken_from_the_patient(ledger: Ledger, share_id: UUID) -> None:
    recorded(ledger, REPORT, UNMATCHED)


@pytest.mark.parametrize("happens", [taken_back, taken_from_the_patient])
def test_what_goes_while_it_is_opened_is_not_given(
    ledger: Ledger, share_id: UUID, happens: Callable[[Ledger, UUID], None]
) -> None:
    looks = []

    def readings(share: Share, position: int, given: Sequence[OpenedVersion]) -> list[ReportRead]:
        looks.append(given)
        if len(looks) == 1:
            happens(ledger, share_id)
        return [READ]

    with pytest.raises(ShareNotActiveError):
        sharing.open_share(ledger, share_id, TESTER, now=NOW, readings=readings)
    assert len(looks) == 1, "the second look found nothing to give"
    kinds = {type(one.event) for one in ledger.read_all()}
    assert not kinds & {ShareOpened, ReportRead}


@pytest.mark.parametrize("happens", [taken_back, taken_from_the_patient])
def test_what_goes_while_a_named_file_is_fetched_is_not_given(
    ledger: Ledger, share_id: UUID, happens: Callable[[Ledger, UUID], None]
) -> None:
    looks = []

    def reading(share: Share, position: int) -> ReportRead:
        looks.append(position)
        if len(looks) == 1:
            happens(ledger, share_id)
        return READ

    with pytest.raises(ShareNotActiveError):
        sharing.fetch_file(
            ledger, share_id, REPORT, TESTER, now=NOW, reading=reading, may_be_given=lambda *_: True
        )
    assert len(looks) == 1, "the second look found nothing to give"
    assert not any(isinstance(one.event, ReportRead) for one in ledger.read_all())
