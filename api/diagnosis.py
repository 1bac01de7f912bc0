"""Gathering what is known of a patient, for the diagnosis: nothing is decided here and nothing is recorded.

Of the reports that wait only their number and their reasons are told, and only to whom we know: that there are
any for a policy that somebody typed in would be news about the policy's owner.
"""

from collections import Counter
from datetime import UTC, datetime, timedelta

from api.consent_documents import current
from api.portal.organisation_status import Standing, standing_of
from api.sending.senders import is_set_up
from api.settings import Settings
from domain import consent
from domain.appeal import AppealStatus
from domain.channel import Channel
from domain.consent import OF_CABINET
from domain.diagnosis import AppealFacts, Facts, NoticeFacts, OrganisationFacts
from domain.linkage import LinkageStatus
from domain.values import PatientId
from ledger.commands import LaboratoryNotFoundError
from ledger.consents import consent_stream
from ledger.identity import Known, look
from ledger.onboarding import laboratory_of_id
from ledger.push_subscriptions import load_subscriptions
from ledger.receiving import load_receiving
from ledger.store import Ledger
from ledger.waiting_reports import reasons_of
from projections import appeals, arrivals, matching, organisations

NOTICES_SINCE = timedelta(days=30)


def facts_of(
    ledger: Ledger,
    settings: Settings,
    patient_id: PatientId,
    *,
    now: datetime | None = None,
    counts_waiting: bool = True,
) -> Facts:
    """Without `counts_waiting` the reports that wait are not opened to learn why."""
    now = now or datetime.now(UTC)
    known = look(ledger, patient_id)
    streams = [consent_stream(ledger, patient_id, kind) for kind in OF_CABINET]
    states = ledger.load_all(*((stream_id, consent.evolve) for stream_id in streams))
    set_up = [channel for channel in Channel if is_set_up(settings, channel)]
    notices = arrivals.notices_of(ledger, patient_id, now=now, since=now - NOTICES_SINCE, channels=set_up)
    return Facts(
        now=now,
        patient=known.patient,
        identity=known.so_far,
        regions=frozenset(settings.regions),
        organisations=_organisations(ledger, patient_id),
        receiving=load_receiving(ledger, patient_id),
        pushes=load_subscriptions(ledger, patient_id),
        consents=dict(zip(OF_CABINET, (state for state, _ in states), strict=True)),
        current_versions={kind: current(kind, "ru").document.version for kind in OF_CABINET},
        appeals=_appeals(ledger, patient_id),
        waiting=_waiting(ledger, patient_id, known) if counts_waiting else {},
        views_behind=arrivals.behind(ledger, now=now),
        notices=NoticeFacts(
            failed=notices.failed,
            are_stuck=notices.are_stuck,
            is_relay_set_up=settings.smtp_host is not None,
        ),
        last_result_at=arrivals.last_arrival(ledger, patient_id),
    )


def _organisations(ledger: Ledger, patient_id: PatientId) -> tuple[OrganisationFacts, ...]:
    rows = organisations.organisations_of(ledger, patient_id)
    standing = [
        standing_of(ledger, patient_id, row) for row in rows if row.status is not LinkageStatus.UNLINKED
    ]
    return tuple(_organisation(one) for one in standing)


def _organisation(one: Standing) -> OrganisationFacts:
    laboratory = one.laboratory
    fault = next((status.reason for status in one.statuses if status.name == "not-confirmed"), None)
    return OrganisationFacts(
        organisation_id=one.row.organisation_id,
        name=one.name,
        is_awaited=one.row.status is LinkageStatus.AWAITED,
        fault=fault,
        can_send=laboratory is not None
        and bool(laboratory.keys or laboratory.senders or laboratory.certificates),
    )


def _appeals(ledger: Ledger, patient_id: PatientId) -> tuple[AppealFacts, ...]:
    found = []
    for row in appeals.appeals_of(ledger, patient_id):
        try:
            name = laboratory_of_id(ledger, row.organisation_id).name
        except LaboratoryNotFoundError:
            continue
        found.append(
            AppealFacts(organisation=name, status=AppealStatus(row.status), answer_due=row.answer_due)
        )
    return tuple(found)


def _waiting(ledger: Ledger, patient_id: PatientId, known: Known) -> dict[str, int]:
    if not known.so_far.is_believed(known.patient):
        return {}
    counted: Counter[str] = Counter()
    for (_, reason), count in reasons_of(
        ledger, patient_id, matching.waiting_for(ledger, patient_id)
    ).items():
        counted[reason] += count
    return dict(counted)
