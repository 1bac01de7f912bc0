"""What a patient gave to a doctor, in time: lists, tables and pictures as the patient has them, made of the reports that are
open to this doctor now, and of no other.

That somebody is given a report is recorded by the share that gives it, before a value of it leaves.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi import APIRouter, BackgroundTasks
from fastapi.responses import Response

from api.portal.seen_measurements import laboratory_names
from api.portal.trend_view import TrendWords, list_shown, trend_shown
from api.problems import ProblemError
from api.share_telling import tell_opened
from api.staff.doctor import member_of
from api.staff.shared import LIST, Doctor, head_of, open_share_of, record
from api.staff.web import StaffVisit
from domain.reading import IdentityRead, Medium, ReadingPurpose, ReportRead
from domain.sharing import OpenedVersion, Share, ShareNotActiveError
from domain.trend import Measurement, Trend, trend_of
from ledger import sharing
from projections import analytes
from projections import sharing as view
from projections.analytes import ListedAnalyte, Sighted
from projections.measurements import by_digest, opened_reports
from projections.sharing import SHARING

router = APIRouter(include_in_schema=False, prefix="/staff")
# So many of each are on the list, and so many are drawn.
_ON_LIST: Final = 8
_DRAWN_MAX: Final = 500


@dataclass(frozen=True, slots=True)
class _Given:
    """What the patient of a share gives to the doctor now: each report with the share that gives it."""

    visit: StaffVisit
    share: Share
    share_of: Mapping[UUID, UUID]

    def analytes(self) -> list[ListedAnalyte]:
        sighted = Sighted(only=self.share_of.keys())
        return analytes.analytes_of(self.visit.ledger, self.share.patient_id, sighted)

    def trends(
        self, found: Sequence[ListedAnalyte], tasks: BackgroundTasks, *, each: int
    ) -> list[tuple[ListedAnalyte, Trend]]:
        """Of the latest measurements, so many of each; who is given them is recorded by now. A version that came
        meanwhile is left to the next look, and so is what was measured only in a report that was taken back."""
        ledger, patient_id = self.visit.ledger, self.share.patient_id
        digests = [digest for one in found for digest in one.digests]
        latest = analytes.latest_reports(
            ledger, patient_id, digests, each=each, sighted=Sighted(only=self.share_of.keys())
        )
        values = by_digest(ledger, patient_id, opened_reports(ledger, patient_id, latest))
        measured = [[value for digest in one.digests for value in values.get(digest, ())] for one in found]
        given = self._open({value.report_id for row in measured for value in row}, tasks)
        kept = [
            [value for value in row if given.get(value.report_id) == value.report_version] for row in measured
        ]
        return [(one, self._trend(one, row)) for one, row in zip(found, kept, strict=True) if row]

    def _trend(self, one: ListedAnalyte, measurements: Sequence[Measurement]) -> Trend:
        zone = ZoneInfo(self.visit.door.settings.time_zone)
        return trend_of(measurements, analyte=one.analyte.loinc, zone=zone)

    def _open(self, report_ids: Iterable[UUID], tasks: BackgroundTasks) -> dict[UUID, int]:
        """Which version of each report the doctor is given, by one append a share. What was taken back a moment ago is
        not given."""
        visit = self.visit
        given: dict[UUID, int] = {}
        for share_id, ids in groupby(
            sorted(report_ids, key=self.share_of.__getitem__), self.share_of.__getitem__
        ):
            try:
                opened = sharing.open_share(
                    visit.ledger,
                    share_id,
                    visit.by(),
                    now=datetime.now(UTC),
                    readings=_readings,
                    member_id=member_of(visit),
                    only=frozenset(ids),
                )
            except ShareNotActiveError:
                continue
            given |= {one.report_id: one.version for one in opened.versions}
            if opened.is_told:
                tasks.add_task(tell_opened, visit.request.app.state.door, share_id)
        visit.follow(SHARING)
        return given

    def words(self, trends: Sequence[tuple[ListedAnalyte, Trend]]) -> TrendWords:
        issuers = [value.laboratory_id for _, trend in trends for value in trend.measurements]
        return TrendWords(
            locale=self.visit.locale,
            time_zone=self.visit.door.settings.time_zone,
            laboratories=laboratory_names(self.visit.ledger, issuers),
            hrefs={one: f"{LIST}/{share_id}/reports/{one}" for one, share_id in self.share_of.items()},
        )


def _readings(share: Share, _: int, given: Sequence[OpenedVersion]) -> Iterable[ReportRead]:
    return (
        ReportRead(
            patient_id=share.patient_id,
            report_id=one.report_id,
            report_version=one.version,
            purpose=ReadingPurpose.TREATMENT,
            medium=Medium.TREND,
        )
        for one in given
    )


def _given(visit: StaffVisit, share_id: UUID) -> _Given:
    """`not-found` if the share is over. What other shares of the same patient give is in the trends too."""
    share = open_share_of(visit, share_id)
    rows = view.open_of_patient(visit.ledger, member_of(visit), share.patient_id, now=datetime.now(UTC))
    share_of = {report_id: row.share_id for row in rows for report_id in row.report_ids}
    return _Given(visit, share, share_of | dict.fromkeys(share.report_ids, share_id))


@router.get("/shared/{share_id:uuid}/trends")
def trends_page(visit: Doctor, tasks: BackgroundTasks, share_id: UUID) -> Response:
    given = _given(visit, share_id)
    trends = given.trends(given.analytes(), tasks, each=_ON_LIST)
    if not trends:  # nothing was opened, and the page says whose share it is
        record(visit, [IdentityRead(patient_id=given.share.patient_id, purpose=ReadingPurpose.TREATMENT)])
    path = f"{LIST}/{share_id}/trends"
    page = visit.page(
        "staff_trends.html",
        share=head_of(visit, share_id, given.share),
        **list_shown(trends, given.words(trends), path=path),
    )
    page.background = tasks
    return page


@router.get("/shared/{share_id:uuid}/trends/{key}")
def trend_page(visit: Doctor, tasks: BackgroundTasks, share_id: UUID, key: str) -> Response:
    given = _given(visit, share_id)
    trends = given.trends([one for one in given.analytes() if one.key == key], tasks, each=_DRAWN_MAX)
    if not trends:
        raise ProblemError("not-found")
    ((one, trend),) = trends
    page = visit.page(
        "staff_trend.html",
        share=head_of(visit, share_id, given.share),
        path=f"{LIST}/{share_id}/trends",
        **trend_shown(one, trend, given.words(trends)),
    )
    page.background = tasks
    return page
