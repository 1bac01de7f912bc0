"""A result that races a change of the settings obeys the settings at its recorded position (S59)."""

from dataclasses import dataclass
from threading import Barrier, Thread
from time import monotonic, sleep

from domain.receiving import Receiving, ReceivingEvent, ReceivingSettings, evolve
from domain.report import ReportMatched, ReportReceived
from domain.study_type import StudyType
from domain.values import OrganisationId, PatientId
from ledger.commands import by_patient
from ledger.receiving import receiving_stream, save_settings
from tests.api.cast import ANNA, Laboratory, Portal, bundle, settled

ROUNDS = 40
HORMONES = {"coding": [{"system": "http://loinc.org", "code": "3016-3", "display": "ТТГ"}]}
WANTED = ReceivingSettings()
DECLINED = ReceivingSettings(declined_study_types=(StudyType.HORMONES,))


@dataclass
class Race:
    portal: Portal
    laboratory: Laboratory
    patient_id: PatientId
    # How long a submission took last: the machine may be a busy one.
    took: float = 0.008

    def run(self, number: int) -> None:
        """The report and the change leave together; who is first differs from round to round."""
        envelope = self.laboratory.seal(bundle(str(number), ANNA, code=HORMONES))
        settings = DECLINED if number % 2 == 0 else WANTED
        start = Barrier(2)
        delay = (number % 8) / 4 * self.took

        def submit() -> None:
            start.wait()
            began = monotonic()
            answer = self.portal.submit(envelope)
            self.took = monotonic() - began
            assert answer.status_code < 300, answer.text

        def change() -> None:
            start.wait()
            sleep(delay)
            by = by_patient(self.patient_id)
            save_settings(self.portal.opened.ledger, self.patient_id, settings, by)

        threads = [Thread(target=submit), Thread(target=change)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


def test_each_report_is_decided_by_the_settings_before_it(portal: Portal, laboratory: Laboratory) -> None:
    patient_id = settled(portal.opened, ANNA, laboratory.laboratory_id)
    race = Race(portal, laboratory, patient_id)
    for number in range(ROUNDS):
        race.run(number)
    ledger = portal.opened.ledger
    stream_id, organisation_id = (
        receiving_stream(ledger, patient_id),
        OrganisationId(laboratory.laboratory_id),
    )
    state = Receiving()
    reports: dict[object, bool] = {}
    wanted: dict[object, bool] = {}
    # Whether the report came before the change of its own round, for the rounds that began alike.
    firsts, changes = [], 0
    for recorded in ledger.read_all(limit=100_000):
        if recorded.stream_id == stream_id:
            assert isinstance(recorded.event, ReceivingEvent)
            state, changes = evolve(state, recorded.event), changes + 1
        elif isinstance(recorded.event, ReportReceived):
            firsts.append(changes == len(reports))
            reports[recorded.stream_id] = False
            wanted[recorded.stream_id] = state.wants(organisation_id, frozenset({StudyType.HORMONES}))
        elif isinstance(recorded.event, ReportMatched):
            reports[recorded.stream_id] = True
    assert (len(reports), changes) == (ROUNDS, ROUNDS)
    assert reports == wanted
    assert {True, False} == set(firsts), "both orders came about"
