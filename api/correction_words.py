"""Words of corrections: what changed, how far it is known, and to whom it is owed."""

from domain.correction import Acknowledgement, CorrectionStatus, LapseReason, PartyKind
from domain.unsaid import Change

_STATUSES = tuple(one for one in CorrectionStatus if one is not CorrectionStatus.SPARED)
CORRECTION_FAMILIES: dict[str, tuple[str, ...]] = {
    "correction.change": tuple(Change),
    "correction.status": _STATUSES,
    "correction.how": (*Acknowledgement, *LapseReason, "email", "sms", "push"),
    "correction.party": tuple(PartyKind),
}
