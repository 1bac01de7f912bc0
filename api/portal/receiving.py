"""«Настройки автоматического получения анализов»: which results, from whom, and how one is told (S24-S27, S34-S43,
S49, S52-S59); and the check-list of what was received (S58)."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, TypeVar
from uuid import UUID

from fastapi import APIRouter
from fastapi.responses import Response

from api.portal.consents import consent_of
from api.portal.seen_reports import purpose_of, seen_reports
from api.portal.web import Actor, Form, Person, Visit, go, told
from api.problems import ProblemError, explain
from domain.consent import ConsentKind
from domain.patient import PolicyMissingError
from domain.reading import ReportsListed
from domain.receiving import (
    CheckList,
    DocumentFormat,
    NothingWantedError,
    Receiving,
    ReceivingSettings,
)
from domain.study_type import StudyType
from domain.values import OrganisationId
from ledger import commands
from ledger.receiving import change_settings, load_receiving
from projections import cabinet
from projections.cabinet import ReportRow

router = APIRouter(include_in_schema=False)

# How people look for a study; the three groups of the source come first (S53, S61).
GROUPS: Mapping[str, tuple[StudyType, ...]] = {
    "common": (StudyType.BLOOD_COUNT, StudyType.BIOCHEMISTRY, StudyType.URINALYSIS, StudyType.HORMONES),
    "special": (
        StudyType.COAGULATION,
        StudyType.IMMUNOLOGY,
        StudyType.MICROBIOLOGY,
        StudyType.BLOOD_GROUP,
        StudyType.TOXICOLOGY,
        StudyType.GENETICS,
        StudyType.PATHOLOGY,
    ),
    "instrumental": (StudyType.INSTRUMENTAL,),
}
OTHER = "other"
_DAYS: Mapping[CheckList, int] = {CheckList.WEEKLY: 7, CheckList.MONTHLY: 31, CheckList.QUARTERLY: 92}
_REPORTS_MAX = 1000

C = TypeVar("C", bound=StrEnum)


@router.get("/services/receiving")
def receiving_page(person: Person) -> Response:
    return _page(person, load_receiving(person.ledger, person.patient_id))


@router.post("/services/receiving")
def save(person: Actor, form: Form) -> Response:
    """Everything on the page in one act; it holds from its event on (S59)."""
    known = load_receiving(person.ledger, person.patient_id)
    chosen, switches = known.settings, {}
    try:
        change, switches = _read(person, form), _switches(person, form)
        chosen = change(known.settings)
        change_settings(person.ledger, person.patient_id, change, person.by(), switches=switches)
    except PolicyMissingError:
        error = ProblemError("receiving-policy-missing", "form")
    except NothingWantedError:
        error = ProblemError("receiving-nothing-chosen", "study")
    except ProblemError as found:
        error = found
    else:
        return go("/services/receiving", notice="receiving-saved")
    turned_off = frozenset(one for one, is_on in switches.items() if not is_on)
    return _page(person, Receiving(settings=chosen, turned_off=turned_off), error)


def _read(person: Visit, form: dict[str, str]) -> Callable[[ReceivingSettings], ReceivingSettings]:
    """What is ticked is wanted; how one is told of it stays as it is. A field for each box, so that none can be
    lost. The documents of a ward are nobody's but the ward's: a guardian is not asked."""
    declined = tuple(one for one in StudyType if form.get(f"study-{one}") != "yes")
    document_format = _chosen(DocumentFormat, form, "format")
    check_list = _chosen(CheckList, form, "check_list")
    documents = form.get("documents") == "yes" if person.acting is None else None
    return lambda settings: replace(
        settings,
        declined_study_types=declined,
        declines_others=form.get(f"study-{OTHER}") != "yes",
        document_format=document_format,
        check_list=check_list,
        sends_documents=settings.sends_documents if documents is None else documents,
    )


def _chosen(choices: type[C], form: dict[str, str], field: str) -> C:
    try:
        return choices(form.get(field, ""))
    except ValueError:
        raise ProblemError("receiving-choice-unknown", field) from None


def _switches(person: Visit, form: dict[str, str]) -> dict[OrganisationId, bool]:
    """The boxes of the organisations that are linked; one that the form does not know stays as it is."""
    shown = form.get("shown", "").split()
    return {
        OrganisationId(row.laboratory_id): form.get(f"from-{row.laboratory_id}") == "yes"
        for row, _ in cabinet.linked_laboratories(person.ledger, person.patient_id)
        if str(row.laboratory_id) in shown
    }


def _page(person: Visit, state: Receiving, error: ProblemError | None = None) -> Response:
    patient = commands.load_patient(person.ledger, person.patient_id)
    linked = cabinet.linked_laboratories(person.ledger, person.patient_id)
    settings = state.settings
    return person.page(
        "receiving.html",
        status=explain(error.code).status if error else 200,
        errors=told(error, person.locale) if error else {},
        has_policy=patient.policy is not None,
        organisations=[
            {
                "id": str(row.laboratory_id),
                "name": row.name,
                "is_on": state.is_automatic(OrganisationId(row.laboratory_id)),
            }
            for row, _ in linked
        ],
        groups=[{"key": key, "types": [one.value for one in types]} for key, types in GROUPS.items()],
        wanted=[one.value for one in StudyType if one not in settings.declined_study_types]
        + ([] if settings.declines_others else [OTHER]),
        channels=[] if settings.has_no_notices else [one.value for one in settings.channels],
        formats=[one.value for one in DocumentFormat],
        check_lists=[one.value for one in CheckList],
        periodicity=settings.periodicity.value,
        may_set_notices=person.may_open("/notifications/settings"),
        document_format=settings.document_format.value,
        documents=_documents(person, settings),
        check_list=settings.check_list.value,
    )


def _documents(person: Visit, settings: ReceivingSettings) -> dict[str, bool] | None:
    """«Автоматически отправлять результаты на электронную почту» (S40): whether it is on, and whether its consent
    is there. None where a guardian looks in."""
    if person.acting is not None:
        return None
    consent = consent_of(person, ConsentKind.RESULTS_BY_EMAIL)
    has_consent = consent is not None and consent.holds_at(datetime.now(UTC))
    return {"is_on": settings.sends_documents, "has_consent": has_consent}


@router.get("/services/receiving/check-list")
def check_list_page(person: Person, period: CheckList | None = None) -> Response:
    """What came within the period, from whom and of which type, and who sent nothing (S58)."""
    patient_id = person.patient_id
    state = load_receiving(person.ledger, patient_id)
    chosen = period or state.settings.check_list
    until = datetime.now(UTC)
    since = until - timedelta(days=_DAYS[chosen])
    rows = [
        row
        for row in seen_reports(person, limit=_REPORTS_MAX)
        if row.summary is not None and row.received_at >= since
    ]
    reading = ReportsListed(patient_id=patient_id, count=len(rows), purpose=purpose_of(person))
    commands.record_reading(person.ledger, reading, person.by())
    return person.page(
        "check_list.html",
        since=since,
        until=until,
        period=chosen.value,
        periods=[one.value for one in CheckList],
        total=len(rows),
        organisations=_counted(person, rows, state),
    )


def _counted(person: Visit, rows: list[ReportRow], state: Receiving) -> list[dict[str, Any]]:
    """Each linked organisation, and each other that sent something, with what came from it by type."""
    linked = {
        row.laboratory_id: row.name
        for row, _ in cabinet.linked_laboratories(person.ledger, person.patient_id)
    }
    by_laboratory: dict[UUID, Counter[str]] = {}
    names: dict[UUID, str] = dict(linked)
    for row in rows:
        assert row.summary is not None
        types = [*map(str, row.summary.study_types)] or [OTHER]
        by_laboratory.setdefault(row.laboratory_id, Counter()).update(types)
        names.setdefault(row.laboratory_id, row.summary.laboratory or "—")
    sent = Counter(row.laboratory_id for row in rows)
    return [
        {
            "name": name,
            "count": sent[laboratory_id],
            "types": sorted(by_laboratory.get(laboratory_id, Counter()).items()),
            "is_linked": laboratory_id in linked,
            "is_on": state.is_automatic(OrganisationId(laboratory_id)),
        }
        for laboratory_id, name in sorted(names.items(), key=lambda pair: pair[1])
    ]
