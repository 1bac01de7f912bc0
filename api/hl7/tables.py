"""HL7 tables in FHIR's words: statuses, flags, sex, and the names of coding systems."""

import re

from domain.report_content import ObservationStatus, ReportStatus
from domain.values import Coding

# Table 0085, OBX-11.
OBSERVATION_STATUSES = {
    "A": ObservationStatus.AMENDED,
    "B": ObservationStatus.AMENDED,  # appended
    "C": ObservationStatus.CORRECTED,
    "D": ObservationStatus.ENTERED_IN_ERROR,  # deleted
    "F": ObservationStatus.FINAL,
    "I": ObservationStatus.REGISTERED,  # specimen in the laboratory, result pending
    "N": ObservationStatus.REGISTERED,  # not asked
    "O": ObservationStatus.REGISTERED,  # description of the order only
    "P": ObservationStatus.PRELIMINARY,
    "R": ObservationStatus.PRELIMINARY,  # entered, not verified
    "S": ObservationStatus.PRELIMINARY,  # partial
    "U": ObservationStatus.FINAL,  # final now, without being sent again
    "V": ObservationStatus.FINAL,  # verified
    "W": ObservationStatus.ENTERED_IN_ERROR,  # wrong: another patient's
    "X": ObservationStatus.CANCELLED,
    # Words in place of the letters, as a hospital system sends them.
    "FINAL": ObservationStatus.FINAL,
    "PRELIMINARY": ObservationStatus.PRELIMINARY,
    "CORRECTED": ObservationStatus.CORRECTED,
    "CANCELED": ObservationStatus.CANCELLED,
    "CANCELLED": ObservationStatus.CANCELLED,
}

# Table 0123, OBR-25.
REPORT_STATUSES = {
    "A": ReportStatus.PARTIAL,  # some results
    "C": ReportStatus.CORRECTED,
    "D": ReportStatus.ENTERED_IN_ERROR,  # of table 0085, and sent here too
    "F": ReportStatus.FINAL,
    "I": ReportStatus.REGISTERED,
    "M": ReportStatus.PRELIMINARY,  # corrected, and not final: neither word of FHIR says both
    "N": ReportStatus.REGISTERED,  # done, results pending
    "O": ReportStatus.REGISTERED,
    "P": ReportStatus.PRELIMINARY,
    "R": ReportStatus.PARTIAL,
    "S": ReportStatus.REGISTERED,
    "U": ReportStatus.FINAL,
    "V": ReportStatus.FINAL,
    "W": ReportStatus.ENTERED_IN_ERROR,
    "X": ReportStatus.CANCELLED,
    "Y": ReportStatus.UNKNOWN,  # no such order
    "Z": ReportStatus.UNKNOWN,  # no such patient
    "FINAL": ReportStatus.FINAL,
    "PRELIMINARY": ReportStatus.PRELIMINARY,
    "CORRECTED": ReportStatus.CORRECTED,
    "CANCELED": ReportStatus.CANCELLED,
    "CANCELLED": ReportStatus.CANCELLED,
}
# Said in FHIR's words only roughly, so what was sent is kept in a note.
ROUGH_REPORT_STATUSES = frozenset("AMNYZ")

# Table 0001, PID-8, in administrative-gender; and the words that are sent in place of the letters.
SEXES = {
    **dict.fromkeys(("M", "MALE", "М", "МУЖ", "МУЖСКОЙ"), "male"),
    **dict.fromkeys(("F", "FEMALE", "Ж", "ЖЕН", "ЖЕНСКИЙ"), "female"),
    **dict.fromkeys(("O", "A", "N"), "other"),
    "U": "unknown",
}

# Table 0369, SPM-11, but for P (a patient's), G (one of several parts) and L (pooled: whom the message names gets the
# result of the pool): blind sample, calibrators (C, V), electronic and other controls (E, Q, R), tests of skill (F, O).
CONTROLS = frozenset("BCEFOQRV")

