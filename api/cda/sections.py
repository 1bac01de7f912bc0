"""Which sections of a document hold laboratory results, and which hold its conclusion."""

from collections.abc import Iterator

from api.cda.elements import Element, attribute, child, children, local_name, own_text, templates

_LOINC = "2.16.840.1.113883.6.1"
_LAB_DOCUMENT_TEMPLATES = frozenset(
    {
        "1.3.6.1.4.1.19376.1.3.3",  # IHE XD-LAB
        "1.2.40.0.34.6.0.11.0.11",  # ELGA Labor- und Mikrobiologiebefund
    }
)
# СЭМД «Протокол лабораторного исследования»: its templates, its kind and its guides; the last number is the edition.
_RUSSIAN_PROTOCOLS = ("1.2.643.5.1.13.2.7.5.1.7.", "1.2.643.5.1.13.13.15.18.", "1.2.643.5.1.13.13.14.7.")
# A laboratory's report, and what a document or a section of one specialty is called (IHE XD-LAB); 26436-6 is of none.
_LAB_REPORTS = {
    *(
        (_LOINC, code)
        for code in ("11502-2", "18717-9", "18718-7", "18719-5", "18720-3", "18721-1", "18722-9")
    ),
    *(
        (_LOINC, code)
        for code in ("18723-7", "18724-5", "18725-2", "18727-8", "18728-6", "18729-4", "18767-4")
    ),
    *((_LOINC, code) for code in ("18768-2", "18769-0", "26435-8", "26436-6", "26437-4", "26438-2")),
}
_LAB_DOCUMENT_CODES = frozenset(
    {
        *_LAB_REPORTS,
        # The kind «Протокол лабораторного исследования» in the registers of kinds.
        ("1.2.643.5.1.13.13.99.2.195", "7"),
        ("1.2.643.5.1.13.13.11.1115", "7"),
        ("1.2.643.5.1.13.13.11.1522", "7"),
    }
)
# Registers of systems number otherwise, but write the kind out.
_RUSSIAN_REGISTERS, _RUSSIAN_KIND = "1.2.643.", "протокол лабораторного исследования"
# The sections of СЭМД are in two registers as well.
_RESULT_SECTION_CODES = frozenset(
    {
        *_LAB_REPORTS,
        (_LOINC, "30954-2"),
        ("1.2.643.5.1.13.13.99.2.197", "RESLAB"),
        ("1.2.643.5.1.13.13.11.1379", "RESLAB"),
    }
)
_RESULT_TEMPLATES = frozenset(
    {
        "2.16.840.1.113883.10.20.22.2.3",  # C-CDA results section, entries optional
        "2.16.840.1.113883.10.20.22.2.3.1",  # and required
        "2.16.840.1.113883.10.20.22.4.1",  # result organizer
        "2.16.840.1.113883.10.20.1.14",  # CCD results section
        "2.16.840.1.113883.10.20.1.32",  # and result organizer
        "2.16.840.1.113883.3.88.11.83.122",  # HITSP diagnostic results section
        "2.16.840.1.113883.10.22.3.14",  # IPS results section
        "1.3.6.1.4.1.19376.1.5.3.1.3.28",  # IHE coded results section
        "1.3.6.1.4.1.19376.1.3.3.2.1",  # IHE laboratory specialty section
        "1.3.6.1.4.1.19376.1.3.3.2.2",  # IHE laboratory report item section
        "1.3.6.1.4.1.19376.1.3.1",  # IHE laboratory report data processing entry
    }
)
# Sections of a summary that would pass for measurements: vital signs, social history, problems, what the
# patient is able to do and in what state of mind they are (older C-CDA marks the last two as results).
_OTHER_SECTION_CODES = frozenset(
    (_LOINC, code) for code in ("8716-3", "29762-2", "11450-4", "47420-5", "10190-7")
)
_CONCLUSION_CODES = frozenset({(_LOINC, "55110-1"), ("1.2.40.0.34.5.11", "20")})
_CONCLUSION_WORDS = ("заключени", "conclusion", "befundbewertung")
# Fields of a document that СЭМД codes as observations and acts: no measurements. One register, three names.
_RUSSIAN_FIELDS = frozenset(
    {"1.2.643.5.1.13.13.99.2.166", "1.2.643.5.1.13.13.11.1380", "1.2.643.5.1.13.2.1.1.1504.41"}
)
_RUSSIAN_CONCLUSION = "901"


def _code(element: Element) -> tuple[str | None, str | None]:
    code = child(element, "code")
    return attribute(code, "codeSystem"), attribute(code, "code")


def is_lab_document(document: Element) -> bool:
    """A document that is a laboratory report: all its observations are results."""
    sent = templates(document)
    is_russian = any(root.startswith(_RUSSIAN_PROTOCOLS) for root in sent) or _is_named_protocol(document)
    return is_russian or _code(document) in _LAB_DOCUMENT_CODES or bool(sent & _LAB_DOCUMENT_TEMPLATES)


def _is_named_protocol(document: Element) -> bool:
    register = _code(document)[0] or ""
    name = attribute(child(document, "code"), "displayName") or ""
    return register.startswith(_RUSSIAN_REGISTERS) and name.casefold().startswith(_RUSSIAN_KIND)


def result_parts(root: Element, *, is_lab: bool) -> Iterator[Element]:
    """The outermost elements that hold results, in order; in a laboratory report that is the body."""
    if is_lab:
        yield from children(root, "component")
        return
    waiting = [root]
    while waiting:
        element = waiting.pop()
        if is_other_section(element):
            continue
        if _code(element) in _RESULT_SECTION_CODES or templates(element) & _RESULT_TEMPLATES:
            yield element
            continue
        names = ("component", "structuredBody", "section", "entry", "organizer", "act", "entryRelationship")
        waiting += reversed(list(children(element, *names)))


def is_other_section(element: Element) -> bool:
    return local_name(element) == "section" and _code(element) in _OTHER_SECTION_CODES


def is_narrative_only(section: Element) -> bool:
    """A section of text for people, with nothing for programs inside of it."""
    return next(section.iter("{*}entry"), None) is None


def is_field(element: Element) -> bool:
    """An observation or act that is a field of the document: a service, a remark, a conclusion."""
    return _code(element)[0] in _RUSSIAN_FIELDS


def is_conclusion(element: Element) -> bool:
    """A section of conclusion, or the conclusion that СЭМД writes as an observation or an act."""
    is_section = local_name(element) == "section"
    if is_section and _code(element) in _CONCLUSION_CODES:
        return True
    if not is_section and not is_field(element):
        return False
    if not is_section and _code(element)[1] == _RUSSIAN_CONCLUSION:
        return True
    names = (attribute(child(element, "code"), "displayName"), own_text(child(element, "title")))
    return any(name.casefold().startswith(_CONCLUSION_WORDS) for name in names if name) or (
        not is_section and any("заключение" in name.casefold() for name in names if name)
    )
