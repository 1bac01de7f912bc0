"""A CDA R2 document read into reports: `read_cda` is the only way in."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import NamedTuple

from lxml import etree

from api.cda.attachments import Unpacked, non_xml_body
from api.cda.codes import concept, identifier, source_id
from api.cda.elements import Element, Narrative, child, children, local_name
from api.cda.header import Header, header_of, names_of, observed_status, report_status
from api.cda.measured import other_subject
from api.cda.observations import Draft, Surroundings
from api.cda.refusal import ContentNotCdaError
from api.cda.sections import is_lab_document, result_parts
from api.cda.specimens import specimens
from api.cda.times import time_of
from api.xml_content import parse_xml
from domain.report_content import ReportContent
from domain.values import Identifier

_NAMESPACES = frozenset({"{urn:hl7-org:v3}", ""})
_DOCUMENT = "ClinicalDocument"
_FRAGMENTS = frozenset({"component", "structuredBody", "section", "entry", "organizer", "observation"})
_GROUPS = frozenset({"organizer", "observation", "observationMedia"})


class _Group(NamedTuple):
    """The results of one organizer of a summary; without one, those that stand alone."""

    organizer: Element | None
    draft: Draft
    notes: list[str]


def read_cda(raw: bytes) -> tuple[ReportContent, ...]:
    """Every report of a document. A laboratory report is one; a summary of a patient has one for each
    result organizer, because each was a report before it was put into the summary."""
    root = parse_xml(raw)
    name = local_name(root)
    namespace = str(root.tag)[: -len(name)]
    if namespace not in _NAMESPACES or (name != _DOCUMENT and name not in _FRAGMENTS):
        raise ContentNotCdaError(field="ClinicalDocument")
    reports = tuple(_reports_of(root))
    if not reports:
        raise ContentNotCdaError(field=name, code="no-report-in-content")
    return reports


def _reports_of(root: Element) -> Iterator[ReportContent]:
    is_document = local_name(root) == _DOCUMENT
    header = header_of(root if is_document else etree.Element(_DOCUMENT))
    narrative, unpacked = Narrative(root), Unpacked()
    is_lab = is_document and is_lab_document(root)
    parts = list(result_parts(root, is_lab=is_lab))
    whole, notes = Draft(narrative, unpacked), list[str]()
    whole.attachments += non_xml_body(root, unpacked) if is_document else ()
    is_summary = not is_lab and (header.is_summary or not is_document)
    if not is_summary:
        for part in parts:
            list(whole.place_one(part, Surroundings(), notes))
    is_told = is_lab and bool(notes or whole.conclusions)  # a laboratory report may be text for people alone
    if whole.observations or whole.attachments or is_told:
        yield _of_document(root, header, whole, notes)
    if is_summary:
        yield from _of_summary(header, narrative, unpacked, parts)


def _of_document(document: Element, header: Header, draft: Draft, notes: Iterable[str]) -> ReportContent:
    first = next((one.effective_at for one in draft.observations if one.effective_at), None)
    # The service event of a summary is the care of a whole life.
    effective = first if header.is_summary else header.effective_at or first
    categories = dict.fromkeys(kind for one in draft.observations for kind in one.category)
    return ReportContent(
        status=report_status(header, (one.status for one in draft.observations)),
        subject=header.subject,
        identifiers=header.identifiers,
        code=concept(child(document, "code"), draft.narrative),
        category=tuple(categories),
        effective_at=effective,
        issued_at=header.issued_at,
        performer=header.performer,
        specimens=specimens(draft.collected, draft.narrative),
        observations=tuple(draft.observations),
        conclusion="\n".join(draft.conclusions) or None,
        notes=tuple(dict.fromkeys((*notes, *draft.notes))),
        attachments=tuple(draft.attachments),
        source_id=header.document_id,
        version_number=header.version_number,
    )


def _of_summary(
    header: Header, narrative: Narrative, unpacked: Unpacked, parts: list[Element]
) -> Iterator[ReportContent]:
    """A report for each result organizer, and one for the results that stand in none."""
    loose = _Group(None, Draft(narrative, unpacked), [])
    groups: list[_Group] = []
    for element, around in (one for part in parts for one in _outermost(part, Surroundings(), narrative)):
        if local_name(element) == "organizer":
            narrative.count_measured()
            group = _Group(element, Draft(narrative, unpacked), [])
            group.draft.place_contents(element, around, group.notes)
            groups.append(group)
        else:
            list(loose.draft.place_one(element, around, loose.notes))
    found = [one for one in (*groups, loose) if one.draft.observations or one.draft.attachments]
    for group in found:
        yield _of_group(header, group, is_only=len(found) == 1)


def _outermost(
    part: Element, around: Surroundings, narrative: Narrative
) -> Iterator[tuple[Element, Surroundings]]:
    """The groups of results in a part of a summary, not those inside of them, and whose they are."""
    if local_name(part) in _GROUPS:
        yield part, around
        return
    if subject := other_subject(part, narrative):
        around = replace(around, subject=subject)
    for inner in children(part, "component", "section", "entry", "act", "entryRelationship", *_GROUPS):
        yield from _outermost(inner, around, narrative)


def _of_group(header: Header, group: _Group, *, is_only: bool) -> ReportContent:
    """The number of the document cannot tell several organizers apart, so each goes by its own. A new
    version of a summary is no correction of the results in it."""
    draft, organizer = group.draft, group.organizer
    times = (time_of(child(organizer, "effectiveTime")), *(one.effective_at for one in draft.observations))
    own = _numbers(organizer)
    name = source_id(organizer) if organizer is not None else None
    draft.narrative.repeat(repr(header))
    return ReportContent(
        status=observed_status(one.status for one in draft.observations),
        subject=header.subject,
        identifiers=(header.identifiers or own) if is_only else own,
        code=concept(child(organizer, "code"), draft.narrative),
        effective_at=next((time for time in times if time), None),
        issued_at=header.issued_at,
        performer=_performer(organizer) or header.performer,
        specimens=specimens(draft.collected, draft.narrative),
        observations=tuple(draft.observations),
        conclusion="\n".join(draft.conclusions) or None,
        notes=tuple(dict.fromkeys((*group.notes, *draft.notes))),
        attachments=tuple(draft.attachments),
        source_id=header.document_id if is_only and header.document_id else name,
    )


def _numbers(organizer: Element | None) -> tuple[Identifier, ...]:
    found = (identifier(sent) for sent in children(organizer, "id"))
    return tuple(dict.fromkeys(one for one in found if one))


def _performer(organizer: Element | None) -> str | None:
    parties = [child(one, "assignedEntity") for one in children(organizer, "performer")]
    parties += [child(one, "assignedAuthor") for one in children(organizer, "author")]
    names = dict.fromkeys(name for one in parties if one is not None for name in names_of(one))
    return "; ".join(names) or None
