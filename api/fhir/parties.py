"""Who and what a report refers to: its patient, performers, specimens and rendered forms."""

from collections.abc import Iterable

from api.fhir import elements
from api.fhir import resources as fhir
from api.fhir.links import ObservationLinks
from api.fhir.observations import Draft
from api.fhir.patients import Individual, searched_number
from api.fhir.references import Located, Resources, typed_name
from api.fhir.refusal import ContentNotFhirError
from api.packed_text import is_data_url, media_type
from domain.report_content import Attachment, Specimen, Subject
from domain.values import Concept, Identifier

Person = Located | str | None
# A tuple, for a union is slower to ask and would be made anew for each observation.
_OF_A_PATIENT = (ObservationLinks, fhir.DiagnosticReport)


def person_of(located: Located, resources: Resources) -> Person:
    """Something equal for equal patients. A resource without a subject is of the only patient sent,
    but one whose patient was not sent is never taken for another who was."""
    reference = subject_reference(located)
    if reference is None:
        return _only_patient(resources)
    if patient := _patient_of(reference, located, resources):
        is_only = len(resources.of(fhir.Patient)) == 1
        return patient if is_only else resources.patients.first_of(patient)
    if reference.reference and not searched_number(reference.reference):
        return typed_name(reference.reference) or reference.reference
    number = elements.number_of(reference)
    return f"{number.system}|{number.value}" if number else reference.display


def _only_patient(resources: Resources) -> Located | None:
    patients = resources.of(fhir.Patient)
    return resources.patients.only if len(patients) > 1 else next(iter(patients), None)


def _patient_of(reference: fhir.Link, source: Located, resources: Resources) -> Located | None:
    """Who is meant, if they were sent along: by the reference itself, or by the number it gives."""
    found = resources.find(reference.reference, source)
    if found and isinstance(found.resource, fhir.Patient):
        return found
    number = elements.number_of(reference)
    return resources.patients.of_number(number) if number else None


def subject_of(draft: Draft, sources: Iterable[Located]) -> Subject:
    """The patient of the first source that names one, else the only patient that was sent."""
    for source in sources:
        reference = subject_reference(source)
        if reference is None:
            continue
        found = _patient_of(reference, source, draft.resources)
        if found and isinstance(found.resource, fhir.Patient):
            return _subject(draft, found.resource)
        if reference.reference and not searched_number(reference.reference):
            # Their number and name are no matter of the results: they have another key.
            draft.add_note("unresolved reference: Patient")
        return elements.subject_by_reference(reference)
    only = _only_patient(draft.resources)
    return _subject(draft, only.resource) if only and isinstance(only.resource, fhir.Patient) else Subject()


def _subject(draft: Draft, patient: fhir.Patient) -> Subject:
    for text in elements.modifiers(patient):
        draft.add_note(text)
    return elements.subject(patient)


def check_is_of_one(draft: Draft, sources: Iterable[Located]) -> None:
    """Refuses a report that names observations of another patient: nobody could say which of the two the laboratory was
    wrong about, and one would read the results of the other."""
    person: Individual[Located] | None = None
    seen: set[Located] = set()
    numbers: dict[tuple[str, str | None], str] = {}
    are_many = len(draft.resources.of(fhir.Patient)) > 1
    for source in sources:
        reference = subject_reference(source)
        if reference is None or not (
            are_many or reference.identifier or searched_number(reference.reference)
        ):
            continue
        found = _patient_of(reference, source, draft.resources)
        is_another = False
        if found is None:
            is_another = not _is_only_number(elements.number_of(reference), numbers)
        elif found not in seen and isinstance(found.resource, fhir.Patient):
            seen.add(found)
            other = Individual(found, elements.subject(found.resource))
            is_another = person is not None and not person.may_be(other)
            if person is None:
                person = other
            elif not is_another:
                person.add(other)
        if is_another:
            raise ContentNotFhirError(field=source.place.at("subject").fhir_path, code="patients-mixed")


