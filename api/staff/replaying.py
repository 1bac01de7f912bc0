"""Pages where an auditor replays: a stream as it stood, the nightly certificates, decisions made again.

Nothing is opened and nothing changed here. Each look at a stream and each trial of a policy is recorded first.
"""

from collections.abc import Sequence
from itertools import islice
from typing import Annotated, Any
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Depends
from fastapi.responses import Response

from api.staff.web import StaffVisit, reads
from domain.decision_policy import IN_FORCE, POLICIES
from domain.reading import DecisionsTried, ReadingPurpose, StreamReplayed
from domain.replay_certificate import is_clean
from domain.staff import Role
from ledger import replay_certificate
from ledger.commands import record_reading
from ledger.redeciding import Redecided, Rules, redecide_all
from ledger.replay_certificate import Certificate
from projections.stream_replay import (
    StreamAt,
    StreamNotFoundError,
    StreamTooLongError,
    changes,
    patient_of,
    stream_at,
)

router = APIRouter(include_in_schema=False, prefix="/staff")
Auditor = Annotated[StaffVisit, Depends(reads(Role.AUDITOR))]
_POSITION_MAX = 2**63 - 1
# So many certificates are shown, the newest; so many decisions are made again for one page.
CERTIFICATES_SHOWN = 100
TRIED_AT_ONCE = 500


@router.get("/replay")
def replay_page(visit: Auditor) -> Response:
    """A stream at one position, or what is otherwise at another."""
    given = visit.request.query_params
    stated = {name: given.get(name, "").strip() for name in ("stream", "at", "other")}
    errors: list[str] = []
    rows: list[tuple[str, str | None, str | None]] = []
    version, is_missing = None, False
    if any(stated.values()):
        errors = _wrong(stated)
        if not errors:
            places = [int(stated[name]) for name in ("at", "other") if stated[name]]
            try:
                found = _look(visit, UUID(stated["stream"]), places)
            except (StreamNotFoundError, StreamTooLongError):
                is_missing = True
            else:
                version, rows = found[0].version, _rows(found)
    return visit.page(
        "staff_replay.html",
        values=stated,
        errors=errors,
        rows=rows,
        version=version,
        is_two=bool(stated["other"]),
        is_missing=is_missing,
    )


def _wrong(stated: dict[str, str]) -> list[str]:
    wrong = []
    try:
        UUID(stated["stream"])
    except ValueError:
        wrong.append("stream")
    for name in ("at", "other"):
        is_stated = bool(stated[name]) or name == "at"
        if is_stated and not _is_position(stated[name]):
            wrong.append(name)
    return wrong


def _is_position(given: str) -> bool:
    return given.isascii() and given.isdecimal() and len(given) < 20 and int(given) <= _POSITION_MAX


def _look(visit: StaffVisit, stream_id: UUID, places: Sequence[int]) -> list[StreamAt]:
    with visit.ledger.pool.connection() as connection:
        patient_id = patient_of(connection, stream_id)
    for place in places:
        reading = StreamReplayed(
            patient_id=patient_id, stream_id=stream_id, position=place, purpose=ReadingPurpose.AUDIT
        )
        record_reading(visit.ledger, reading, visit.by())
    with visit.ledger.pool.connection() as connection, connection.transaction():
        connection.execute("SET TRANSACTION READ ONLY")
        return [stream_at(connection, stream_id, place) for place in places]


def _rows(found: Sequence[StreamAt]) -> list[tuple[str, str | None, str | None]]:
    if len(found) == 1:
        return [(field, value, None) for field, value in found[0].state.items()]
    return [(one.field, one.earlier, one.later) for one in changes(found[0], found[1])]


@router.get("/certificates")
def certificates_page(visit: Auditor) -> Response:
    given = replay_certificate.certificates(visit.ledger, limit=CERTIFICATES_SHOWN)
    return visit.page("staff_certificates.html", certificates=list(map(_certificate, given)))


def _certificate(given: Certificate) -> dict[str, Any]:
    replayed, decisions = given.replayed, given.replayed.decisions
    return {
        "number": given.number,
        "at": given.recorded_at,
        "event_id": str(given.event_id),
        "position": replayed.position,
        "tree_size": replayed.tree_size,
        "is_clean": is_clean(replayed),
        "finding": replayed.finding,
        "finding_index": replayed.finding_index,
        "differing": [(view.name, view.differs_at) for view in replayed.views if view.rebuilt_sha256],
        "parked": [(view.name, view.parked) for view in replayed.views if view.parked],
        "same": decisions.same,
        "changed": decisions.differing,
        "changed_at": decisions.differs_at,
        "erased": decisions.erased,
    }


@router.get("/decisions")
def decisions_page(visit: Auditor) -> Response:
    """Some hundred decisions at a time: all of them are the command's, `letopis audit decisions`."""
    given = visit.request.query_params
    chosen = given.get("policy", "") if given.get("policy", "") in POLICIES else ""
    after = int(given["after"]) if _is_position(given.get("after", "")) else 0
    tried: list[Redecided] = []
    if chosen:
        every = redecide_all(visit.ledger, after=after, rules=Rules.of(POLICIES[chosen]))
        tried = list(islice(every, TRIED_AT_ONCE + 1))
    is_more = len(tried) > TRIED_AT_ONCE
    if is_more:
        # A decision of several channels has one position: what is begun is shown whole on the next page.
        last = tried[-1].position
        tried = [one for one in tried if one.position < last]
    differing = [one for one in tried if not one.is_same and not one.is_lost]
    if tried:
        reading = DecisionsTried(
            position=tried[-1].position,
            policy=None if chosen == IN_FORCE.name else chosen,
            differing=len(differing),
            purpose=ReadingPurpose.AUDIT,
        )
        record_reading(visit.ledger, reading, visit.by())
    further = urlencode({"policy": chosen, "after": tried[-1].position}) if is_more else None
    return visit.page(
        "staff_decisions.html",
        policies=list(POLICIES),
        chosen=chosen,
        tried=len(tried),
        decisions=[
            {"position": one.position, "channel": one.channel, "decided": one.decided, "again": one.again}
            for one in differing
        ],
        further=f"/staff/decisions?{further}" if further else None,
    )
