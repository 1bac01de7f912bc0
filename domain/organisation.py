"""Organisations: of which kinds they are, and in which formats each kind sends its reports."""

from collections.abc import Mapping
from enum import StrEnum


class OrganisationKind(StrEnum):
    CLINIC = "clinic"
    LABORATORY = "laboratory"
    HOSPITAL = "hospital"


class Format(StrEnum):
    """In what a report is written, whatever media type names it."""

    FHIR = "fhir"
    HL7_V2 = "hl7-v2"
    CDA = "cda"
    PDF = "pdf"


# What is expected of each kind (S72). Every one of them issues documents; a hospital's systems talk in
# messages too; a laboratory's are made to talk to everybody's.
USUAL_FORMATS: Mapping[OrganisationKind, tuple[Format, ...]] = {
    OrganisationKind.CLINIC: (Format.CDA, Format.PDF),
    OrganisationKind.HOSPITAL: (Format.HL7_V2, Format.CDA, Format.PDF),
    OrganisationKind.LABORATORY: (Format.FHIR, Format.HL7_V2, Format.CDA, Format.PDF),
}
