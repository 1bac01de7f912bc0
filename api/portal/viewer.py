"""The viewer of links: one page for everybody, which says nothing of anybody. What it shows is decrypted in the browser."""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from api.health_link_codes import VIEWER
from api.portal.web import locale_of, page_response
from domain.report_content import ReportStatus
from projections.summary import FLAG_WORDS

router = APIRouter(include_in_schema=False)


@router.get(VIEWER)
def viewer_page(request: Request) -> Response:
    """The same to who is signed in: whoever opens a link is nobody here."""
    return page_response(
        request,
        "view.html",
        locale=locale_of(request),
        status=200,
        csrf="",
        nav=[],
        signed_in=False,
        notice=None,
        flags=FLAG_WORDS,
        statuses=[one.value for one in ReportStatus],
    )
