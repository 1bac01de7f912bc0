"""A view says the same, whatever batches its events come in: one by one, by sevens, or all at once."""

from dataclasses import replace
from random import Random
from uuid import UUID, uuid4

from domain import Event
from domain.announcement import About
from domain.channel import Channel
from domain.guardianship import GuardianshipConfirmed, GuardianshipEnd, GuardianshipEnded
from domain.notice_hours import Wait
from domain.notification import (
    NotificationDelivered,
    NotificationHandedOver,
    NotificationJoined,
    NotificationPostponed,
    NotificationRetried,
    NotificationReturned,
)
from domain.receiving import DocumentFormat
from domain.report_content import ReportStatus
from ledger import commands, sealing
from ledger.store import Ledger
from projections import AUDIT, PATIENT_CHAINS
from projections.analytes import ANALYTES
from projections.cabinet import CABINET
from projections.cabinet_marks import marks
from projections.corrections import CORRECTIONS
from projections.delivery import DELIVERY
from projections.follow import take
from projections.intake import INTAKE
from projections.matching import MATCHING
from projections.rebuild import beside, digests
from projections.terminology import TERMINOLOGY
from tests.examples import (
    ANNA,
    ATTEMPTED,
    BORIS,
    CHANNELS_SUPPRESSED,
    EXAMPLES,
    FAILED,
    LATER,
    MATCHED,
    MINIMAL_CONTENT,
    READ,
    RECEIVED,
    REPORT,
    REQUESTED,
    REVISED,
    SUBMITTED,
    SUPPRESSED,
    UNKNOWN,
    UNMATCHED,
)
from tests.scenario import recorded

VIEWS = (DELIVERY, AUDIT, CABINET, INTAKE, CORRECTIONS, ANALYTES, MATCHING, TERMINOLOGY, PATIENT_CHAINS)
DIGEST = UUID(int=77)
OTHERWISE = replace(REVISED, content=MINIMAL_CONTENT)
HELD = EXAMPLES["ReportVersionsHeld"][0]
POSTPONED = NotificationPostponed(until=LATER, waits_for=Wait.WEEKLY_DIGEST)
HANDED_OVER = NotificationHandedOver(attempt=1, remote_id="250 ok")
DELIVERED = NotificationDelivered(remote_id="")
# Each the whole story of a stream: together they come through every branch of delivery's rule.
STORIES: tuple[tuple[Event, ...], ...] = (
    (REQUESTED, ATTEMPTED, HANDED_OVER, DELIVERED),
    (REQUESTED, ATTEMPTED, DELIVERED, HANDED_OVER),
    (REQUESTED, ATTEMPTED, FAILED, SUPPRESSED),
    (REQUESTED, ATTEMPTED, replace(FAILED, retry_at=None), NotificationRetried()),
    (REQUESTED, replace(ATTEMPTED, carries=DocumentFormat.PDF), UNKNOWN, replace(ATTEMPTED, attempt=2)),
    (REQUESTED, ATTEMPTED, replace(UNKNOWN, retry_at=None)),
    (REQUESTED, ATTEMPTED, HANDED_OVER, NotificationReturned(reason="mailbox-full", remote_id="7")),
    (REQUESTED, EXAMPLES["NotificationAbandoned"][0]),
    (replace(REQUESTED, channel=Channel.SMS), POSTPONED),
    (replace(REQUESTED, recipient_id=BORIS), POSTPONED),
    (REQUESTED, POSTPONED, NotificationJoined(digest_id=DIGEST)),
    (replace(REQUESTED, report_version=2), POSTPONED, NotificationJoined(digest_id=DIGEST)),
    (REQUESTED, NotificationJoined(digest_id=uuid4())),
    (replace(REQUESTED, report_version=2),),
    (replace(REQUESTED, about=About.CORRECTED, report_version=3, recipient_id=BORIS),),
    (replace(REQUESTED, about=About.DOCUMENT, report_version=3),),
    (CHANNELS_SUPPRESSED,),
    (CHANNELS_SUPPRESSED,),
    (SUPPRESSED,),
    (EXAMPLES["ReceivingSettingsChanged"][0],),
    (EXAMPLES["ConsentWithdrawn"][0],),
    (
        GuardianshipConfirmed(guardian_id=BORIS, ward_id=ANNA),
        GuardianshipEnded(guardian_id=BORIS, ward_id=ANNA, reason=GuardianshipEnd.AGE_REACHED),
    ),
    (GuardianshipConfirmed(guardian_id=BORIS, ward_id=ANNA),),
    (RECEIVED, MATCHED, REVISED),
    (RECEIVED, MATCHED),
    (RECEIVED, replace(REVISED, is_late=True, status=ReportStatus.CORRECTED), MATCHED),
    (RECEIVED, MATCHED, REVISED, replace(REVISED, is_late=True, status=ReportStatus.AMENDED)),
    (RECEIVED, MATCHED, HELD, replace(REVISED, is_late=True, status=ReportStatus.AMENDED), REVISED),
    (RECEIVED, MATCHED, UNMATCHED, replace(MATCHED, patient_id=BORIS)),
    (RECEIVED, MATCHED, UNMATCHED),
    (RECEIVED, MATCHED, OTHERWISE),
    (RECEIVED, MATCHED, OTHERWISE, HELD),
    (RECEIVED, MATCHED, OTHERWISE, HELD, REVISED, EXAMPLES["ReportVersionsReleased"][0]),
    (RECEIVED, MATCHED, EXAMPLES["ReportDestroyed"][0]),
    (SUBMITTED, EXAMPLES["SubmissionAccepted"][0]),
    (SUBMITTED, EXAMPLES["SubmissionQuarantined"][0], EXAMPLES["SubmissionReleased"][0]),
    (replace(REQUESTED, report_version=2, carries=DocumentFormat.PDF), ATTEMPTED, FAILED),
    (replace(REQUESTED, report_version=2), ATTEMPTED, HANDED_OVER, DELIVERED),
    (replace(READ, report_version=1), READ, READ),
    (READ,),
)
# Who reads it, and is told of it, has it while it changes.
OF_ONE_REPORT = (RECEIVED, MATCHED, REVISED, REVISED)


