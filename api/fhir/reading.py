"""A FHIR R4 submission read into reports: `read_fhir` from JSON, and `reports_in` from what was parsed."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from api.fhir import resources as fhir
from api.fhir.checked import Place, read_resource
from api.fhir.elements import effective_at, identifiers, modifiers, specimen
from api.fhir.links import ObservationLinks
from api.fhir.narrative import plain_text, section_texts
from api.fhir.observations import Draft
from api.fhir.parties import (
    Person,
    attachments,
    check_is_of_one,
    performer_names,
    person_of,
    specimens,
    subject_of,
    subject_reference,
)
from api.fhir.references import Located, Resources, Sent
from api.fhir.refusal import ContentNotFhirError
from api.fhir.repeats import without_repeats
from api.json_content import parse_json
from domain.report_content import ReportContent, status_of_observations


def read_fhir(raw: bytes) -> tuple[ReportContent, ...]:
    """Every report of a Bundle, DiagnosticReport or Observation in JSON."""
    return reports_in(parse_json(raw))


def reports_in(content: object) -> tuple[ReportContent, ...]:
    """Every report of a parsed resource; each observation is in exactly one."""
    kind = content.get("resourceType") if isinstance(content, dict) else None
    if not isinstance(content, dict) or not isinstance(kind, str):
        raise ContentNotFhirError(field="resourceType")
    reports: tuple[ReportContent, ...] = ()
    if kind == "Bundle":
        reports = _reports_of_bundle(content, Place(kind))
    elif kind in {"DiagnosticReport", "Observation"}:
        reports = _reports_of(Resources([Sent(content, Place(kind))]))
    if not reports:
        field = "Bundle.entry" if kind == "Bundle" else "resourceType"
        raise ContentNotFhirError(field=field, code="no-report-in-content")
    return reports


def _reports_of_bundle(content: dict[str, Any], place: Place) -> tuple[ReportContent, ...]:
    bundle = read_resource(content, place)
    if not isinstance(bundle, fhir.Bundle):
        return ()
    if bundle.type == "history":  # superseded versions would stand beside the current ones
        raise ContentNotFhirError(field=place.at("type").fhir_path, code="value-not-allowed")
    entries = [
        Sent(entry.resource, place, ("entry", index, "resource"), entry.full_url)
        for index, entry in enumerate(bundle.entry)
        if entry.resource is not None
    ]
    sent = without_repeats(entries)
    reports = _reports_of(Resources(one for one in sent if one.content.get("resourceType") != "Bundle"))
    sent_at = _instant(content.get("timestamp"))
    reports = tuple(replace(one, sent_at=sent_at) for one in reports) if sent_at else reports
    if len(reports) == 1 and bundle.identifier:  # of several reports it could not tell one from another
        names = reports[0].identifiers + identifiers([bundle.identifier])
        reports = (replace(reports[0], identifiers=tuple(dict.fromkeys(names))),)
    if len(reports) == 1 and bundle.type == "document":
        reports = (_with_sections(reports[0], sent),)
    for one in sent:
        if one.content.get("resourceType") == "Bundle":
            reports += _reports_of_bundle(one.content, one.place)
    return reports


def _with_sections(report: ReportContent, sent: Iterable[Sent]) -> ReportContent:
    document = next((one.content for one in sent if one.content.get("resourceType") == "Composition"), {})
    of_results = (note for one in report.observations for note in one.notes)
    said = (report.conclusion or "", *report.notes, *of_results)
    return replace(report, notes=(*report.notes, *section_texts(document, report.code, said)))


def _reports_of(resources: Resources) -> tuple[ReportContent, ...]:
    taken: set[Located] = set()
    drafts = {report: Draft(resources, taken) for report in resources.of(fhir.DiagnosticReport)}
    for report, draft in drafts.items():
        if isinstance(report.resource, fhir.DiagnosticReport):
            draft.place_results(report, report.resource.result)
    for draft in drafts.values():
        _place_sources(draft)
    observations = resources.of(ObservationLinks)
    for observation in observations:
        if observation.container in drafts:
            drafts[observation.container].place(observation)
    extra = _place_orphans(observations, drafts, taken, resources)
    contents = [_content_of_report(report, draft) for report, draft in drafts.items()]
    contents += [_content_of_orphans(draft) for draft in extra]
    if len(contents) == 1 and not contents[0].specimens:
        kinds = [one.resource for one in resources.of(fhir.Specimen)]
        found = tuple(specimen(one) for one in kinds if isinstance(one, fhir.Specimen))
        contents = [replace(contents[0], specimens=found)]
    return tuple(contents)


def _place_sources(draft: Draft) -> None:
    """Zones and concentrations behind a verdict on an antibiotic, say: without it they would stand at the end, of
    nobody knows which germ."""
    for result in draft.order:  # which grows: a source may have sources
        links = result.resource
        for reference in links.derived_from if isinstance(links, ObservationLinks) else ():
            source = draft.resources.find(reference.reference, result)
            if (
                source is not None
                and source not in draft.taken
                and isinstance(source.resource, ObservationLinks)
                and not source.resource.has_member
                and person_of(source, draft.resources) == person_of(result, draft.resources)
            ):
                draft.place_beneath(source, result)


def _place_orphans(
    observations: Sequence[Located],
    drafts: dict[Located, Draft],
    taken: set[Located],
    resources: Resources,
) -> list[Draft]:
    """Observations that no report names go to the only report if they are of its patient, else to a
    report of their own, one for each patient: nobody's values may land in another's report."""
    drafts_of: dict[Person, Draft] = {}
    if len(drafts) == 1:
        ((report, draft),) = drafts.items()
        drafts_of = {None: draft, _person_of_report(report, draft): draft}
    extra: list[Draft] = []
    for orphan in _panels_first(observations, resources):
        if orphan in taken:
            continue
        person = person_of(orphan, resources)
        if person not in drafts_of:
            drafts_of[person] = Draft(resources, taken)
            extra.append(drafts_of[person])
        drafts_of[person].place(orphan)
    return extra


def _panels_first(observations: Sequence[Located], resources: Resources) -> list[Located]:
    members = {
        resources.find(reference.reference, one)
        for one in observations
        if isinstance(one.resource, ObservationLinks)
        for reference in one.resource.has_member
    }
    return sorted(observations, key=lambda one: one in members)


def _person_of_report(report: Located, draft: Draft) -> Person:
    sources = (one for one in (report, *draft.order) if subject_reference(one))
    return person_of(next(sources, report), draft.resources)


def _content_of_report(report: Located, draft: Draft) -> ReportContent:
    sent = report.resource
    assert isinstance(sent, fhir.DiagnosticReport)
    check_is_of_one(draft, (report, *draft.order))
    performers = performer_names(draft.resources, [report])
    forms = attachments(draft, report)
    codes = (*sent.conclusion_code, *sent.coded_diagnosis)
    is_told = draft.order or sent.conclusion or codes or any(form.source for form in forms)
    told = None if is_told else plain_text(sent.text)
    said = (told, *(note.text for note in sent.note), *modifiers(sent))
    return ReportContent(
        status=sent.status,
        subject=subject_of(draft, (report, *draft.order)),
        identifiers=identifiers(sent.identifier),
        code=sent.code,
        category=sent.category,
        effective_at=effective_at(sent),
        issued_at=sent.issued,
        performer=performers or performer_names(draft.resources, draft.order),
        specimens=specimens(draft, report),
        observations=draft.observations(),
        conclusion=sent.conclusion,
        conclusion_codes=codes,
        attachments=forms,
        notes=(*filter(None, said), *draft.notes),
        source_id=report.source_id,
    )


def _content_of_orphans(draft: Draft) -> ReportContent:
    """What the observations agree on is said of their report; a single one, or a single panel with its
    members, gives it code and name too."""
    check_is_of_one(draft, draft.order)
    observations = draft.observations()
    only = draft.roots[0] if len(draft.roots) == 1 else None
    top = observations[0]  # the root comes before its members
    return ReportContent(
        status=status_of_observations(one.status for one in observations),
        subject=subject_of(draft, draft.order),
        code=top.code if only else None,
        category=tuple(dict.fromkeys(kind for one in observations for kind in one.category)),
        effective_at=_shared(one.effective_at for one in observations),
        issued_at=_shared(one.issued_at for one in observations),
        performer=performer_names(draft.resources, draft.order),
        specimens=specimens(draft, None),
        observations=observations,
        notes=tuple(draft.notes),
        source_id=only.source_id if only else None,
    )


def _instant(sent: object) -> str | None:
    """A time that orders versions; one that is malformed is no reason to refuse results."""
    try:
        return sent if isinstance(sent, str) and datetime.fromisoformat(sent) else None
    except ValueError:
        return None


def _shared(texts: Iterable[str | None]) -> str | None:
    different = set(texts)
    return different.pop() if len(different) == 1 else None
