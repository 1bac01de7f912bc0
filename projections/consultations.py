"""Consultations: which doctors receive patients, and which of their times are booked.

By pseudonyms, times and states only: what doctors are called, and what is said, is read from the streams.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from domain import doctor
from domain.consultation import (
    BEFORE,
    ConsultationBooked,
    ConsultationCancelled,
    ConsultationHeld,
    ConsultationMoved,
    ConsultationReminded,
    ConsultationStatus,
    PatientMissed,
    Reminder,
)
from domain.doctor import ConsultationFormat, DoctorEnded, DoctorIntroduced, Language, Speciality
from domain.staff import Role, StaffMemberAdmitted, StaffMemberDismissed
from domain.values import OrganisationId, PatientId, StaffMemberId
from ledger.codec import RecordedEvent
from ledger.staff import BEGUN_SINCE_ADMITTED
from ledger.store import Ledger
from projections.projection import Projection, Rows


@dataclass(frozen=True, slots=True)
class DoctorRow:
    """A doctor as patients choose one."""

    member_id: StaffMemberId
    name: str
    speciality: Speciality
    organisation_id: OrganisationId
    formats: tuple[ConsultationFormat, ...]
    languages: tuple[Language, ...]


@dataclass(frozen=True, slots=True)
class BookingRow:
    """A consultation; what it is about is in its stream."""

    consultation_id: UUID
    patient_id: PatientId
    member_id: StaffMemberId
    organisation_id: OrganisationId
    status: ConsultationStatus
    format: ConsultationFormat
    starts_at: datetime
    minutes: int

    @property
    def is_booked(self) -> bool:
        return self.status is ConsultationStatus.BOOKED


# How events change the rows.

_INTRODUCED = """
INSERT INTO doctors (member_id, doctor_id, organisation_id, speciality, formats, introduced_at)
VALUES (%s, %s, %s, %s, %s, %s)
ON CONFLICT (member_id) DO UPDATE SET organisation_id = excluded.organisation_id,
    speciality = excluded.speciality, formats = excluded.formats, is_ended = false
"""
_BOOKED = """
INSERT INTO bookings (consultation_id, patient_id, member_id, organisation_id, status, format, starts_at, minutes,
    chosen_at, changed_at)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
"""
_MOVED = """
UPDATE bookings SET format = %s, starts_at = %s, minutes = %s, chosen_at = %s, changed_at = %s
WHERE consultation_id = %s
"""
_CHANGED = "UPDATE bookings SET status = %s, changed_at = %s WHERE consultation_id = %s"
_REMINDED = {
    Reminder.DAY_BEFORE: "UPDATE bookings SET day_reminded = %s WHERE consultation_id = %s",
    Reminder.HOUR_BEFORE: "UPDATE bookings SET hour_reminded = %s WHERE consultation_id = %s",
}
# A doctor who was dismissed may come back: then as one of the same organisation, or not at all.
_ADMITTED = "UPDATE doctors SET is_admitted = %s AND organisation_id = %s WHERE member_id = %s"
_STATUS_OF = {
    ConsultationCancelled: ConsultationStatus.CANCELLED,
    ConsultationHeld: ConsultationStatus.HELD,
    PatientMissed: ConsultationStatus.MISSED,
}


def apply(rows: Rows, events: Sequence[RecordedEvent], ledger: Ledger) -> None:  # noqa: ARG001 - one shape
    for recorded in events:
        stream_id, at = recorded.stream_id, recorded.recorded_at
        match recorded.event:
            case ConsultationBooked() as event:
                whose = (stream_id, event.patient_id, event.member_id, event.organisation_id)
                when = (event.format, event.starts_at, event.minutes, event.chosen_at, at)
                rows.execute(_BOOKED, (*whose, ConsultationStatus.BOOKED, *when))
            case ConsultationMoved() as event:
                when = (event.format, event.starts_at, event.minutes, event.chosen_at, at)
                rows.execute(_MOVED, (*when, stream_id))
            case ConsultationCancelled() | ConsultationHeld() | PatientMissed() as event:
                rows.execute(_CHANGED, (_STATUS_OF[type(event)], at, stream_id))
            case ConsultationReminded() as event:
                rows.execute(_REMINDED[event.reminder], (event.starts_at, stream_id))
            case _:
                _apply_of_doctor(rows, recorded)


def _apply_of_doctor(rows: Rows, recorded: RecordedEvent) -> None:
    match recorded.event:
        case DoctorIntroduced() as event:
            who = (event.member_id, recorded.stream_id, event.organisation_id, event.speciality)
            rows.execute(_INTRODUCED, (*who, list(event.formats), recorded.recorded_at))
        case DoctorEnded():
            rows.execute("UPDATE doctors SET is_ended = true WHERE doctor_id = %s", (recorded.stream_id,))
        case StaffMemberDismissed():
            rows.execute("UPDATE doctors SET is_admitted = false WHERE member_id = %s", (recorded.stream_id,))
        case StaffMemberAdmitted() as event:
            is_doctor = Role.DOCTOR in event.roles
            rows.execute(_ADMITTED, (is_doctor, event.organisation_id, recorded.stream_id))
        case _:
            return


# Queries.

_SINCE_ADMITTED = BEGUN_SINCE_ADMITTED.format(stream="b.consultation_id", member="b.member_id")
_COLUMNS = "consultation_id, patient_id, member_id, organisation_id, status, format, starts_at, minutes"


def doctors(ledger: Ledger, *, search: str = "") -> list[DoctorRow]:
    """Who receives patients now, by name; `search` looks for the beginnings of the words of a name."""
    with ledger.pool.connection() as connection:
        found = connection.execute(
            "SELECT doctor_id FROM consultations.doctors WHERE is_admitted AND NOT is_ended"
        ).fetchall()
    states = [
        folded[0] for folded in ledger.load_unerased(*((row[0], doctor.evolve) for row in found)) if folded
    ]
    wanted = search.casefold().split()
    rows = [
        DoctorRow(one.member_id, one.name, one.speciality, one.organisation_id, one.formats, one.languages)
        for one in states
        if one is not None and one.name is not None and _has_all(one.name, wanted)
    ]
    return sorted(rows, key=lambda row: (row.name.casefold(), row.member_id))


def is_receiving(ledger: Ledger, member_id: StaffMemberId) -> bool:
    with ledger.pool.connection() as connection:
        found = connection.execute(
            "SELECT is_admitted AND NOT is_ended FROM consultations.doctors WHERE member_id = %s",
            (member_id,),
        ).fetchone()
    return bool(found and found[0])


def consultations_of(ledger: Ledger, patient_id: PatientId, *, limit: int = 100) -> list[BookingRow]:
    """The patient's consultations, the latest first."""
    with ledger.of_patient(patient_id) as connection:
        found = connection.execute(
            f"SELECT {_COLUMNS} FROM consultations.bookings WHERE patient_id = %s"
            " ORDER BY starts_at DESC, consultation_id LIMIT %s",
            (patient_id, limit),
        ).fetchall()
    return [_row(row) for row in found]


