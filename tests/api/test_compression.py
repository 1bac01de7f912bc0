"""What goes out by gzip: our own files, and pages that repeat nothing of the request."""

import gzip

import httpx2
import pytest

from api.pages import STATIC
from tests.api.cast import ANNA, Laboratory, Person, Portal, bundle, settle

CSS = "/static/portal.css"
# A patient's first page with all that it loads, but for the font, which is fetched once and kept apart.
FIRST_PAGE = ("/reports", CSS, "/static/icons.svg")
FIRST_PAGE_BYTES_MAX = 60_000
FULL_PAGE = 50


@pytest.fixture
def anna(portal: Portal, laboratory: Laboratory) -> Person:
    """Signed in, and her laboratory may send."""
    found = portal.person().register()
    settle(portal.opened, found.patient_id, ANNA, laboratory.laboratory_id)
    return found


def sent_bytes(answer: httpx2.Response) -> int:
    return int(answer.headers["content-length"])


def is_compressed(answer: httpx2.Response) -> bool:
    return answer.headers.get("content-encoding") == "gzip"


def test_a_first_page_is_light_as_it_is_served(portal: Portal, laboratory: Laboratory, anna: Person) -> None:
    for number in range(FULL_PAGE):
        assert portal.submit(laboratory.seal(bundle(str(number)))).status_code == 201
    portal.catch_up()
    answers = [anna.get(path) for path in FIRST_PAGE]
    assert all(map(is_compressed, answers))
    assert answers[0].text.count('name="report"') == FULL_PAGE
    assert sum(map(sent_bytes, answers)) < FIRST_PAGE_BYTES_MAX


def test_what_repeats_the_request_goes_out_as_it_is(anna: Person) -> None:
    """Else the length of a page would tell what else is in it to who chooses what it repeats (BREACH)."""
    for answer in (
        anna.get("/reports?status=final"),
        anna.get("/reports?lang=en"),
        anna.post("/reports/search", q="креатинин"),
        anna.get("/reports/no-such"),
    ):
        assert not is_compressed(answer), answer.url
    assert anna.get("/reports").headers["vary"] == "Accept-Encoding"


def test_a_file_is_the_same_with_and_without(portal: Portal) -> None:
    whole = (STATIC / "portal.css").read_bytes()
    plain = portal.machine.get(CSS, headers={"accept-encoding": "identity"})
    part = portal.machine.get(CSS, headers={"range": "bytes=0-999"})
    refused = portal.machine.get(CSS, headers={"accept-encoding": "gzip;q=0"})
    assert not any(map(is_compressed, (plain, part, refused)))
    assert (plain.content, part.content) == (whole, whole[:1000])
    with portal.machine.stream("GET", f"{CSS}?1") as answer:
        raw = b"".join(answer.iter_raw())
    assert is_compressed(answer) and gzip.decompress(raw) == whole and sent_bytes(answer) == len(raw)
    kept = portal.machine.get(CSS, headers={"if-none-match": answer.headers["etag"]})
    assert (kept.status_code, is_compressed(kept)) == (304, False)


def test_what_is_no_page_and_what_is_small_is_left_alone(portal: Portal) -> None:
    for path in ("/healthz", "/metrics", "/openapi.json", "/static/icon-512.png"):
        answer = portal.machine.get(path)
        assert answer.status_code == 200 and not is_compressed(answer), path
