"""The parts of FHIR R4 that we read, as Pydantic models with the required value sets enforced.

What R4 requires but real senders leave out, and a reader can do without, is optional here: the code of a report or
observation, the type of a bundle. Forms of STU3 and DSTU2 are taken because national interfaces still send them: one
object where R4 has a list (`Listed`), a list of family names, and `performer.actor`, `codedDiagnosis`, `Binary.content`,
`Observation.comment`, `comments` and `related`. A null is an absent element, and so is an empty text for a time, a sex, a
comparator or a value. Everything else of a wrong type is an error; elements not named here are extensions to us.

Codes and amounts are as in the domain, and the most of a submission: they are read straight into the domain's values.
"""

from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    model_validator,
)
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from api.fhir.absent import reason_beside_value
from api.fhir.into import Into, NotCopied
from api.fhir.older import (
    AnyCase,
    ElseEmpty,
    ElseNone,
    EmptyIsNone,
    Listed,
    ListedText,
    SexWord,
    with_one_family,
)
from api.fhir.primitives import DecimalText, IntegerText, SentDate, SentDateTime, SentTime, SizeInBytes
from domain import values
from domain.report_content import ObservationStatus, ReportStatus


class Element(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, alias_generator=to_camel)


class Extension(Element):
    """Of a modifier only its name is read; it is never a reason to refuse."""

    url: Any = None
    value_code: Any = None


Extensions = Annotated[tuple[Extension, ...], Listed, ElseEmpty]


class _Coding(Element):
    system: str | None = None
    code: str | None = None
    display: str | None = None


Coding = Annotated[values.Coding, Into(_Coding)]


class _CodeableConcept(Element):
    codings: Annotated[tuple[Coding, ...], Listed] = Field(default=(), alias="coding")
    text: str | None = None


CodeableConcept = Annotated[values.Concept, Into(_CodeableConcept)]
Concepts = Annotated[tuple[CodeableConcept, ...], Listed]


class Identifier(Element):
    type: CodeableConcept | None = None
    system: str | None = None
    value: str | None = None


Identifiers = Annotated[tuple[Identifier, ...], Listed]


