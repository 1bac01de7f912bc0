"""Problems that a caller can meet, by stable code: RFC 9457 at HTTP; the command line and the pages use
the same table of explanations."""

from typing import Any

from api.explanations import EXPLANATIONS, Explanation

MEDIA_TYPE = "application/problem+json"


class ProblemError(Exception):
    """A request that can't be carried out; `field` names where, never what was in it."""

    def __init__(self, code: str, field: str | None = None, *, retry_after: int | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.field = field
        self.retry_after = retry_after


def explain(code: str) -> Explanation:
    """The explanation of a code. An unknown code is a fault of ours, and says so."""
    return EXPLANATIONS.get(code, EXPLANATIONS["internal"])


def problem_document(code: str, field: str | None = None) -> dict[str, Any]:
    """The RFC 9457 body: `detail` and `advice` in both languages, Russian first."""
    explanation = explain(code)
    return {
        "type": f"urn:letopis:problem:{code}",
        "title": explanation.title[1],
        "status": explanation.status,
        "code": code,
        "field": field,
        "detail": {"ru": explanation.title[0], "en": explanation.title[1]},
        "advice": {"ru": explanation.advice[0], "en": explanation.advice[1]},
    }