def _is_only_number(number: Identifier | None, known: dict[tuple[str, str | None], str]) -> bool:
    """A system gives a person one number of a kind; of those who were not sent along more is not known."""
    if number is None or number.system is None:
        return True
    return known.setdefault((number.system, number.kind), number.value) == number.value


def subject_reference(located: Located) -> fhir.Link | None:
    resource = located.resource
    return resource.subject if isinstance(resource, _OF_A_PATIENT) else None


def performer_names(resources: Resources, sources: Iterable[Located]) -> str | None:
    names: dict[str, None] = {}
    for source in sources:
        resource = source.resource
        if isinstance(resource, _OF_A_PATIENT):
            for performer in resource.performer:
                names.update(dict.fromkeys(_names(performer.actor or performer, source, resources)))
    return "; ".join(names) or None


def _names(reference: fhir.Link | fhir.ReferenceElement, source: Located, resources: Resources) -> list[str]:
    found = resources.find(reference.reference, source)
    sent = found.resource if found else None
    name: str | None = None
    if found and isinstance(sent, fhir.PractitionerRole):
        parties = (sent.practitioner, sent.organization)
        # A role refers to a person and an organisation, and neither is looked up as a role again:
        # two roles that refer to each other would never end.
        names = [text for one in parties if one for text in _names_of_party(one, found, resources)]
        return names or [text for text in (reference.display,) if text]
    if isinstance(sent, fhir.Organization):
        name = sent.name
    elif isinstance(sent, fhir.Practitioner):
        name = elements.name_of(sent.name)
    return [text for text in (name or reference.display,) if text]


def _names_of_party(reference: fhir.Link, source: Located, resources: Resources) -> list[str]:
    found = resources.find(reference.reference, source)
    if found and isinstance(found.resource, fhir.PractitionerRole):
        return []
    return _names(reference, source, resources)


def specimens(draft: Draft, report: Located | None) -> tuple[Specimen, ...]:
    """Those of the report, then those of its observations; the same specimen once."""
    referred: list[tuple[fhir.Link, Located]] = []
    if report and isinstance(report.resource, fhir.DiagnosticReport):
        referred += [(reference, report) for reference in report.resource.specimen]
    for observation in draft.order:
        if isinstance(observation.resource, ObservationLinks) and observation.resource.specimen:
            referred.append((observation.resource.specimen, observation))
    found: dict[Located | str, Specimen] = {}
    for reference, source in referred:
        located = draft.follow(reference, source, fhir.Specimen)
        if located and isinstance(located.resource, fhir.Specimen):
            found[located] = elements.specimen(located.resource)
        elif reference.display:
            name = reference.reference or reference.display
            found[name] = Specimen(kind=Concept(text=reference.display))
    return tuple(found.values())


def attachments(draft: Draft, report: Located) -> tuple[Attachment, ...]:
    sent = report.resource
    forms = sent.presented_form if isinstance(sent, fhir.DiagnosticReport) else ()
    return tuple(_attachment(draft, report, form, index) for index, form in enumerate(forms))


def _attachment(draft: Draft, report: Located, sent: fhir.Attachment, index: int) -> Attachment:
    """The bytes may stand in the report itself or in a Binary that was sent along."""
    data, place, kind = sent.data, report.place.at("presentedForm", index, "data"), sent.content_type
    if data is None and sent.url and is_data_url(sent.url):
        data, place = sent.url, report.place.at("presentedForm", index, "url")
        kind = kind or media_type(sent.url)
    elif data is None and sent.url:
        binary = draft.resources.find(sent.url, report)
        if binary and isinstance(binary.resource, fhir.Binary):
            file = binary.resource
            data, place = (
                (file.data, binary.place.at("data"))
                if file.data is not None
                else (file.content, binary.place.at("content"))
            )
            kind = kind or file.content_type
        else:
            is_content = sent.url.startswith("data:")  # of any length, and nothing to look for
            draft.add_note(f"unresolved reference: {'data:' if is_content else sent.url}")
    size = elements.decoded_size(data, place) if data is not None else None
    return Attachment(
        content_type=kind,
        title=sent.title,
        size_bytes=sent.size if size is None else size,
        source=place.json_pointer if data is not None else None,
    )
