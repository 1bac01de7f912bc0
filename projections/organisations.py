"""Organisations as patients have them: linked, awaited, let go; and which laboratory an awaited one is."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from domain.erasure import PatientErased
from domain.laboratory import LaboratoryOidStated, LaboratoryRegistered
from domain.linkage import (
    LinkageStatus,
    OrganisationAwaited,
    OrganisationConnected,
    OrganisationLinked,
    OrganisationUnlinked,
)
from domain.medical_card import CardClaimed, CardConfirmed, CardRefused
from domain.organisation_registry import RegisteredOrganisation, is_same
from domain.values import LaboratoryId, OrganisationId, PatientId
from ledger.codec import RecordedEvent
from ledger.store import Ledger
from projections.projection import Projection, Rows


@dataclass(frozen=True, slots=True)
class LinkageRow:
    """A patient's organisation, how it stands with it, and since when. `name` is that of its laboratory; None for
    one that is only in the registry."""

    organisation_id: OrganisationId
    status: LinkageStatus
    since: datetime
    oid: str | None
    name: str | None
    inn: str | None
    ogrn: str | None


@dataclass(frozen=True, slots=True)
class AwaitedRow:
    """Who awaits an organisation, and the laboratory that it is."""

    patient_id: PatientId
    organisation_id: OrganisationId
    laboratory_id: LaboratoryId


# How events change the rows.


def apply(rows: Rows, events: Sequence[RecordedEvent], ledger: Ledger) -> None:  # noqa: C901 - one case for each kind of event
    del ledger
    for recorded in events:
        event = recorded.event
        match event:
            case LaboratoryRegistered():
                rows.execute(
                    "INSERT INTO laboratories VALUES (%s, %s, %s, %s, NULL)",
                    (recorded.stream_id, event.name, event.inn, event.ogrn),
                )
            case LaboratoryOidStated():
                rows.execute(
                    "UPDATE laboratories SET oid = %s WHERE laboratory_id = %s",
                    (event.oid, recorded.stream_id),
                )
            case OrganisationLinked():
                _put(rows, recorded, event, LinkageStatus.LINKED, (event.oid, None, None))
            case OrganisationAwaited():
                numbers = (event.oid, event.inn, event.ogrn)
                _put(rows, recorded, event, LinkageStatus.AWAITED, numbers)
            case OrganisationConnected():
                _turn(rows, recorded, event, LinkageStatus.CONNECTED)
            case PatientErased():
                rows.execute("DELETE FROM linkages WHERE patient_id = %s", (event.patient_id,))
                rows.execute("DELETE FROM cards WHERE patient_id = %s", (event.patient_id,))
            case CardClaimed():
                rows.execute(
                    "INSERT INTO cards VALUES (%s, %s, %s, %s) ON CONFLICT (patient_id, laboratory_id)"
                    " DO UPDATE SET position = excluded.position, claimed_at = excluded.claimed_at",
                    (event.patient_id, event.laboratory_id, recorded.position, recorded.recorded_at),
                )
            case CardConfirmed() | CardRefused():
                rows.execute(
                    "DELETE FROM cards WHERE patient_id = %s AND laboratory_id = %s",
                    (event.patient_id, event.laboratory_id),
                )
            case OrganisationUnlinked():
                _turn(rows, recorded, event, LinkageStatus.UNLINKED)
            case _:
                pass


def _put(
    rows: Rows,
    recorded: RecordedEvent,
    event: OrganisationLinked | OrganisationAwaited,
    status: LinkageStatus,
    numbers: tuple[str | None, str | None, str | None],
) -> None:
    """A linkage that changed its department only is as old as it was."""
    rows.execute(
        "INSERT INTO linkages AS l VALUES (%s, %s, %s, %s, %s, %s, %s)"
        " ON CONFLICT (patient_id, organisation_id) DO UPDATE SET status = excluded.status,"
        " since = CASE WHEN l.status = excluded.status THEN l.since ELSE excluded.since END,"
        " oid = excluded.oid, inn = excluded.inn, ogrn = excluded.ogrn",
        (event.patient_id, event.organisation_id, status, recorded.recorded_at, *numbers),
    )


def _turn(
    rows: Rows,
    recorded: RecordedEvent,
    event: OrganisationConnected | OrganisationUnlinked,
    status: LinkageStatus,
) -> None:
    rows.execute(
        "UPDATE linkages SET status = %s, since = %s WHERE patient_id = %s AND organisation_id = %s",
        (status, recorded.recorded_at, event.patient_id, event.organisation_id),
    )


# Queries. Schema names are written out: a rebuild has the other schema on its search path.


def organisations_of(ledger: Ledger, patient_id: PatientId) -> list[LinkageRow]:
    """All that the patient ever linked or awaited. One that became a laboratory stands there as this alone."""
    with ledger.of_patient(patient_id) as connection:
        found = connection.execute(
            "SELECT k.organisation_id, k.status, k.since, coalesce(k.oid, l.oid), l.name,"
            " coalesce(l.inn, k.inn), coalesce(l.ogrn, k.ogrn)"
            " FROM organisations.linkages k"
            " LEFT JOIN organisations.laboratories l ON l.laboratory_id = k.organisation_id"
            " WHERE k.patient_id = %s AND k.status <> 'connected' ORDER BY k.since, k.organisation_id",
            (patient_id,),
        ).fetchall()
    return [LinkageRow(row[0], LinkageStatus(row[1]), *row[2:]) for row in found]


def connectable(
    ledger: Ledger, *, after: tuple[UUID, UUID] = (UUID(int=0), UUID(int=0)), limit: int = 500
) -> list[AwaitedRow]:
    """The next awaited organisations of which a laboratory is registered by now (`is_same` in SQL), behind the
    last patient and organisation of the ones before."""
    with ledger.pool.connection() as connection:
        found = connection.execute(
            "SELECT DISTINCT ON (k.patient_id, k.organisation_id)"
            " k.patient_id, k.organisation_id, l.laboratory_id FROM organisations.linkages k"
            " JOIN organisations.laboratories l ON l.oid = k.oid"
            " OR (l.ogrn = k.ogrn AND l.inn = k.inn AND l.oid IS NULL)"
            " WHERE k.status = 'awaited' AND (k.patient_id, k.organisation_id) > (%s, %s)"
            " ORDER BY k.patient_id, k.organisation_id, l.oid NULLS LAST, l.laboratory_id LIMIT %s",
            (*after, limit),
        ).fetchall()
    return [AwaitedRow(*row) for row in found]


def laboratories_of(
    ledger: Ledger, entries: Sequence[RegisteredOrganisation]
) -> dict[str, tuple[LaboratoryId, str]]:
    """Which of these organisations of the registry are connected: the laboratory's id and name, by OID."""
    with ledger.pool.connection() as connection:
        rows: list[tuple[UUID, str, str, str, str | None]] = connection.execute(
            "SELECT laboratory_id, name, inn, ogrn, oid FROM organisations.laboratories"
            " WHERE oid = ANY(%s) OR ogrn = ANY(%s) ORDER BY oid NULLS LAST, laboratory_id",
            ([entry.oid for entry in entries], [entry.ogrn for entry in entries]),
        ).fetchall()
    found: dict[str, tuple[LaboratoryId, str]] = {}
    for entry in entries:
        for laboratory_id, name, inn, ogrn, oid in rows:
            if is_same(
                oid=entry.oid, inn=entry.inn, ogrn=entry.ogrn, other_oid=oid, other_inn=inn, other_ogrn=ogrn
            ):
                found.setdefault(entry.oid, (LaboratoryId(laboratory_id), name))
    return found


