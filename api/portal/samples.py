"""«Образец анализа»: the patient sees that results of an organisation would come, by a report that is none (S51)."""

from uuid import UUID

from fastapi import APIRouter
from fastapi.responses import Response

from api import limits
from api.portal.organisations import own_organisation, shown_page
from api.portal.web import Actor, go
from api.problems import ProblemError
from api.sample_reports import SampleReportLostError, send_sample
from domain.linkage import LinkageStatus
from domain.sample_report import SampleReportBarredError, SampleReportThereError
from domain.values import OrganisationId
from ledger.sample_reports import remove_sample
from projections.cabinet import CABINET
from projections.delivery import DELIVERY

router = APIRouter(include_in_schema=False)


@router.post("/services/organisations/{organisation_id}/sample")
def ask(person: Actor, organisation_id: UUID) -> Response:
    """What would keep a result back is said on the organisation's page; else the sample is in the cabinet at once."""
    own = own_organisation(person, organisation_id)
    if own.row.status is not LinkageStatus.LINKED:
        raise ProblemError("organisation-not-linked")
    limits.take(person.ledger, "sample", str(person.patient_id))
    try:
        held = send_sample(person.node, person.patient_id, own.row.organisation_id, person.by())
    except SampleReportBarredError as barred:
        return shown_page(person, own, sample_barrier=barred.code)
    except SampleReportThereError:
        raise ProblemError("sample-there") from None
    except SampleReportLostError:
        raise ProblemError("sample-lost") from None
    person.follow(CABINET, DELIVERY)
    if held is not None:
        return shown_page(person, own, sample_barrier=held)
    return go(f"/services/organisations/{organisation_id}", notice="sample-sent")


@router.post("/services/organisations/{organisation_id}/sample/remove")
def remove(person: Actor, organisation_id: UUID) -> Response:
    """Also when the organisation is linked no more: a sample is of no use to anybody."""
    found = OrganisationId(organisation_id)
    if remove_sample(person.ledger, person.patient_id, found, person.by()) is None:
        raise ProblemError("not-found")
    person.follow(CABINET, DELIVERY)
    return go(f"/services/organisations/{organisation_id}", notice="sample-removed")
