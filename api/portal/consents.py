"""Consents: each its own document, given and taken back by an act of its own (S22, S55, S77-S81, S97)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Annotated, Any
from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query
from fastapi.responses import Response

from api import consent_receipts
from api.consent_documents import ConsentText, DocumentUnknownError, current, text_of
from api.pages import Locale
from api.portal.step_up import local_path
from api.portal.waiting import waiting_of
from api.portal.web import Actor, Form, Person, Visit, go, told
from api.problems import ProblemError
from domain import consent
from domain.consent import OF_CABINET, ConsentGranted, ConsentKind, Scope
from domain.session import SessionOpened
from domain.study_type import StudyType
from domain.values import OrganisationId
from ledger import commands, consents, erasure_orders
from ledger.consent_receipt import Given, given_consent
from projections import cabinet, obligations

router = APIRouter(include_in_schema=False)
Organisation = Annotated[UUID | None, Query()]
DAY = timedelta(days=1)
# What nobody decides for another: the documents of a ward go to no guardian.
_OWN = (ConsentKind.RESULTS_BY_EMAIL,)
# The pages that ask for a consent and go on when it is given.
_ASKING = ("/services/appeals/", "/notifications/settings")


@dataclass(frozen=True, slots=True)
class _Asked:
    """Which consent is meant: of a kind and, where each organisation has its own, of whom."""

    person: Visit
    kind: ConsentKind
    organisation_id: OrganisationId | None

    @property
    def stream_id(self) -> UUID:
        return consents.consent_stream(
            self.person.ledger, self.person.patient_id, self.kind, self.organisation_id
        )

    @property
    def query(self) -> str:
        return f"?organisation={self.organisation_id}" if self.organisation_id else ""

    @property
    def state(self) -> consent.Consent | None:
        return self.person.ledger.load(self.stream_id, consent.evolve)[0]


def _asked(person: Visit, kind: ConsentKind, organisation: UUID | str | None) -> _Asked:
    """404 for an organisation that is not there, or of a kind that has none."""
    if kind in _OWN and person.acting is not None:
        raise ProblemError("not-for-a-ward")
    if kind is not ConsentKind.ELECTRONIC_TRANSFER:
        return _Asked(person, kind, None)
    try:
        found = UUID(str(organisation))
    except ValueError:
        raise ProblemError("not-found") from None
    if found not in _organisations(person):
        raise ProblemError("not-found")
    return _Asked(person, kind, OrganisationId(found))


def _organisations(person: Visit) -> dict[UUID, str]:
    return {row.laboratory_id: row.name for row in cabinet.laboratories(person.ledger, limit=1000)}


# The list, and one document.


@router.get("/consents")
def consents_page(person: Person) -> Response:
    patient_id = person.patient_id
    linked = [row.laboratory_id for row, _ in cabinet.linked_laboratories(person.ledger, patient_id)]
    names = _organisations(person)
    asked = [_Asked(person, kind, None) for kind in (*OF_CABINET, *_OWN)]
    asked = [one for one in asked if person.acting is None or one.kind not in _OWN]
    of_each = [
        _Asked(person, ConsentKind.ELECTRONIC_TRANSFER, OrganisationId(one)) for one in linked if one in names
    ]
    return person.page(
        "consents.html",
        consents=[_shown(one, names) for one in (*asked, *of_each)],
        waiting=waiting_of(person),
        erasure=_erasure(person),
        obligations=[
            {
                "duty": row.duty,
                "ground": row.ground,
                "due": row.due,
                "outcome": row.outcome or "open",
                "organisation": names.get(row.organisation_id) if row.organisation_id else None,
            }
            for row in obligations.obligations_of(person.ledger, patient_id, limit=20)
        ],
    )


def _erasure(person: Visit) -> dict[str, Any] | None:
    """By when everything of the person whose cabinet it is will be destroyed."""
    known = erasure_orders.load(person.ledger, person.patient_id)
    ordered = known.ready if known is not None else None
    if known is None or ordered is None:
        return None
    return {"due": ordered.due, "is_held": bool(known.holds_on(datetime.now(UTC).date()))}


@router.get("/consents/{kind}/document")
def consent_document_page(person: Person, kind: ConsentKind) -> Response:
    return _document_page(person, current(kind, person.locale))


@router.get("/consents/{kind}/documents/{version}/{language}")
def old_document_page(person: Person, kind: ConsentKind, version: int, language: Locale) -> Response:
    """A version as it was agreed to, however old: nothing personal is in it."""
    try:
        return _document_page(person, text_of(kind, version, language))
    except DocumentUnknownError:
        raise ProblemError("not-found") from None


def _document_page(person: Visit, text: ConsentText) -> Response:
    return person.page("consent_document.html", document=_document(person, text))


def _document(person: Visit, text: ConsentText) -> dict[str, Any]:
    return {
        "title": text.title,
        "version": text.document.version,
        "language": text.document.language,
        "sha256": text.document.sha256,
        "paragraphs": list(text.paragraphs),
        "operator": person.settings.operator,
    }


# Giving


@router.get("/consents/{kind}")
def grant_page(
    person: Person,
    kind: ConsentKind,
    organisation: Organisation = None,
    report: UUID | None = None,
    to: str = "",
) -> Response:
    """The whole text, the scope, a box that is not ticked. Who gives it proves first who they are. `report` is the
    one that somebody was about to send, and comes back to; `to` the page that asked for the consent."""
    person.require_step_up()
    asked = _asked(person, kind, organisation)
    back = {"report": str(report) if report else "", "to": to}
    return _grant_page(asked, _in_force(asked) | {name: text for name, text in back.items() if text})


def _in_force(asked: _Asked) -> dict[str, str]:
    """What holds now, so that a change of it begins there and not with everything."""
    if _status(asked.state) != "granted" or asked.state is None:
        return {}
    scope = asked.state.scope
    values = {f"study-type-{one.value}": "yes" for one in scope.study_types}
    values |= {f"organisation-{one}": "yes" for one in scope.organisations}
    values |= {"study-types": "some"} if scope.study_types else {}
    values |= {"organisations": "some"} if scope.organisations else {}
    if scope.until is not None:
        zone = ZoneInfo(asked.person.settings.time_zone)
        values["until"] = f"{scope.until.astimezone(zone) - DAY:%d.%m.%Y}"
    return values


def _grant_page(asked: _Asked, values: dict[str, Any], error: ProblemError | None = None) -> Response:
    person, names = asked.person, _organisations(asked.person)
    linked = [row for row, _ in cabinet.linked_laboratories(person.ledger, person.patient_id)]
    return person.page(
        "consent.html",
        status=422 if error else 200,
        kind=asked.kind.value,
        document=_document(person, current(asked.kind, person.locale)),
        organisation=(
            {"id": str(asked.organisation_id), "name": names[asked.organisation_id]}
            if asked.organisation_id
            else None
        ),
        organisations=[{"id": str(row.laboratory_id), "name": row.name} for row in linked],
        study_types=[one.value for one in StudyType],
        has_scope=asked.kind is ConsentKind.RESULTS_TRANSFER,
        errors=told(error, person.locale) if error else {},
        values=values,
    )


@router.post("/consents/{kind}/grant")
def grant(person: Actor, form: Form, kind: ConsentKind) -> Response:
    """Record the consent to the very text that the page showed."""
    person.require_step_up()
    asked = _asked(person, kind, form.get("organisation"))
    document = current(kind, person.locale).document
    if form.get("version") != str(document.version):
        raise ProblemError("consent-document-changed")
    try:
        if form.get("read") != "yes":
            raise ProblemError("consent-not-read", "read")
        scope = _scope(asked, form)
        consents.grant_consent(
            person.ledger,
            person.patient_id,
            agreed=document,
            current=document,
            by=person.by(),
            scope=scope,
            factors=_factors(person),
        )
    except consent.TermInThePastError:
        return _grant_page(asked, form, ProblemError("consent-term-invalid", "until"))
    except ProblemError as error:
        return _grant_page(asked, form, error)
    return go(_back(form), notice="consent-granted")


def _back(form: dict[str, str]) -> str:
    """To the report that was about to be sent, or the page that asked for the consent, if one did and is ours."""
    to = form.get("to", "")
    if to.startswith(_ASKING) and local_path(to) == to:
        return to
    try:
        return f"/reports/{UUID(form.get('report', ''))}/send"
    except ValueError:
        return "/consents"


def _scope(asked: _Asked, form: Form) -> Scope:
    """What was chosen; the choices are fields of their own, `organisation-<id>` and `study-type-<name>`."""
    if asked.organisation_id is not None:
        return Scope(organisations=(asked.organisation_id,), until=_until(asked.person, form))
    organisations: tuple[OrganisationId, ...] = ()
    study_types: tuple[StudyType, ...] = ()
    if asked.kind is ConsentKind.RESULTS_TRANSFER:
        known = sorted(_organisations(asked.person))
        organisations = tuple(
            OrganisationId(one) for one in known if form.get(f"organisation-{one}") == "yes"
        )
        study_types = tuple(one for one in StudyType if form.get(f"study-type-{one}") == "yes")
        _require_chosen(form, "organisations", organisations)
        _require_chosen(form, "study-types", study_types)
    return Scope(organisations=organisations, study_types=study_types, until=_until(asked.person, form))


def _require_chosen(form: Form, name: str, chosen: Sequence[object]) -> None:
    if form.get(name) == "some" and not chosen:
        raise ProblemError("consent-scope-empty", name)
    if form.get(name) == "all" and chosen:
        raise ProblemError("consent-scope-both", name)


def _until(person: Visit, form: Form) -> datetime | None:
    """The end of the day that was named, where the portal is; None for a consent without a term."""
    text = form.get("until", "").strip()
    if not text:
        return None
    for shape in ("%Y-%m-%d", "%d.%m.%Y"):
        try:
            day = datetime.strptime(text, shape).date()  # noqa: DTZ007 - a day has no zone; the next line gives it
        except ValueError:
            continue
        zone = ZoneInfo(person.settings.time_zone)
        return datetime.combine(day + DAY, time(), tzinfo=zone).astimezone(UTC)
    raise ProblemError("consent-term-invalid", "until")


def _factors(person: Visit) -> tuple[str, ...]:
    """By what the person proved who they are when this session began."""
    first = next(iter(person.ledger.read(person.signed_in().session_id)), None)
    return first.event.factors if first is not None and isinstance(first.event, SessionOpened) else ()


# Taking back


@router.post("/consents/{kind}/withdraw")
def withdraw(person: Actor, form: Form, kind: ConsentKind) -> Response:
    asked = _asked(person, kind, form.get("organisation"))
    try:
        consents.withdraw_consent(
            person.ledger, person.patient_id, kind, person.by(), organisation_id=asked.organisation_id
        )
    except consent.ConsentNotInForceError:
        raise ProblemError("consent-not-in-force") from None
    return go(_back(form), notice="consent-withdrawn")


# The receipt


@router.get("/consents/{kind}/receipt.json")
def receipt_json(person: Person, kind: ConsentKind, organisation: Organisation = None) -> Response:
    given, receipt = _receipt(_asked(person, kind, organisation))
    body = consent_receipts.to_json(person.ledger, given, receipt)
    return _file(body, "application/json", f"consent-{kind}.json")


@router.get("/consents/{kind}/receipt.pdf")
def receipt_pdf(person: Person, kind: ConsentKind, organisation: Organisation = None) -> Response:
    given, receipt = _receipt(_asked(person, kind, organisation))
    body = consent_receipts.to_pdf(person.ledger, person.settings, given, receipt)
    return _file(body, "application/pdf", f"consent-{kind}.pdf")


def _receipt(asked: _Asked) -> tuple[Given, dict[str, Any]]:
    person = asked.person
    given = given_consent(person.ledger, asked.stream_id)
    if given is None:
        raise ProblemError("not-found")
    profile = commands.load_patient(person.ledger, person.patient_id).profile
    names = _organisations(person)
    scope = {str(one): names.get(one, "—") for one in given.event.organisations}
    receipt = consent_receipts.receipt_of(
        person.ledger,
        person.settings,
        given,
        person=profile.full_name if profile else "—",
        organisations=scope,
    )
    return given, receipt


def _file(body: bytes, media_type: str, name: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return Response(body, media_type=media_type, headers=headers)


# What the list shows


def consent_of(person: Visit, kind: ConsentKind) -> consent.Consent | None:
    return _Asked(person, kind, None).state


def _shown(asked: _Asked, names: dict[UUID, str]) -> dict[str, Any]:
    person, kind = asked.person, asked.kind
    state, events = asked.state, list(person.ledger.read(asked.stream_id))
    granted = [one for one in events if isinstance(one.event, ConsentGranted)]
    newest = current(kind, person.locale).document
    document = state.document if state else newest
    status = _status(state)
    scope = state.scope if state else Scope()
    return {
        "kind": kind.value,
        "id": f"{kind}-{asked.organisation_id}" if asked.organisation_id else kind.value,
        "query": asked.query,
        "organisation": (
            {"id": str(asked.organisation_id), "name": names[asked.organisation_id]}
            if asked.organisation_id
            else None
        ),
        "title_id": f"consents.title.{kind}",
        "purpose_id": f"consents.purpose.{kind}",
        "document_href": f"/consents/{kind}/documents/{document.version}/{document.language}",
        "version": document.version,
        "is_outdated": status == "granted" and document.version < newest.version,
        "state": status,
        "granted_at": granted[-1].recorded_at if granted else None,
        "withdrawn_at": events[-1].recorded_at if state and state.is_withdrawn else None,
        "organisations": []
        if asked.organisation_id
        else [names.get(one, "—") for one in scope.organisations],
        "study_types": [one.value for one in scope.study_types],
        "until": scope.until - DAY if scope.until else None,
    }


def _status(state: consent.Consent | None) -> str:
    if state is None:
        return "none"
    if state.holds_at(datetime.now(UTC)):
        return "granted"
    return "withdrawn" if state.is_withdrawn else "expired"
