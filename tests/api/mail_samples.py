"""What the letters are rendered from."""

from typing import Any

from api.page_words import FAMILIES

LETTER = {
    "link": "https://cabinet.example/d/1",
    "settings": "https://cabinet.example/notifications/settings",
    "stop": "https://cabinet.example/unsubscribe/abc",
    "new": 2,
    "corrected": 1,
    "attached": None,
}
_ATTACHED = LETTER | {"kind": "document", "stop": None, "attached": "application/zip"}
MAIL_SAMPLES: dict[str, tuple[str, dict[str, Any]]] = {
    **{f"mail-{kind}": ("mail.html", LETTER | {"kind": kind}) for kind in FAMILIES["mail.text"]},
    **{f"mail-{kind}-text": ("mail.txt", LETTER | {"kind": kind}) for kind in FAMILIES["mail.text"]},
    "mail-attached": ("mail.html", _ATTACHED),
    "mail-attached-text": ("mail.txt", _ATTACHED),
}
