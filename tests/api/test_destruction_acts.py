"""An officer takes the act of destruction, and it is recorded that they did; before it is complete there is none."""

from datetime import UTC, datetime, timedelta

from api.key_rotation import end_erasures
from domain.reading import Evidence, EvidenceTaken
from domain.staff import Role
from ledger import erasure
from projections import destruction
from tests.api.cast import ANNA, Portal
from tests.api.staff_cast import Clock, Member
from tests.scenario import TESTER, erasure_ordered


def test_the_act_is_taken_once_nothing_opens_any_more(portal: Portal, clock: Clock) -> None:
    ledger = portal.opened.ledger
    patient_id = portal.person(ANNA).register().patient_id
    officer = Member(portal, clock, handle="olga")
    officer.enrolled(Role.COMPLIANCE)
    today = datetime.now(UTC).date()
    erasure_ordered(ledger, patient_id, today)
    erasure.erase(ledger, patient_id, TESTER, today=today)
    assert officer.get(f"/staff/erasures/{patient_id}/act").status_code == 404
    end_erasures(
        ledger,
        datetime.now(UTC) + timedelta(days=2),
        kept_for=timedelta(days=1),
        operator_name="Оператор",
        operator_address="Москва",
    )
    portal.catch_up()

    pdf = officer.get(f"/staff/erasures/{patient_id}/act")
    assert (pdf.status_code, pdf.headers["content-type"]) == (200, "application/pdf")
    assert pdf.content.startswith(b"%PDF-")
    file = officer.get(f"/staff/erasures/{patient_id}/act.json")
    assert file.content == destruction.act_of(ledger, patient_id)[2]
    assert file.headers["cache-control"] == "no-store"
    taken = [one.event for one in portal.events(EvidenceTaken) if isinstance(one.event, EvidenceTaken)]
    assert [(one.patient_id, one.evidence) for one in taken] == [(patient_id, Evidence.DESTRUCTION)] * 2