def booked_with(
    ledger: Ledger, member_id: StaffMemberId, *, since: datetime, until: datetime, limit: int = 200
) -> list[BookingRow]:
    """The doctor's consultations that begin in between, in order, cancelled ones too; none of before they were
    dismissed and came back."""
    with ledger.pool.connection() as connection:
        found = connection.execute(
            f"SELECT {_COLUMNS} FROM consultations.bookings b WHERE member_id = %s AND {_SINCE_ADMITTED}"
            " AND starts_at >= %s AND starts_at < %s ORDER BY starts_at, consultation_id LIMIT %s",
            (member_id, since, until, limit),
        ).fetchall()
    return [_row(row) for row in found]


def open_with(ledger: Ledger, member_id: StaffMemberId, *, limit: int = 500) -> list[BookingRow]:
    """The doctor's consultations that were neither held nor missed nor cancelled, the earliest first."""
    with ledger.pool.connection() as connection:
        found = connection.execute(
            f"SELECT {_COLUMNS} FROM consultations.bookings WHERE member_id = %s"
            " AND status = 'booked' ORDER BY starts_at, consultation_id LIMIT %s",
            (member_id, limit),
        ).fetchall()
    return [_row(row) for row in found]


_DUE = """
SELECT consultation_id FROM consultations.bookings
WHERE status = 'booked' AND starts_at > %(now)s AND starts_at <= %(now)s + %(day)s AND CASE
    WHEN starts_at <= %(now)s + %(hour)s
    THEN chosen_at < starts_at - %(hour)s AND hour_reminded IS DISTINCT FROM starts_at
    ELSE chosen_at < starts_at - %(day)s AND day_reminded IS DISTINCT FROM starts_at END
ORDER BY starts_at, consultation_id LIMIT %(limit)s
"""


def reminders_due(ledger: Ledger, *, now: datetime, limit: int = 500) -> list[UUID]:
    """Whose time is near and was not said; the consultation itself decides."""
    asked = {
        "now": now,
        "day": BEFORE[Reminder.DAY_BEFORE],
        "hour": BEFORE[Reminder.HOUR_BEFORE],
        "limit": limit,
    }
    with ledger.pool.connection() as connection:
        return [row[0] for row in connection.execute(_DUE, asked).fetchall()]


def left_alone(ledger: Ledger, *, limit: int = 500) -> list[UUID]:
    """What is booked with doctors who receive no more patients, or who left and came back."""
    with ledger.pool.connection() as connection:
        found = connection.execute(
            "SELECT b.consultation_id FROM consultations.bookings b JOIN consultations.doctors d USING (member_id)"
            f" WHERE b.status = 'booked' AND (d.is_ended OR NOT d.is_admitted OR NOT {_SINCE_ADMITTED})"
            " ORDER BY b.starts_at, b.consultation_id LIMIT %s",
            (limit,),
        ).fetchall()
    return [row[0] for row in found]


def _has_all(name: str, wanted: Sequence[str]) -> bool:
    words = name.casefold().split()
    return all(any(word.startswith(one) for word in words) for one in wanted)


def _row(row: tuple[Any, ...]) -> BookingRow:
    consultation_id, patient_id, member_id, organisation_id, status, form, starts_at, minutes = row
    return BookingRow(
        consultation_id,
        PatientId(patient_id),
        StaffMemberId(member_id),
        OrganisationId(organisation_id),
        ConsultationStatus(status),
        ConsultationFormat(form),
        starts_at,
        minutes,
    )


CONSULTATIONS = Projection(
    name="consultations",
    tables={"doctors": "member_id", "bookings": "consultation_id"},
    apply=apply,
    names=frozenset(
        {
            "ConsultationBooked",
            "ConsultationMoved",
            "ConsultationCancelled",
            "ConsultationReminded",
            "ConsultationHeld",
            "PatientMissed",
            "DoctorIntroduced",
            "DoctorEnded",
            "StaffMemberAdmitted",
            "StaffMemberDismissed",
        }
    ),
)
