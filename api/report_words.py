"""Words that the sheet of a result chooses at run time, and which code means which of them."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from domain.version_changes import Aspect, Fact

# FHIR R4 data-absent-reason.
ABSENT_REASONS: Final = (
    "unknown",
    "asked-unknown",
    "temp-unknown",
    "not-asked",
    "asked-declined",
    "masked",
    "not-applicable",
    "unsupported",
    "as-text",
    "error",
    "not-a-number",
    "negative-infinity",
    "positive-infinity",
    "not-performed",
    "not-permitted",
)
# HL7 v3 nullFlavor, as a CDA document has it, in the words of FHIR.
NULL_FLAVORS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "NI": "unknown",
        "UNK": "unknown",
        "ASKU": "asked-unknown",
        "NAV": "temp-unknown",
        "NASK": "not-asked",
        "MSK": "masked",
        "NA": "not-applicable",
        "NINF": "negative-infinity",
        "PINF": "positive-infinity",
    }
)
REPORT_FAMILIES: dict[str, tuple[str, ...]] = {
    "absent": (*ABSENT_REASONS, "attached"),
    "change.aspect": tuple(Aspect),
    "change.fact": tuple(Fact),
    "unit": ("code",),
    "as_of.verdict": ("same", "different", "other-release", "not-kept", "not-compared"),
}
