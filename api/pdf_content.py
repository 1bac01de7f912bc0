"""A report that is only a PDF, with a small JSON header that says who, what and when."""

import base64
import contextlib
import re
from typing import Annotated, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)
from pydantic_core import ErrorDetails, PydanticCustomError

from api.content import ContentError
from api.fhir.checked import Place
from api.fhir.older import AnyCase, Listed
from api.fhir.primitives import SentDate, SentDateTime
from api.fhir.resources import Sex
from api.json_content import parse_json
from api.packed_text import packed
from domain.report_content import Attachment, ReportContent, ReportStatus, Subject
from domain.values import Coding, Concept, Identifier

PDF_CONTENT_TYPE = "application/vnd.letopis.pdf+json"
PDF_LIMIT_BYTES = 20 * 1024 * 1024
_TEXT_LIMIT = 500
_GIVEN_NAMES_LIMIT = 10
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_ENP_SYSTEM = "urn:oid:1.2.643.2.69.1.1.1.6.228"
_SNILS_SYSTEM = "urn:oid:1.2.643.100.3"
# ISO 32000-1, annex H.3.4.4: readers look for the end of a file in its last 1024 bytes.
_END_WITHIN_BYTES = 1024
_ACTIVE_NAMES = (b"JavaScript", b"Launch", b"EmbeddedFile")


def _any_spelling(name: bytes) -> bytes:
    """ISO 32000-1, 7.3.5: any character of a name may be written as # and two hexadecimal digits."""
    return b"".join(b"(?:%c|(?i:#%02x))" % (letter, letter) for letter in name)


_ACTIVE = re.compile(b"/(?:" + b"|".join(map(_any_spelling, _ACTIVE_NAMES)) + b")")


def _is_said(text: str) -> str:
    """One line of text with something in it."""
    if not text.strip() or _CONTROL.search(text):
        raise PydanticCustomError("text", "no text, or control characters in it")
    return text


Text = Annotated[str, Field(max_length=_TEXT_LIMIT), AfterValidator(_is_said)]
# A number is what its digits are.
Number = Annotated[Text, BeforeValidator(lambda value: str(value) if type(value) is int else value)]


def _is_nothing(member: object) -> bool:
    if isinstance(member, dict):
        return all(map(_is_nothing, member.values()))
    return member is None or (isinstance(member, str) and not member.strip())


def _said(names: object) -> object:
    return [name for name in names if not _is_nothing(name)] if isinstance(names, list) else names


def _stated(status: object) -> object:
    return ReportStatus.FINAL if status is None else status


class Part(BaseModel):
    """Unknown members are refused: one that was misspelt would be lost without a word."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Form(Part):
    """Null is absent, and so is what a form was not filled in with."""

    @model_validator(mode="before")
    @classmethod
    def _empty_is_absent(cls, sent: object) -> object:
        if not isinstance(sent, dict):
            return sent
        return {name: None if _is_nothing(member) else member for name, member in sent.items()}


class Patient(Form):
    """At least one of family name, СНИЛС and policy number: a report of nobody could never be delivered."""

    family: Text | None = None
    given: Annotated[
        tuple[Text, ...], Field(max_length=_GIVEN_NAMES_LIMIT), BeforeValidator(_said), Listed
    ] = ()
    birth_date: SentDate | None = None
    sex: Sex = None
    snils: Number | None = None
    policy_number: Number | None = None

    @model_validator(mode="after")
    def _is_somebody(self) -> Self:
        if not (self.family or self.snils or self.policy_number):
            raise PydanticCustomError("patient", "nobody is named")
        return self


class Code(Form):
    """What the report is in a code system, LOINC or the laboratory's own."""

    system: Text | None = None
    code: Text
    display: Text | None = None


class Header(Form):
    title: Text
    patient: Patient
    issued_at: SentDateTime
    status: Annotated[ReportStatus, BeforeValidator(_stated), AnyCase] = ReportStatus.FINAL
    report_number: Number | None = None
    collected_at: SentDateTime | None = None
    performer: Text | None = None
    code: Code | None = None


class Submission(Part):
    header: Header
    pdf: str


def read_pdf(raw: bytes) -> tuple[ReportContent, ...]:
    """The one report of `{"header": {...}, "pdf": "<base64>"}`; it has no observations."""
    sent = _submission(parse_json(raw))
    size = len(_checked(_decoded(sent.pdf)))
    return (_report(sent.header, size_bytes=size),)


def _submission(content: object) -> Submission:
    try:
        return Submission.model_validate(content)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
    # Raised out here because ValidationError carries what was sent along.
    is_value = first["type"] in {"enum", "literal_error"} and isinstance(first["input"], str)
    raise ContentError("value-not-allowed" if is_value else "pdf-header-invalid", _field(first))


def _field(error: ErrorDetails) -> str | None:
    """The name of an unknown member is the sender's text, and is not repeated: its owner is named."""
    steps = error["loc"][:-1] if error["type"] == "extra_forbidden" else error["loc"]
    return Place(str(steps[0])).at(*steps[1:]).fhir_path if steps else None


def _decoded(text: str) -> bytes:
    text = packed(text)
    if len(text) > -(-PDF_LIMIT_BYTES // 3) * 4:
        raise ContentError("pdf-too-large", "pdf")
    decoded = None
    with contextlib.suppress(ValueError):
        decoded = base64.b64decode(text, validate=True)
    if decoded is None:
        raise ContentError("content-not-pdf", "pdf")
    return decoded


def _checked(pdf: bytes) -> bytes:
    """A whole PDF without the names of what acts by itself when it is opened. It is never parsed here."""
    if len(pdf) > PDF_LIMIT_BYTES:
        raise ContentError("pdf-too-large", "pdf")
    if not pdf.startswith(b"%PDF-") or b"%%EOF" not in pdf[-_END_WITHIN_BYTES:]:
        raise ContentError("content-not-pdf", "pdf")
    if _ACTIVE.search(pdf):
        raise ContentError("pdf-active-content", "pdf")
    return pdf


def _report(header: Header, *, size_bytes: int) -> ReportContent:
    """The title is also the text of the code: it is what the report is called in the cabinet."""
    pdf = Attachment(content_type="application/pdf", title=header.title, size_bytes=size_bytes, source="/pdf")
    number = header.report_number
    return ReportContent(
        status=header.status,
        subject=_subject(header.patient),
        identifiers=(Identifier(value=number),) if number else (),
        code=_concept(header),
        effective_at=header.collected_at,
        issued_at=header.issued_at,
        performer=header.performer,
        attachments=(pdf,),
    )


def _concept(header: Header) -> Concept:
    sent = header.code
    codings = (Coding(system=sent.system, code=sent.code, display=sent.display),) if sent else ()
    return Concept(codings=codings, text=header.title)


def _subject(sent: Patient) -> Subject:
    numbers = ((_ENP_SYSTEM, sent.policy_number), (_SNILS_SYSTEM, sent.snils))
    return Subject(
        family=sent.family,
        given=sent.given,
        birth_date=sent.birth_date,
        sex=sent.sex,
        identifiers=tuple(Identifier(system=system, value=value) for system, value in numbers if value),
    )
