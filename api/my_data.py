"""All that is kept of a patient, section by section: who has something of theirs adds its section here.

A section is a name, and rows as JSON. What the patient may not see elsewhere has no row: nothing of other people, no
secrets, no versions that are held.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import orjson

from domain import Event
from domain.consent import ConsentKind
from domain.ticket_events import TicketNoted
from domain.values import OrganisationId, PatientId
from ledger.account import account_stream
from ledger.appeals import appeal_stream
from ledger.codec import Erased, RecordedEvent, Unreadable, name_of, to_data
from ledger.consents import consent_stream
from ledger.external_accounts import external_stream
from ledger.identity import identity_stream
from ledger.linkage import linkage_stream
from ledger.medical_card import card_stream
from ledger.push_subscriptions import push_stream
from ledger.receiving import receiving_stream
from ledger.recovery import recovery_stream
from ledger.store import Ledger
from ledger.talk_first import talk_first_stream
from projections import appeals, audit, cabinet, consultations, delivery, sharing, study_requests, tickets

Row = dict[str, Any]
Rows = Callable[[Ledger, PatientId], Iterator[Row]]
# What only programs need, and whoever has it could use: whole events, or fields of one.
_SECRET = frozenset({"PushAddressStated"})
# And by which working name somebody is known at work.
_SECRET_FIELDS = {
    "ShareDescribed": ("token", "key"),
    "TicketTaken": ("handle",),
    "TicketHandedOver": ("handle",),
}
_PAGE = 500


@dataclass(frozen=True, slots=True)
class Section:
    """A file of the archive."""

    name: str
    rows: Rows


def rows_of_streams(ledger: Ledger, stream_ids: Sequence[UUID]) -> Iterator[Row]:
    """Everything that was recorded in these streams, as it was."""
    for stream_id in stream_ids:
        recorded_events = list(ledger.read(stream_id))
        # Notes that support wrote for itself are not the patient's, nor are their words.
        notes = {one.event.message_id for one in recorded_events if isinstance(one.event, TicketNoted)}
        for recorded in recorded_events:
            is_note = getattr(recorded.event, "message_id", None) in notes
            if name_of(recorded.event) not in _SECRET and not is_note:
                yield _as_row(recorded)


def _as_row(recorded: RecordedEvent) -> Row:
    event = recorded.event
    return {
        "event": name_of(event),
        "event_id": recorded.event_id,
        "at": recorded.recorded_at,
        "by": recorded.circumstances.actor.partition(":")[0],
        "data": None if isinstance(event, Erased | Unreadable) else _data(event),
    }


def _data(event: Event) -> Row:
    data: Row = orjson.loads(to_data(event))
    for name in _SECRET_FIELDS.get(name_of(event), ()):
        data.pop(name, None)
    return data


def _own(*streams: Callable[[Ledger, PatientId], UUID]) -> Rows:
    """Of the streams that a patient has one of."""
    return lambda ledger, patient_id: rows_of_streams(
        ledger, [stream(ledger, patient_id) for stream in streams]
    )


def _consents(ledger: Ledger, patient_id: PatientId) -> Iterator[Row]:
    single = [one for one in ConsentKind if one is not ConsentKind.ELECTRONIC_TRANSFER]
    streams = [consent_stream(ledger, patient_id, kind) for kind in single]
    streams += [
        consent_stream(ledger, patient_id, ConsentKind.ELECTRONIC_TRANSFER, organisation_id)
        for organisation_id in _organisations(ledger, patient_id)
    ]
    return rows_of_streams(ledger, streams)


def _of_organisations(*streams: Callable[[Ledger, PatientId, Any], UUID]) -> Rows:
    """Of the streams that a patient has one of with each organisation."""
    return lambda ledger, patient_id: rows_of_streams(
        ledger,
        [
            stream(ledger, patient_id, organisation_id)
            for organisation_id in _organisations(ledger, patient_id)
            for stream in streams
        ],
    )


def _organisations(ledger: Ledger, patient_id: PatientId) -> list[OrganisationId]:
    """Those that the patient has or had to do with."""
    with ledger.of_patient(patient_id) as connection:
        linked = connection.execute(
            "SELECT organisation_id FROM cabinet.linkages WHERE patient_id = %s", (patient_id,)
        ).fetchall()
    asked = [row.organisation_id for row in appeals.appeals_of(ledger, patient_id, limit=10_000)]
    issuers = [row.laboratory_id for row in cabinet.reports_of(ledger, patient_id, limit=100_000)]
    return [OrganisationId(one) for one in dict.fromkeys([*(row[0] for row in linked), *asked, *issuers])]


def _access(ledger: Ledger, patient_id: PatientId) -> Iterator[Row]:
    """Who looked, oldest first. Who is a person is named on the page «Кто смотрел», here is their role."""
    return _trail(ledger, patient_id, frozenset(audit.READINGS))


def _sign_ins(ledger: Ledger, patient_id: PatientId) -> Iterator[Row]:
    return _trail(ledger, patient_id, frozenset({"SessionOpened", "SessionClosed", "SignInRefused"}))


def _trail(ledger: Ledger, patient_id: PatientId, names: frozenset[str]) -> Iterator[Row]:
    after = 0
    while page := audit.entries(ledger, patient_id=patient_id, after=after, limit=_PAGE):
        after = page[-1].position
        for entry in page:
            if entry.name in names:
                own = entry.actor == f"patient:{patient_id}"
                yield {
                    "event": entry.name,
                    "event_id": entry.event_id,
                    "at": entry.recorded_at,
                    "by": "self" if own else entry.actor.partition(":")[0],
                    "report": entry.report_id,
                    **entry.detail,
                }


def _notices(ledger: Ledger, patient_id: PatientId) -> Iterator[Row]:
    for row in delivery.notifications_of(ledger, patient_id, limit=100_000):
        yield {
            "notice": row.notification_id,
            "report": row.report_id,
            "version": row.report_version,
            "channel": row.channel,
            "status": row.status,
            "at": row.requested_at,
        }


def _listed(rows: Callable[..., Sequence[Any]], id_name: str) -> Rows:
    """Of streams that a view lists, each under its id."""
    return lambda ledger, patient_id: rows_of_streams(
        ledger, [getattr(row, id_name) for row in rows(ledger, patient_id, limit=10_000)]
    )


SECTIONS: Final[tuple[Section, ...]] = (
    Section("profile", _own(lambda _, patient_id: patient_id, identity_stream)),
    Section("consents", _consents),
    Section("organisations", _of_organisations(linkage_stream, card_stream)),
    Section("settings", _own(receiving_stream, talk_first_stream)),
    Section("security", _own(account_stream, external_stream, recovery_stream, push_stream)),
    Section("sign-ins", _sign_ins),
    Section("access", _access),
    Section("notices", _notices),
    Section("appeals", _of_organisations(appeal_stream)),
    Section("study-requests", _listed(study_requests.requests_of, "request_id")),
    Section("shares", _listed(sharing.shares_of, "share_id")),
    Section("tickets", _listed(tickets.tickets_of, "ticket_id")),
    Section("consultations", _listed(consultations.consultations_of, "consultation_id")),
)
