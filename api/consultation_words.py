"""Words of consultations that are chosen at run time: closed sets, like those of page_words.py."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from domain.consultation import CancelReason, ConsultationStatus
from domain.doctor import ConsultationFormat, Language, Speciality

# What a doctor may give as the reason; the others are the patient's and the clockwork's.
DOCTORS_REASONS: Final = (
    CancelReason.DOCTOR_UNAVAILABLE,
    CancelReason.OTHER_SPECIALITY,
    CancelReason.TECHNICAL,
)
CHECKS: Final = ("identity", "results", "questions", "device")

CONSULTATION_FAMILIES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "consultation.format": tuple(ConsultationFormat),
        "consultation.join_later": tuple(ConsultationFormat),
        "consultation.status": (*ConsultationStatus, "now"),
        "consultation.reason": tuple(CancelReason),
        "consultation.check": CHECKS,
        "doctor.speciality": tuple(Speciality),
        "doctor.language": tuple(Language),
        # Said by Python alone.
        "consultation.said": ("when-both", "calendar-title", "calendar-text"),
        # Told by SMS, without a word of health or of who the doctor is.
        "sms.visit": ("day-before", "hour-before", "moved", "cancelled", "booked"),
    }
)