def history(ledger: Ledger, chance: Random) -> None:
    """The stories, each in the order of its stream, among each other by lot. The digest is there when others join it, and
    what becomes of it comes after all of them."""
    recorded(ledger, DIGEST, REQUESTED)
    left: list[tuple[UUID, list[Event]]] = [(uuid4(), list(story)) for story in STORIES]
    left.append((REPORT, list(OF_ONE_REPORT)))
    while left:
        stream_id, story = chance.choice(left)
        recorded(ledger, stream_id, story.pop(0), by=commands.by_patient(ANNA))
        left = [one for one in left if one[1]]
    for _ in range(2):
        recorded(ledger, uuid4(), READ, by=commands.by_patient(ANNA))
    recorded(ledger, uuid4(), EXAMPLES["ConsentWithdrawn"][0])
    recorded(ledger, DIGEST, ATTEMPTED, HANDED_OVER, DELIVERED)


def test_the_size_of_a_batch_changes_no_row(ledger: Ledger, owner: Ledger) -> None:
    history(ledger, Random(5))
    events = ledger.read_all(limit=1000)
    for view in VIEWS:
        wanted = [one for one in events if view.names is None or type(one.event).__name__ in view.names]
        found = []
        for size in (1, 7, len(events)):
            with beside(owner, view, is_kept=False) as schema:
                for first in range(0, len(wanted), size):
                    part = wanted[first : first + size]
                    take(owner, view, part, schema, until=part[-1].position or 0)
                with owner.pool.connection() as connection:
                    found.append(digests(connection, view, schema))
                    parked = connection.execute(f"SELECT * FROM {schema}.parked".encode()).fetchall()
                assert parked == []
        assert found[0] == found[1] == found[2], view.name


def test_marks_of_terms_are_the_first_32_bits_of_each_each_once_in_order() -> None:
    key, terms = bytes(range(32)), ["w:гемоглобин", "t:", "b:ге", "t:"]
    made = [sealing.marks(key, [sealing.mark_block(term)]) for term in set(terms)]
    assert marks(key, terms) == sorted(int.from_bytes(one[:4], "big", signed=True) for one in made)
