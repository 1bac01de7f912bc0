"""A form that is shown again with what was wrong, or for the first time with nothing wrong."""

from collections.abc import Mapping
from typing import Any

from fastapi.responses import Response

from api.portal.web import Visit, told
from api.problems import ProblemError, explain


def form_page(
    person: Visit,
    template: str,
    error: ProblemError | None = None,
    *,
    values: Mapping[str, str] | None = None,
    **context: Any,
) -> Response:
    """The status, the words at the field, and the seconds to wait are the error's."""
    page = person.page(
        template,
        status=explain(error.code).status if error else 200,
        errors=told(error, person.locale) if error else {},
        values=values or {},
        **context,
    )
    if error is not None and error.retry_after is not None:
        page.headers["Retry-After"] = str(error.retry_after)
    return page
