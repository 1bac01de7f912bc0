"""What the page of proofs is shown with in tests: with a list, with one that waits, with none."""

from datetime import UTC, datetime
from typing import Any

from api.evidence_words import EVIDENCE_FAMILIES

AT = datetime(2026, 11, 26, 9, 30, tzinfo=UTC)
_VKEY = "ledger.example/analyses+50e056f0+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4"


def shown(*, length: int, committed: int, reports: int) -> dict[str, Any]:
    names = EVIDENCE_FAMILIES["evidence.event"][:length]
    return {
        "standing": {
            "length": length, "committed": committed, "reports": reports, "committed_at": AT if committed else None,
        },
        "links": [
            {
                "name": name, "event_id": f"00000000-0000-4000-8000-{number:012}", "at": AT,
                "is_committed": number < committed,
            }
            for number, name in enumerate(names)
        ],
        "vkey": _VKEY,
        "patient_id": "00000000-0000-4000-8000-00000000000a",
    }  # fmt: skip


EVIDENCE_SAMPLES: dict[str, tuple[str, dict[str, Any]]] = {
    "evidence": ("evidence.html", shown(length=27, committed=25, reports=4)),
    "evidence-waiting": ("evidence.html", shown(length=1, committed=0, reports=0)),
    "evidence-none": ("evidence.html", shown(length=0, committed=0, reports=0)),
}
