"""What the header of a CDA document says: whose it is, which version, who made it, and when."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from api.cda.codes import identifier, source_id
from api.cda.elements import Element, attribute, child, children, inner_text, local_name, own_text, templates
from api.cda.refusal import ContentNotCdaError
from api.cda.sections import is_lab_document
from api.cda.times import date_only, time_of
from domain.report_content import ObservationStatus, ReportStatus, Subject
from domain.values import Identifier, digits_only

_LAST_NAMES_BEFORE = frozenset({"BR", "SP"})  # EntityNamePartQualifier: birth, spouse
# Russian registers of sex number alike, the old and the new; letters are HL7's.
_RUSSIAN = "1.2.643."
_SEXES = {"M": "male", "F": "female", "UN": "other"}
_SEXES_RUSSIAN = {"1": "male", "2": "female", "3": "unknown"}
_POLICY_KINDS = "1.2.643.5.1.13.13.11.1035"
_ENP_SYSTEM = "urn:oid:1.2.643.2.69.1.1.1.6.228"
_OID = re.compile(r"(?:urn:oid:)?\d*\.[\d.]*", re.ASCII)
_ENP = re.compile(r"\d{16}", re.ASCII)
_SUMMARY_TEMPLATES = "2.16.840.1.113883.10.20."

_STATUSES = {
    "completed": ObservationStatus.FINAL,
    "active": ObservationStatus.PRELIMINARY,
    "new": ObservationStatus.REGISTERED,
    "held": ObservationStatus.REGISTERED,
    "suspended": ObservationStatus.REGISTERED,
    "aborted": ObservationStatus.CANCELLED,
    "cancelled": ObservationStatus.CANCELLED,
    "nullified": ObservationStatus.ENTERED_IN_ERROR,
    # Not HL7 ActStatus, but sent, and they can mean one thing only.
    "complete": ObservationStatus.FINAL,
    **{status.value: status for status in ObservationStatus},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What is said once for the whole document. A fragment of a document has an empty one."""

    subject: Subject
    identifiers: tuple[Identifier, ...]
    status: ObservationStatus | None
    effective_at: str | None
    issued_at: str | None
    performer: str | None
    document_id: str | None
    version_number: int | None
    is_further_version: bool
    is_summary: bool


def header_of(document: Element) -> Header:
    """Refuses a document about several people: whose its results are nobody could say."""
    if len(list(children(document, "recordTarget"))) > 1:
        raise ContentNotCdaError(field="/ClinicalDocument/recordTarget[2]")
    times = (time_of(child(event, "effectiveTime")) for event in _events(document))
    return Header(
        subject=_subject(document),
        identifiers=_document_numbers(document),
        status=_status(document),
        effective_at=next((time for time in times if time), None),
        issued_at=time_of(child(document, "effectiveTime")),
        performer=_performer(document),
        document_id=source_id(document),
        version_number=_version_number(document),
        is_further_version=_is_further_version(document),
        is_summary=_is_summary(document),
    )


def _status(document: Element) -> ObservationStatus | None:
    """Of the document itself (sdtc:statusCode, ELGA: results follow), else of what it documents: a document that is not done
    has no study that is."""
    own, *others = (status_of(one) for one in (document, *_events(document)))
    known = next((status for status in others if status), None)
    return own if own not in {None, ObservationStatus.FINAL} else known or own


def status_of(element: Element | None) -> ObservationStatus | None:
    """HL7 ActStatus; nothing if it was not sent."""
    code = attribute(child(element, "statusCode"), "code")
    return _STATUSES.get(code.lower(), ObservationStatus.UNKNOWN) if code else None


def _is_summary(document: Element) -> bool:
    """C-CDA and its forerunners: documents about a patient, of which results are one section. Their headers are
    those of laboratory reports too."""
    is_about_patient = any(root.startswith(_SUMMARY_TEMPLATES) for root in templates(document))
    return is_about_patient and not is_lab_document(document)


def _subject(document: Element) -> Subject:
    role = child(document, "recordTarget", "patientRole")
    patient = child(role, "patient")
    name = _legal_name(list(children(patient, "name")))
    families = list(children(name, "family"))
    current = [one for one in families if not _LAST_NAMES_BEFORE & set((one.get("qualifier") or "").split())]
    family = next((text for one in current or families if (text := own_text(one))), None)
    given = [text for one in children(name, "given", "Patronymic") if (text := own_text(one))]
    whole = " ".join(inner_text(name).split())
    return Subject(
        family=family,
        given=tuple(dict.fromkeys(given)),
        name_text=None if family or given else whole or None,
        birth_date=date_only(attribute(child(patient, "birthTime"), "value")),
        sex=_sex(child(patient, "administrativeGenderCode")),
        identifiers=tuple(dict.fromkeys(_numbers(document, role))),
    )


def _legal_name(names: list[Element]) -> Element | None:
    """A person has one legal name; further names are birth names, pseudonyms and the like."""
    legal = (name for name in names if "L" in (name.get("use") or "").split())
    plain = (name for name in names if not name.get("use"))
    return next(iter((*legal, *plain, *names)), None)


def _sex(sent: Element | None) -> str | None:
    code, system = attribute(sent, "code"), attribute(sent, "codeSystem")
    if code is None:
        return None
    is_russian = system is None or system.startswith(_RUSSIAN)
    return (is_russian and _SEXES_RUSSIAN.get(code)) or _SEXES.get(code.upper())


