"""Study type: of which kind the studies in a report are, as far as its codes tell."""

from collections.abc import Mapping
from enum import StrEnum

from domain.report_content import ReportContent
from domain.values import Coding, Concept


class StudyType(StrEnum):
    """The categories that patients know; each is a section of the cabinet too."""

    BLOOD_COUNT = "blood-count"
    BIOCHEMISTRY = "biochemistry"
    URINALYSIS = "urinalysis"
    HORMONES = "hormones"
    COAGULATION = "coagulation"
    IMMUNOLOGY = "immunology"
    MICROBIOLOGY = "microbiology"
    BLOOD_GROUP = "blood-group"
    TOXICOLOGY = "toxicology"
    GENETICS = "genetics"
    PATHOLOGY = "pathology"
    INSTRUMENTAL = "instrumental"


LOINC = "http://loinc.org"
# HL7 v2 table 0074, diagnostic service section, under the names that FHIR and HL7 v2 give it.
_SECTION_SYSTEMS = frozenset(
    {"http://terminology.hl7.org/CodeSystem/v2-0074", "http://hl7.org/fhir/v2/0074", "HL70074", "v2-0074"}
)
_SECTIONS: Mapping[str, StudyType] = {
    **dict.fromkeys(("CH", "BG"), StudyType.BIOCHEMISTRY),
    "HM": StudyType.BLOOD_COUNT,
    **dict.fromkeys(("IMM", "SR"), StudyType.IMMUNOLOGY),
    **dict.fromkeys(("MB", "MCB", "MYC", "VR"), StudyType.MICROBIOLOGY),
    "BLB": StudyType.BLOOD_GROUP,
    "TX": StudyType.TOXICOLOGY,
    **dict.fromkeys(("GE", "CG"), StudyType.GENETICS),
    **dict.fromkeys(("CP", "SP"), StudyType.PATHOLOGY),
    **dict.fromkeys(
        ("AU", "CT", "CTH", "CUS", "EC", "EN", "IMG", "NMR", "NMS"),
        StudyType.INSTRUMENTAL,
    ),
    **dict.fromkeys(("OUS", "PF", "RAD", "RUS", "RX", "VUS", "XRC"), StudyType.INSTRUMENTAL),
}
# LOINC names of sections (IHE XD-LAB, laboratory specialties; 26436-6 says only that it is a laboratory's).
_SPECIALTIES: Mapping[str, StudyType] = {
    **dict.fromkeys(("18719-5", "18767-4", "26437-4"), StudyType.BIOCHEMISTRY),
    **dict.fromkeys(("18723-7", "18768-2"), StudyType.BLOOD_COUNT),
    "18720-3": StudyType.COAGULATION,
    **dict.fromkeys(("18718-7", "18724-5", "18727-8"), StudyType.IMMUNOLOGY),
    **dict.fromkeys(("18725-2", "18769-0"), StudyType.MICROBIOLOGY),
    "18717-9": StudyType.BLOOD_GROUP,
    **dict.fromkeys(("18721-1", "18728-6"), StudyType.TOXICOLOGY),
    "18729-4": StudyType.URINALYSIS,
    "26435-8": StudyType.GENETICS,
    "26438-2": StudyType.PATHOLOGY,
    "18748-4": StudyType.INSTRUMENTAL,
}
# LOINC codes of the panels and single studies that are ordered most.
_STUDIES: Mapping[str, StudyType] = {
    # Blood counts: automated, with automated and with manual differential; hemogram and platelets.
    **dict.fromkeys(("58410-2", "57021-8", "57782-5", "57022-6", "24317-0"), StudyType.BLOOD_COUNT),
    # Metabolic panels (comprehensive, basic), lipids, liver; glucose.
    **dict.fromkeys(("24323-8", "24321-2", "51990-0", "24325-3"), StudyType.BIOCHEMISTRY),
    **dict.fromkeys(("24331-1", "57698-3", "2345-7", "14749-6", "15074-8"), StudyType.BIOCHEMISTRY),
    # Urinalysis: complete, by dipstick.
    **dict.fromkeys(("24356-8", "24357-6"), StudyType.URINALYSIS),
    # Thyrotropin, free thyroxine, free triiodothyronine.
    **dict.fromkeys(("3016-3", "3024-7", "3051-0"), StudyType.HORMONES),
    # Prothrombin time, activated partial thromboplastin time.
    **dict.fromkeys(("5902-2", "14979-9"), StudyType.COAGULATION),
    # Bacteria in blood, in a specimen, in urine, in stool; SARS-CoV-2.
    **dict.fromkeys(("600-7", "6463-4", "630-4", "625-4", "94500-6", "94558-4"), StudyType.MICROBIOLOGY),
    **dict.fromkeys(("883-9", "882-1", "10331-7"), StudyType.BLOOD_GROUP),
}
# How titles and categories without a code are written here.
_TITLES: Mapping[str, StudyType] = {
    **dict.fromkeys(
        ("общий анализ крови", "клинический анализ крови", "гематологические исследования"),
        StudyType.BLOOD_COUNT,
    ),
    **dict.fromkeys(
        ("биохимия", "биохимический анализ крови", "биохимические исследования", "биохимия крови"),
        StudyType.BIOCHEMISTRY,
    ),
    **dict.fromkeys(("общий анализ мочи", "клинический анализ мочи"), StudyType.URINALYSIS),
    **dict.fromkeys(("гормоны", "гормональные исследования"), StudyType.HORMONES),
    **dict.fromkeys(("коагулограмма", "коагулологические исследования"), StudyType.COAGULATION),
    **dict.fromkeys(
        ("иммунологические исследования", "аллергологические исследования"), StudyType.IMMUNOLOGY
    ),
    "микробиологические исследования": StudyType.MICROBIOLOGY,
    "группа крови и резус-фактор": StudyType.BLOOD_GROUP,
    "химико-токсикологические исследования": StudyType.TOXICOLOGY,
    "молекулярно-генетические исследования": StudyType.GENETICS,
    **dict.fromkeys(("цитологические исследования", "гистологические исследования"), StudyType.PATHOLOGY),
    **dict.fromkeys(("узи", "ультразвуковое исследование", "рентгенография"), StudyType.INSTRUMENTAL),
}
_OBSERVATION_CATEGORIES = frozenset(
    {
        "http://terminology.hl7.org/CodeSystem/observation-category",
        "http://hl7.org/fhir/observation-category",
    }
)


def study_types_of(content: ReportContent) -> frozenset[StudyType]:
    """Of which types the report is; none if that can't be told.

    What the report says of itself goes before the sections that it was filed under: laboratories file
    lipids under hematology."""
    said = _types_of(content.code) if content.code else frozenset()
    return said or frozenset[StudyType]().union(*map(_types_of, content.category))


def _types_of(concept: Concept) -> frozenset[StudyType]:
    coded = {found for coding in concept.codings if (found := _of_coding(coding))}
    texts = (concept.text, *(coding.display for coding in concept.codings))
    titled = {found for text in texts if text and (found := _TITLES.get(" ".join(text.casefold().split())))}
    return frozenset(coded or titled)


def _of_coding(coding: Coding) -> StudyType | None:
    code = coding.code or ""
    if coding.system == LOINC:
        return _SPECIALTIES.get(code) or _STUDIES.get(code)
    if coding.system in _SECTION_SYSTEMS:
        return _SECTIONS.get(code.upper())
    if coding.system in _OBSERVATION_CATEGORIES and code == "imaging":
        return StudyType.INSTRUMENTAL
    return None