INTERPRETATION_SYSTEM = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation"
# Table 0078, OBX-8, which FHIR continues.
INTERPRETATIONS = {
    "L": "Low",
    "H": "High",
    "LL": "Critical low",
    "HH": "Critical high",
    "LU": "Significantly low",
    "HU": "Significantly high",
    "<": "Off scale low",
    ">": "Off scale high",
    "N": "Normal",
    "A": "Abnormal",
    "AA": "Critical abnormal",
    "U": "Significant change up",
    "D": "Significant change down",
    "B": "Better",
    "W": "Worse",
    "S": "Susceptible",
    "R": "Resistant",
    "I": "Intermediate",
    "MS": "Moderately susceptible",
    "VS": "Very susceptible",
    "SDD": "Susceptible-dose dependent",
    "NS": "Non-susceptible",
    "SYN-R": "Synergy - resistant",
    "SYN-S": "Synergy - susceptible",
    "POS": "Positive",
    "NEG": "Negative",
    "IND": "Indeterminate",
    "DET": "Detected",
    "ND": "Not detected",
    "RR": "Reactive",
    "WR": "Weakly reactive",
    "NR": "Non-reactive",
    "E": "Equivocal",
    "EXP": "Expected",
    "UNE": "Unexpected",
    "AC": "Anti-complementary substances present",
    "TOX": "Cytotoxic substance present",
    "QCF": "Quality control failure",
    "CAR": "Carrier",
    "H>": "Significantly high",
    "L<": "Significantly low",
    "EX": "Outside threshold",
    "HX": "Above high threshold",
    "LX": "Below low threshold",
    "OBX": "Interpretation qualifiers in separate OBX segments",
}

# What is sent in place of a code of table 0078.
_FLAG_WORDS = {
    "HIGH": "H",
    "↑": "H",
    "LOW": "L",
    "↓": "L",
    "NORMAL": "N",
    "ABNORMAL": "A",
    "POSITIVE": "POS",
    "NEGATIVE": "NEG",
}

# Table 0396.
_SYSTEMS = {
    "LN": "http://loinc.org",
    "LOINC": "http://loinc.org",
    "SCT": "http://snomed.info/sct",
    "SNOMED-CT": "http://snomed.info/sct",
    "SNOMED": "http://snomed.info/sct",
    "UCUM": "http://unitsofmeasure.org",
}
_SYSTEM_OIDS = {
    "2.16.840.1.113883.6.1": "http://loinc.org",
    "2.16.840.1.113883.6.96": "http://snomed.info/sct",
    "2.16.840.1.113883.6.8": "http://unitsofmeasure.org",
}
_OID = re.compile(r"[0-2](?:\.(?:0|[1-9][0-9]{0,38})){3,}")

# Numbers of a person that are sent with a type (CX.5) and without an OID of whose they are.
IDENTIFIER_KINDS = {
    "SNILS": "urn:oid:1.2.643.100.3",
    "СНИЛС": "urn:oid:1.2.643.100.3",
    "ENP": "urn:oid:1.2.643.2.69.1.1.1.6.228",
    "ЕНП": "urn:oid:1.2.643.2.69.1.1.1.6.228",
}


def is_oid(text: str) -> bool:
    return len(text) <= 256 and _OID.fullmatch(text) is not None


def system_of(name: str | None) -> str | None:
    """A coding system as a URI; a name that stands for none stays as sent."""
    if name is None:
        return None
    name = name.removeprefix("urn:oid:")
    if is_oid(name):
        return _SYSTEM_OIDS.get(name, f"urn:oid:{name}")
    return _SYSTEMS.get(name.upper(), name)


def interpretation_of(code: str, system: str | None, display: str | None) -> Coding:
    """A flag: of table 0078 if it is in it, unless the sender names a system of their own."""
    if system is None or system.upper() in {"HL70078", "0078"}:
        known = _FLAG_WORDS.get(code.upper(), code.upper())
        if known in INTERPRETATIONS:
            words = display if display and display != code else INTERPRETATIONS[known]
            return Coding(system=INTERPRETATION_SYSTEM, code=known, display=words)
    return Coding(system=system_of(system), code=code, display=display)