def _numbers(document: Element, role: Element | None) -> Iterator[Identifier]:
    for sent in children(role, "id"):
        # An OID alone, well formed or not, names a kind of number: whose is missing would be the same of everybody.
        if (found := identifier(sent)) and (attribute(sent, "extension") or not _OID.fullmatch(found.value)):
            yield found
    # Not deeper: the guardian of a child stands inside of the patient and has numbers too.
    places = [one for place in (role, child(role, "patient")) if place is not None for one in place]
    policies = [found for one in places if (found := _policy(one))]
    yield from policies
    if not policies and attribute(child(document, "realmCode"), "code") == "RU":
        for holder in children(document, "participant"):
            entity = child(holder, "associatedEntity")
            if holder.get("typeCode") == "HLD" or (entity is not None and entity.get("classCode") == "GUAR"):
                yield from _holder_numbers(entity)


def _policy(sent: Element) -> Identifier | None:
    """The insurance policy of СЭМД, if the element is one. A document of another kind (a passport) is none of our business."""
    name = local_name(sent)
    is_policy = name == "DocInfo" and _POLICY_KINDS in {attribute(one, "codeSystem") for one in sent}
    if not is_policy and name != "InsurancePolicy":
        return None
    series, number = (own_text(child(sent, name)) for name in ("Series", "Number"))
    if number is None:
        return None
    if _ENP.fullmatch(digits_only(number)):
        return Identifier(system=_ENP_SYSTEM, value=number)
    return Identifier(system=f"urn:oid:{_POLICY_KINDS}", value=" ".join(filter(None, (series, number))))


def _holder_numbers(entity: Element | None) -> Iterator[Identifier]:
    """Some editions have the policy at its holder, or at who pays. A holder who is named is somebody else."""
    if entity is None or child(entity, "associatedPerson") is not None:
        return
    for element in entity.iter():
        if found := _policy(element):
            yield found
    for sent in children(entity, "id") if entity.get("classCode") == "POLHOLD" else ():
        extension = attribute(sent, "extension")
        if extension and _ENP.fullmatch(digits_only(extension)):
            yield Identifier(system=_ENP_SYSTEM, value=extension)


def _document_numbers(document: Element) -> tuple[Identifier, ...]:
    """The set of versions, by which every version is known again; else the document's own number."""
    number = identifier(child(document, "setId"), kind="SETID")
    if number is None:
        number = next((found for sent in children(document, "id") if (found := identifier(sent))), None)
    return (number,) if number else ()


def _version_number(document: Element) -> int | None:
    """The place among the versions of a set, for which the document must name its set."""
    number = attribute(child(document, "versionNumber"), "value") or ""
    is_number = number.isascii() and number.isdigit() and len(number) <= 9
    return int(number) if is_number and child(document, "setId") is not None else None


def _is_further_version(document: Element) -> bool:
    number = attribute(child(document, "versionNumber"), "value") or ""
    replaced = any(one.get("typeCode") == "RPLC" for one in children(document, "relatedDocument"))
    return replaced or (number.isascii() and number.isdigit() and number.strip("0") not in {"", "1"})


def _events(document: Element) -> Iterator[Element]:
    for sent in children(document, "documentationOf"):
        yield from children(sent, "serviceEvent")


def report_status(header: Header, observed: Iterable[ObservationStatus]) -> ReportStatus:
    """XD-LAB says the status of the whole at the service event; else its observations make it."""
    status = observed_status([header.status] if header.status else observed)
    is_corrected = status is ReportStatus.FINAL and header.is_further_version
    return ReportStatus.CORRECTED if is_corrected else status


def observed_status(observed: Iterable[ObservationStatus]) -> ReportStatus:
    """The status of a report whose observations have these: what is withdrawn does not speak for the
    rest, and what is still to come makes the whole partial. A document that says nothing was signed,
    so it is final."""
    withdrawn = {ObservationStatus.CANCELLED, ObservationStatus.ENTERED_IN_ERROR}
    awaited = {ObservationStatus.REGISTERED, ObservationStatus.PRELIMINARY}
    known = set(observed) - {ObservationStatus.UNKNOWN}
    said = known - withdrawn or known
    if said & awaited:
        return ReportStatus.PRELIMINARY if said <= awaited else ReportStatus.PARTIAL
    return ReportStatus(min(said).value) if said and said <= withdrawn else ReportStatus.FINAL


def _performer(document: Element) -> str | None:
    """Who did the study: the performers of the service event, else the author, else the custodian."""
    entities = [
        child(one, "assignedEntity") for event in _events(document) for one in children(event, "performer")
    ]
    authors = [child(one, "assignedAuthor") for one in children(document, "author")]
    custodian = child(document, "custodian", "assignedCustodian")
    for parties in ([] if _is_summary(document) else entities, authors, [custodian]):
        names = dict.fromkeys(name for one in parties if one is not None for name in names_of(one))
        if names:
            return "; ".join(names)
    return None


_PERSONS = ("assignedPerson", "playingEntity")
_ORGANISATIONS = ("representedOrganization", "representedCustodianOrganization")


def names_of(party: Element) -> list[str]:
    """The person, then the organisation they act for."""
    names = (child(one, "name") for one in (*children(party, *_PERSONS), *children(party, *_ORGANISATIONS)))
    return [text for one in names if one is not None and (text := _name(one))]


def _name(sent: Element) -> str | None:
    """Family name first, as in the report of a laboratory; a name that is not in parts as it is."""
    order = ("prefix", "family", "given", "Patronymic", "suffix")
    parts = [text for kind in order for one in children(sent, kind) if (text := own_text(one))]
    return " ".join(parts) or " ".join(inner_text(sent).split()) or None
