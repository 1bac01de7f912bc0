"""Where a doctor and a patient meet by video: the doctor's own place, or a room of the system's that nobody guesses."""

from uuid import UUID

from api.settings import Settings
from domain.consultation import Consultation
from domain.doctor import ConsultationFormat
from ledger import consultations, doctors
from ledger.store import Ledger


def meeting_link(
    ledger: Ledger, settings: Settings, consultation_id: UUID, state: Consultation
) -> str | None:
    """None where there is no place, or they do not meet by video. When to show it is the page's to say."""
    if state.format is not ConsultationFormat.VIDEO:
        return None
    who = doctors.load_doctor(ledger, state.member_id)
    if who is not None and who.meeting_link:
        return who.meeting_link
    if settings.meeting_url is None:
        return None
    return settings.meeting_url.replace("{room}", consultations.room_of(ledger, consultation_id))