@dataclass(frozen=True, slots=True)
class CardRow:
    """A card that waits for a person's decision."""

    position: int
    patient_id: PatientId
    laboratory_id: LaboratoryId
    laboratory: str
    claimed_at: datetime


def cards_waiting(ledger: Ledger, *, after: int = 0, limit: int = 50) -> list[CardRow]:
    """The next cards to be decided on, in the order in which they were claimed."""
    with ledger.pool.connection() as connection:
        found = connection.execute(
            "SELECT c.position, c.patient_id, c.laboratory_id, coalesce(l.name, ''), c.claimed_at"
            " FROM organisations.cards c LEFT JOIN organisations.laboratories l USING (laboratory_id)"
            " WHERE c.position > %s ORDER BY c.position LIMIT %s",
            (after, limit),
        ).fetchall()
    return [CardRow(*row) for row in found]


def count_cards(ledger: Ledger) -> int:
    with ledger.pool.connection() as connection:
        row = connection.execute("SELECT count(*) FROM organisations.cards").fetchone()
    return int(row[0]) if row else 0


ORGANISATIONS = Projection(
    name="organisations",
    tables={"linkages": "patient_id, organisation_id", "laboratories": "laboratory_id", "cards": "position"},
    apply=apply,
    names=frozenset(
        {
            "LaboratoryRegistered",
            "LaboratoryOidStated",
            "OrganisationLinked",
            "OrganisationAwaited",
            "OrganisationConnected",
            "PatientErased",
            "OrganisationUnlinked",
            "CardClaimed",
            "CardConfirmed",
            "CardRefused",
        }
    ),
)
