"""Words that the act of destruction chooses while it is made."""

from domain.erasure import ErasureGround
from domain.values import Purpose

_EVENTS = ("ErasureOrdered", "PatientErased", "KeyEpochDestroyed", "ErasureCompleted")
DESTRUCTION_FAMILIES: dict[str, tuple[str, ...]] = {
    "destruction": (
        *(
            "act_title",
            "extract_title",
            "law",
            "footer",
            "operator",
            "processor",
            "processor.none",
            "subject",
        ),
        *("subject.text", "destroyed_by", "categories", "system", "system.text", "method", "method.short"),
        *(
            "method.text",
            "proof",
            "limits",
            "reason",
            "destroyed_at",
            "completed_at",
            "counts",
            "counts.text",
        ),
        *("keep_until", "entries", "promise"),
    ),
    "destruction.purpose": tuple(Purpose),
    "destruction.ground": tuple(ErasureGround),
    "destruction.sign": ("person", "office", "date"),
    "destruction.column": ("time", "event", "actor", "position"),
    "destruction.event": _EVENTS,
}
