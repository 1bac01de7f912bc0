"""Pages where an operator looks after the quarantine: what lies there and why, read again, closed, shown.

The acts are those of `letopis quarantine`, and go through the same path. The bytes of a submission leave only
after it is recorded who saw them.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated, Any
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from fastapi.responses import Response

from api.formats import content_of, read_received
from api.portal.web import Form, go, told
from api.problems import ProblemError, explain
from api.staff.bytes_view import SHOWN_BYTES, shown
from api.staff.web import StaffVisit, acts, reads
from domain.staff import Role
from domain.submission import NotInQuarantineError, ReleaseReason
from ledger import onboarding, quarantine
from ledger.keys import KeyErasedError
from projections import intake
from projections.intake import INTAKE, Quarantined

router = APIRouter(include_in_schema=False, prefix="/staff/quarantine")
Operator = Annotated[StaffVisit, Depends(reads(Role.OPERATOR))]
OperatorActs = Annotated[StaffVisit, Depends(acts(Role.OPERATOR))]
LIST = "/staff/quarantine"
PAGE_ROWS = 50
_LAST_POSITION = 2**63 - 1


@router.get("")
def list_page(
    visit: Operator,
    lab: str = "",
    reason: str = "",
    after: Annotated[int, Query(ge=0, le=_LAST_POSITION)] = 0,
) -> Response:
    counts = intake.counts(visit.ledger)
    matching = [key for key in counts if lab in ("", key[0]) and reason in ("", key[1])]
    found: list[Quarantined] = []
    # What is in no count is in no row either: words of an address are not asked of the database.
    if matching:
        found = intake.quarantine(
            visit.ledger,
            laboratory_id=onboarding.laboratory_id(visit.ledger, lab) if lab else None,
            code=reason or None,
            after=after,
            limit=PAGE_ROWS + 1,
        )
    rows = found[:PAGE_ROWS]
    names = visit.laboratory_names()
    chosen = {name: value for name, value in (("lab", lab), ("reason", reason)) if value}
    by_laboratory, by_reason = _counted(counts, lab=lab, reason=reason)
    return visit.page(
        "quarantine.html",
        total=sum(counts.values()),
        filters=[
            _filter(
                "lab", lab, by_laboratory, {handle: names.get(handle, handle) for handle in by_laboratory}
            ),
            _filter("reason", reason, by_reason, {code: _words(visit, code)["text"] for code in by_reason}),
        ],
        entries=[_entry(visit, row, names) for row in rows],
        first=_address(chosen) if chosen or after else None,
        is_first=after == 0,
        further=_address(chosen | {"after": str(rows[-1].position)}) if len(found) > PAGE_ROWS else None,
    )


def _counted(
    counts: Mapping[tuple[str, str], int], *, lab: str, reason: str
) -> tuple[Counter[str], Counter[str]]:
    """How many there are by laboratory and by reason, each under what is chosen of the other."""
    by_laboratory, by_reason = Counter[str](), Counter[str]()
    for (handle, code), count in counts.items():
        if reason in ("", code):
            by_laboratory[handle] += count
        if lab in ("", handle):
            by_reason[code] += count
    return by_laboratory, by_reason


def _filter(name: str, chosen: str, counted: Counter[str], words: Mapping[str, str]) -> dict[str, Any]:
    choices = [
        {"value": value, "text": words[value], "count": count, "is_chosen": value == chosen}
        for value, count in sorted(counted.items(), key=lambda item: words[item[0]])
    ]
    return {"name": name, "choices": choices, "total": counted.total()}


def _address(chosen: Mapping[str, str]) -> str:
    return f"{LIST}?{urlencode(chosen)}" if chosen else LIST


@router.get("/{submission_id}")
def entry_page(visit: Operator, submission_id: UUID) -> Response:
    return _entry_page(visit, submission_id)


def _entry_page(visit: StaffVisit, submission_id: UUID, error: ProblemError | None = None) -> Response:
    found = intake.quarantined(visit.ledger, submission_id)
    if found is None:
        raise ProblemError("not-found")
    return visit.page(
        "quarantined.html",
        path=f"{LIST}/{submission_id}",
        status=explain(error.code).status if error else 200,
        entry=_entry(visit, found, visit.laboratory_names()),
        release_reasons=[reason.value for reason in ReleaseReason],
        errors=told(error, visit.locale) if error else {},
    )


# Acts


@router.post("/{submission_id}/retry")
def retry(visit: OperatorActs, submission_id: UUID, form: Form) -> Response:
    """`moved`: the operator has made sure that the other person of subject-differs is the right one."""
    before = intake.quarantined(visit.ledger, submission_id)
    is_moved = form.get("moved") == "yes"
    with _refusals():
        found = quarantine.read_again(
            visit.ledger, submission_id, read_received, visit.by(), is_moved=is_moved
        )
    visit.follow(INTAKE)
    if found.problem is None:
        return go(LIST, notice="recorded")
    is_same = before is not None and (before.code, before.field) == (found.problem.code, found.problem.field)
    return go(f"{LIST}/{submission_id}", notice="stays" if is_same else "stays-otherwise")


@router.post("/{submission_id}/release")
def release(visit: OperatorActs, submission_id: UUID, form: Form) -> Response:
    try:
        reason = ReleaseReason(form.get("reason", ""))
    except ValueError:
        return _entry_page(visit, submission_id, ProblemError("release-reason-missing", "reason"))
    with _refusals():
        quarantine.release(visit.ledger, submission_id, reason, visit.by())
    visit.follow(INTAKE)
    return go(LIST, notice="released")


@router.post("/{submission_id}/content")
def show_content(visit: OperatorActs, submission_id: UUID) -> Response:
    """The beginning of the content, as text where it is text."""
    found = intake.quarantined(visit.ledger, submission_id)
    if found is None:
        raise ProblemError("not-found")
    content = _read_content(visit, submission_id)
    text, form = shown(content)
    return visit.page(
        "quarantined_content.html",
        path=f"{LIST}/{submission_id}",
        entry=_entry(visit, found, visit.laboratory_names()),
        size_bytes=len(content),
        shown_bytes=min(len(content), SHOWN_BYTES),
        form=form,
        text=text,
    )


@router.post("/{submission_id}/download")
def download(visit: OperatorActs, submission_id: UUID) -> Response:
    """The whole content, as it was sent; never a type that a browser would open."""
    return Response(
        _read_content(visit, submission_id),
        media_type="application/octet-stream",
        headers={
            "Content-Disposition": f'attachment; filename="submission-{submission_id}.bin"',
            "Cache-Control": "no-store",
        },
    )


def _read_content(visit: StaffVisit, submission_id: UUID) -> bytes:
    """What the laboratory sent; that this member saw it is recorded before it is here."""
    with _refusals():
        return content_of(quarantine.show(visit.ledger, submission_id, visit.by()))


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except NotInQuarantineError:
        raise ProblemError("not-in-quarantine") from None
    except KeyErasedError:
        raise ProblemError("content-erased") from None


# Words


def _entry(visit: StaffVisit, row: Quarantined, names: Mapping[str, str]) -> dict[str, Any]:
    return {
        "id": str(row.submission_id),
        "href": f"{LIST}/{row.submission_id}",
        "received_at": row.received_at,
        "handle": row.handle,
        "laboratory": names.get(row.handle, row.handle),
        "content_type": row.content_type,
        "size_bytes": row.size_bytes,
        "field": row.field,
        **_words(visit, row.code),
    }


def _words(visit: StaffVisit, code: str) -> dict[str, str]:
    """A reason in the operator's language, with what to do about it."""
    language = 0 if visit.locale == "ru" else 1
    explanation = explain(code)
    return {"code": code, "text": explanation.title[language], "advice": explanation.advice[language]}
