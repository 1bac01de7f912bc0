"""The formats of the generator: what each is called, how its files end, and who writes it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType

from api.formats import CDA_TYPES
from api.hl7.reading import CONTENT_TYPES as HL7_TYPES
from api.pdf_content import PDF_CONTENT_TYPE
from api.sandbox.cda_writer import cda
from api.sandbox.fhir_writer import fhir_json, fhir_xml
from api.sandbox.hl7_writer import hl7
from api.sandbox.pdf_writer import pdf
from api.sandbox.reports import DrawnReport


@dataclass(frozen=True, slots=True)
class Writer:
    """Puts a drawn report into bytes of one media type."""

    content_type: str
    ending: str
    write: Callable[[DrawnReport], bytes]


WRITERS: Mapping[str, Writer] = MappingProxyType(
    {
        "fhir": Writer("application/fhir+json", "json", fhir_json),
        "fhir-xml": Writer("application/fhir+xml", "xml", fhir_xml),
        "hl7": Writer(HL7_TYPES[0], "hl7", hl7),
        "hl7-cp1251": Writer(HL7_TYPES[0], "hl7", partial(hl7, character_set="WINDOWS-1251")),
        "hl7-8859-5": Writer(HL7_TYPES[0], "hl7", partial(hl7, character_set="8859/5")),
        "cda": Writer(CDA_TYPES[0], "cda.xml", cda),
        "pdf": Writer(PDF_CONTENT_TYPE, "pdf.json", pdf),
    }
)