class ReferenceElement(Element):
    reference: str | None = None
    identifier: Identifier | None = None
    display: str | None = None
    actor: "ReferenceElement | None" = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A Reference in a few bytes: a submission has more of them than of anything else."""

    reference: str | None = None
    identifier: Identifier | None = None
    display: str | None = None
    actor: ReferenceElement | None = None


Reference = Annotated[Link, Into(ReferenceElement)]
References = Annotated[tuple[Reference, ...], Listed]


# What a result was made from only says where another stands.
Sources = Annotated[References, ElseEmpty]


class _Quantity(Element):
    value: DecimalText | None = None
    comparator: Annotated[Literal["<", "<=", ">=", ">"] | None, EmptyIsNone, AnyCase] = None
    unit: str | None = None
    system: str | None = None
    code: str | None = None


Quantity = Annotated[values.Quantity, Into(_Quantity)]


class Range(Element):
    low: Quantity | None = None
    high: Quantity | None = None


class Ratio(Element):
    numerator: Quantity | None = None
    denominator: Quantity | None = None


class Period(Element):
    start: SentDateTime | None = None
    end: SentDateTime | None = None


class Timing(Element):
    event: Annotated[tuple[SentDateTime, ...], Listed] = ()


class SampledData(Element):
    origin: Quantity | None = None
    data: str | None = None


class Attachment(Element):
    content_type: str | None = None
    data: str | None = None
    url: str | None = None
    size: SizeInBytes | None = None
    title: str | None = None


class Annotation(Element):
    text: str | None = None


Annotations = Annotated[tuple[Annotation, ...], Listed]


class Narrative(Element):
    """What is written for people; `div` is XHTML, untrusted."""

    status: str | None = None
    div: str | None = None


class HumanName(Element):
    use: str | None = None
    text: str | None = None
    family: str | None = None
    given: Annotated[tuple[str | None, ...], Listed, ListedText] = ()

    @model_validator(mode="before")
    @classmethod
    def _family_is_one(cls, sent: object) -> object:
        return with_one_family(sent)


HumanNames = Annotated[tuple[HumanName, ...], Listed]


class ReferenceRange(Element):
    low: Quantity | None = None
    high: Quantity | None = None
    type: CodeableConcept | None = None
    applies_to: Concepts = ()
    age: Range | None = None
    text: str | None = None
    modifier_extension: Extensions = ()


def _only_one(element: Element, alternatives: frozenset[str], choice: str) -> None:
    """FHIR R4 formats, choice of data types: at most one of the alternatives."""
    sent = element.model_fields_set & alternatives
    if len(sent) > 1 and sum(getattr(element, name) is not None for name in sent) > 1:
        raise PydanticCustomError("choice", "more than one", {"element": choice})


class Measured(Element):
    """What Observation and Observation.component share."""

    code: CodeableConcept | None = None
    value_quantity: Quantity | None = None
    value_codeable_concept: CodeableConcept | None = None
    value_string: Annotated[str | None, EmptyIsNone] = None
    value_boolean: StrictBool | None = None
    value_integer: IntegerText | None = None
    value_range: Range | None = None
    value_ratio: Ratio | None = None
    value_sampled_data: SampledData | None = None
    value_time: SentTime | None = None
    value_date_time: SentDateTime | None = None
    value_period: Period | None = None
    value_attachment: Attachment | None = None
    value_reference: Reference | None = None
    data_absent_reason: CodeableConcept | None = None
    interpretation: Concepts = ()
    reference_range: Annotated[tuple[ReferenceRange, ...], Listed] = ()
    modifier_extension: Extensions = ()

    @model_validator(mode="before")
    @classmethod
    def _values_are_known(cls, sent: object) -> object:
        """A value in an element that R4 does not have (valueDecimal) would be lost without a word."""
        if isinstance(sent, dict):
            names = [name for name in sent if name[:5] == "value" and name not in _VALUE_CHOICES]
            if any(sent[name] is not None for name in names):
                raise PydanticCustomError("choice", "unknown type of value", {"element": "value[x]"})
            if not sent.get("dataAbsentReason") and (reason := reason_beside_value(sent, _VALUE_CHOICES)):
                return {**sent, "dataAbsentReason": reason}
        return sent

    @model_validator(mode="after")
    def _one_value(self) -> Self:
        _only_one(self, _VALUES, "value[x]")
        return self


_VALUES = frozenset(name for name in Measured.model_fields if name.startswith("value_"))
_VALUE_CHOICES = frozenset(map(to_camel, _VALUES))


class Meta(Element):
    version_id: str | None = None


class Resource(Element):
    id: str | None = None
    meta: Annotated[Meta | None, ElseNone] = None
    contained: Annotated[tuple[dict[str, Any], ...], Listed] = ()


class Timed(Element):
    """effective[x] of Observation and DiagnosticReport."""

    effective_date_time: SentDateTime | None = None
    effective_period: Period | None = None
    effective_instant: SentDateTime | None = None
    effective_timing: Timing | None = None
    issued: SentDateTime | None = None

    @model_validator(mode="after")
    def _one_time(self) -> Self:
        _only_one(self, _TIMES, "effective[x]")
        return self


_TIMES = frozenset(name for name in Timed.model_fields if name.startswith("effective_"))


class Related(Element):
    type: str | None = None
    target: Reference | None = None


class Observation(Resource, Measured, Timed):
    status: Annotated[ObservationStatus, AnyCase]
    category: Concepts = ()
    subject: Reference | None = None
    performer: References = ()
    specimen: Reference | None = None
    method: CodeableConcept | None = None
    component: Annotated[tuple[Measured, ...], Listed] = ()
    has_member: References = ()
    derived_from: Sources = ()
    note: Annotations = ()
    comment: str | None = None
    comments: str | None = None
    related: Annotated[tuple[Related, ...], Listed] = ()


class DiagnosticReport(Resource, Timed):
    status: Annotated[ReportStatus, AnyCase]
    text: Annotated[Narrative | None, ElseNone] = None
    identifier: Identifiers = ()
    category: Concepts = ()
    code: CodeableConcept | None = None
    subject: Reference | None = None
    performer: References = ()
    specimen: References = ()
    result: References = ()
    note: Annotations = ()
    modifier_extension: Extensions = ()
    conclusion: str | None = None
    conclusion_code: Concepts = ()
    coded_diagnosis: Concepts = ()
    presented_form: Annotated[tuple[Attachment, ...], Listed] = ()


class Section(Element):
    title: str | None = None
    text: Narrative | None = None
    entry: References = ()
    section: "Annotated[tuple[Section, ...], Listed]" = ()


class Composition(Resource):
    """Only the texts for people are read of it, and no result is refused for them."""

    type: CodeableConcept | None = None
    section: Annotated[tuple[Section, ...], Listed] = ()


Sex = Annotated[Literal["male", "female", "other", "unknown"] | None, EmptyIsNone, SexWord]


class Patient(Resource):
    identifier: Identifiers = ()
    name: HumanNames = ()
    gender: Sex = None
    birth_date: SentDate | None = None
    modifier_extension: Extensions = ()


class SpecimenCollection(Element):
    collected_date_time: SentDateTime | None = None
    collected_period: Period | None = None


class Specimen(Resource):
    type: CodeableConcept | None = None
    received_time: SentDateTime | None = None
    collection: SpecimenCollection | None = None


class Organization(Resource):
    name: str | None = None


class Practitioner(Resource):
    name: HumanNames = ()


class PractitionerRole(Resource):
    practitioner: Reference | None = None
    organization: Reference | None = None


class Binary(Resource):
    content_type: str | None = None
    data: str | None = None
    content: str | None = None


class _BundleEntry(Element):
    full_url: str | None = None
    resource: Annotated[dict[str, Any] | None, NotCopied()] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BundleEntry:
    full_url: str | None
    resource: dict[str, Any] | None


_BundleType = Literal[
    "document",
    "message",
    "transaction",
    "transaction-response",
    "batch",
    "batch-response",
    "history",
    "searchset",
    "collection",
]


class Bundle(Resource):
    type: Annotated[_BundleType | None, EmptyIsNone] = None
    identifier: Identifier | None = None
    timestamp: Any = None  # named so that XML keeps it; a malformed one is no reason to refuse results
    entry: Annotated[tuple[Annotated[BundleEntry, Into(_BundleEntry)], ...], Listed] = ()
