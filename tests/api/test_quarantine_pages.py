"""An operator looks after the quarantine in the browser: what the command line can do, and who saw what."""

import html
import re
from uuid import uuid4

import httpx2
import pytest

from api import formats
from api.fhir.reading import read_fhir
from api.laboratories import OPERATOR
from api.staff import quarantine as quarantine_pages
from api.staff import web as staff_web
from api.staff.bytes_view import SHOWN_BYTES, shown
from domain.reading import SubmissionRead
from domain.report import ReportReceived
from domain.staff import StaffMemberAdmitted
from domain.submission import (
    ReleaseReason,
    SubmissionAccepted,
    SubmissionQuarantined,
    SubmissionReleased,
)
from ledger.staff import member_id_of
from projections import cabinet
from tests.api.cast import ANNA, BORIS, Laboratory, Portal, browser, bundle, code_of, settled
from tests.api.staff_cast import Member
from tests.scenario import recorded

TYPE = "application/vnd.example.later+json"


@pytest.fixture(autouse=True)
def _nobody_follows(monkeypatch: pytest.MonkeyPatch) -> None:
    """The views follow when the test says so: no page needs to wait for them."""
    monkeypatch.setattr(staff_web, "FOLLOW_SECONDS", 0.0)


@pytest.fixture
def operator(ivan: Member) -> Member:
    return ivan.enrolled()


@pytest.fixture
def submission_id(portal: Portal, laboratory: Laboratory) -> str:
    """A good report in a format that nobody reads yet."""
    return quarantined(portal, laboratory, bundle("1"), content_type=TYPE)


def quarantined(portal: Portal, laboratory: Laboratory, content: bytes, *, content_type: str) -> str:
    answer = portal.submit(laboratory.seal(content, content_type=content_type))
    assert answer.status_code == 422, answer.text
    portal.catch_up()
    return str(answer.json()["submission_id"])


def text_of(page: httpx2.Response) -> str:
    """What is read on the page."""
    assert page.status_code == 200, page.status_code
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.text)))


def listed(page: httpx2.Response) -> list[str]:
    assert page.status_code == 200, page.status_code
    return re.findall(r'class="since" href="/staff/quarantine/([0-9a-f-]{36})"', page.text)


# The list.


def test_what_lies_in_quarantine_is_listed_with_reason_advice_and_field(
    operator: Member, submission_id: str
) -> None:
    page = operator.get("/staff/quarantine")
    assert listed(page) == [submission_id]
    for words in (
        "Лаборатория Инвитро",
        "invitro",
        TYPE,
        "Формат содержимого не поддерживается.",
        "Укажите один из типов",
        "jws.cty",
        "1 отправление",
    ):
        assert words in text_of(page), words
    assert "1 ждёт" in text_of(operator.get("/staff"))
    assert "The content's format is not supported." in text_of(operator.get("/staff/quarantine?lang=en"))


def test_an_empty_quarantine_says_so(operator: Member) -> None:
    assert "Карантин пуст" in text_of(operator.get("/staff/quarantine"))


def test_the_list_is_filtered_by_laboratory_and_reason_with_counts(
    operator: Member, portal: Portal, laboratory: Laboratory, submission_id: str
) -> None:
    other = quarantined(portal, laboratory, b"{", content_type="application/fhir+json")
    both = operator.get("/staff/quarantine?lab=invitro")
    assert listed(both) == [submission_id, other]
    assert "Лаборатория Инвитро (2)" in text_of(both) and "не поддерживается. (1)" in text_of(both)
    one = operator.get("/staff/quarantine?lab=invitro&reason=content-type-unknown")
    assert listed(one) == [submission_id] and "Лаборатория Инвитро (1)" in text_of(one)
    assert "Любая (2)" in text_of(one)
    for words in ("lab=nobody", "reason=internal", "lab=%00", "reason=%27%3B--", "lab=invitro&reason=x"):
        nothing = operator.get(f"/staff/quarantine?{words}")
        assert listed(nothing) == [] and "Таких отправлений в карантине нет" in text_of(nothing), words
    assert operator.get("/staff/quarantine?after=-1").status_code == 400
    assert operator.get(f"/staff/quarantine?after={2**63}").status_code == 400


def test_the_list_is_read_page_by_page(
    operator: Member, portal: Portal, laboratory: Laboratory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quarantine_pages, "PAGE_ROWS", 2)
    ids = [
        quarantined(portal, laboratory, b"%d" % number, content_type=TYPE + str(number % 2))
        for number in range(5)
    ]
    seen: list[list[str]] = []
    path: str | None = "/staff/quarantine?reason=content-type-unknown"
    while path is not None:
        page = operator.get(path)
        seen.append(listed(page))
        assert ("К началу" in page.text) == (len(seen) > 1)
        found = re.search(r'href="([^"]+)">Дальше', page.text)
        path = html.unescape(found[1]) if found else None
    assert seen == [ids[:2], ids[2:4], ids[4:]]


# One entry.


def test_one_entry_is_shown_with_its_particulars(operator: Member, submission_id: str) -> None:
    page = text_of(operator.get(f"/staff/quarantine/{submission_id}"))
    for words in (submission_id, TYPE, "content-type-unknown", "jws.cty", "Лаборатория Инвитро"):
        assert words in page, words
    assert not operator.portal.events(SubmissionRead)


def test_mended_and_read_again_the_report_reaches_its_patient(
    operator: Member,
    portal: Portal,
    laboratory: Laboratory,
    submission_id: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    anna = settled(portal.opened, ANNA, laboratory.laboratory_id)
    path = f"/staff/quarantine/{submission_id}"
    in_vain = operator.post(f"{path}/retry")
    assert in_vain.headers["location"] == f"{path}?notice=stays"
    assert len(portal.events(SubmissionQuarantined)) == 1
    monkeypatch.setattr(formats, "READERS", {**formats.READERS, TYPE: read_fhir})
    again = operator.post(f"{path}/retry")
    assert again.headers["location"] == "/staff/quarantine?notice=recorded"
    portal.catch_up()
    (report,) = cabinet.reports_of(portal.opened.ledger, anna)
    (accepted,), (received,) = portal.events(SubmissionAccepted), portal.events(ReportReceived)
    assert received.stream_id == report.report_id
    assert accepted.circumstances.actor == received.circumstances.actor == "staff:ivan"
    assert accepted.circumstances.correlation_id is not None, "in which session"
    assert listed(operator.get("/staff/quarantine")) == []
    assert operator.get(path).status_code == 404
    assert code_of(operator.post(f"{path}/retry")) == "not-in-quarantine"


def test_another_reason_is_said_to_be_another(
    operator: Member, portal: Portal, laboratory: Laboratory, monkeypatch: pytest.MonkeyPatch
) -> None:
    submission_id = quarantined(portal, laboratory, b"{", content_type=TYPE)
    monkeypatch.setattr(formats, "READERS", {**formats.READERS, TYPE: read_fhir})
    answer = operator.post(f"/staff/quarantine/{submission_id}/retry")
    assert answer.headers["location"].endswith("?notice=stays-otherwise")
    portal.catch_up()
    assert "content-not-json" in operator.get(f"/staff/quarantine/{submission_id}").text


def test_a_report_of_another_person_is_moved_only_by_who_says_that_it_is_right(
    operator: Member, portal: Portal, laboratory: Laboratory
) -> None:
    anna, boris = (settled(portal.opened, person, laboratory.laboratory_id) for person in (ANNA, BORIS))
    assert portal.submit(laboratory.seal(bundle("1", ANNA))).status_code == 201
    moved = quarantined(portal, laboratory, bundle("1", BORIS), content_type="application/fhir+json")
    page = operator.get(f"/staff/quarantine/{moved}").text
    assert "subject-differs" in page and 'name="moved"' in page
    assert operator.post(f"/staff/quarantine/{moved}/retry").headers["location"].endswith("=stays")
    answer = operator.post(f"/staff/quarantine/{moved}/retry", moved="yes")
    assert answer.headers["location"] == "/staff/quarantine?notice=recorded"
    portal.catch_up()
    reports = [cabinet.reports_of(portal.opened.ledger, patient_id) for patient_id in (anna, boris)]
    assert [len(rows) for rows in reports] == [0, 1]


def test_an_entry_is_closed_with_a_reason(operator: Member, portal: Portal, submission_id: str) -> None:
    path = f"/staff/quarantine/{submission_id}"
    for form in ({}, {"reason": ""}, {"reason": "because"}):
        answer = operator.post(f"{path}/release", **form)
        assert answer.status_code == 422 and "Код ошибки: release-reason-missing" in answer.text
    assert not portal.events(SubmissionReleased)
    answer = operator.post(f"{path}/release", reason="test-message")
    assert answer.headers["location"] == "/staff/quarantine?notice=released"
    (released,) = portal.events(SubmissionReleased)
    assert released.event.reason is ReleaseReason.TEST_MESSAGE
    assert released.circumstances.actor == "staff:ivan"
    portal.catch_up()
    assert operator.get(path).status_code == 404
    assert code_of(operator.post(f"{path}/release", reason="sent-again")) == "not-in-quarantine"


# The content.


def test_the_content_is_shown_only_with_the_reading_recorded(
    operator: Member, portal: Portal, submission_id: str
) -> None:
    path = f"/staff/quarantine/{submission_id}"
    assert operator.get(f"{path}/content").status_code == 405, "to look at it is an act"
    page = operator.post(f"{path}/content")
    found = re.search(r"<pre[^>]*>\n(.*)</pre>", page.text, re.DOTALL)
    assert found is not None and html.unescape(found[1]).encode() == bundle("1")
    assert page.headers["cache-control"] == "no-store"
    assert f'href="{path}?lang=en"' in page.text, "the other language is at an address that can be read"
    (read,) = portal.events(SubmissionRead)
    assert str(read.event.submission_id) == submission_id
    assert read.circumstances.actor == "staff:ivan" and read.circumstances.correlation_id is not None


def test_the_content_is_not_shown_if_the_reading_cannot_be_recorded(
    operator: Member, portal: Portal, submission_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = operator.token()

    def refused(*_: object, **__: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(portal.opened.ledger.recorder, "store", refused)
    for act in ("content", "download"):
        answer = operator.client.post(f"/staff/quarantine/{submission_id}/{act}", data={"csrf": token})
        assert answer.status_code == 500 and ANNA.family not in answer.text, act


def test_the_whole_is_downloaded_as_bytes_that_no_browser_opens(
    operator: Member, portal: Portal, laboratory: Laboratory
) -> None:
    content = b"<script>alert(1)</script>\x00" + bytes(range(256)) * 1000
    assert len(content) > SHOWN_BYTES
    submission_id = quarantined(portal, laboratory, content[:190_000], content_type=TYPE)
    answer = operator.post(f"/staff/quarantine/{submission_id}/download")
    assert answer.content == content[:190_000]
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"] == f'attachment; filename="submission-{submission_id}.bin"'
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"
    assert len(portal.events(SubmissionRead)) == 1


def test_markup_in_the_content_stays_text(operator: Member, portal: Portal, laboratory: Laboratory) -> None:
    content = "</pre><script>alert('я')</script>".encode()
    submission_id = quarantined(portal, laboratory, content, content_type='x/"><script>')
    page = operator.post(f"/staff/quarantine/{submission_id}/content").text
    assert "<script>" not in page and "&lt;/pre&gt;&lt;script&gt;" in page
    assert "<script>" not in operator.get("/staff/quarantine").text


# Bytes, as they are shown.


@pytest.mark.parametrize(
    ("content", "text", "form"),
    [
        (b"", "", "utf-8"),
        ("Соколова\r\n\t".encode(), "Соколова\r\n\t", "utf-8"),
        (b"\x0bMSH|^~\\&|\r\x1c\r", "\x0bMSH|^~\\&|\r\x1c\r", "utf-8"),
        ("Соколова".encode("windows-1251"), "Соколова", "windows-1251"),
        ("я".encode() * SHOWN_BYTES, "я" * (SHOWN_BYTES // 2), "utf-8"),
        (b"a" + "я".encode() * SHOWN_BYTES, "a" + "я" * (SHOWN_BYTES // 2 - 1), "utf-8"),
        (b"a\xd1", "aС", "windows-1251"),
        (
            b"%PDF-1.7\n\x00\xff\x01",
            "00000000  25 50 44 46 2d 31 2e 37 0a 00 ff 01              %PDF-1.7....",
            "hexadecimal",
        ),
    ],
)
def test_bytes_are_shown_as_text_where_they_are_text(content: bytes, text: str, form: str) -> None:
    assert shown(content) == (text, form)


def test_sixteen_bytes_are_a_line() -> None:
    lines = shown(bytes(range(33)))[0].splitlines()
    assert [line[:8] for line in lines] == ["00000000", "00000010", "00000020"]
    assert lines[2] == f"00000020  20{' ' * 47} "


# Who may not.


def acts_on(submission_id: str) -> list[tuple[str, str]]:
    path = f"/staff/quarantine/{submission_id}"
    acts = [("POST", f"{path}/{act}") for act in ("retry", "release", "content", "download")]
    return [("GET", "/staff/quarantine"), ("GET", path), *acts]


def test_strangers_and_patients_learn_nothing_of_what_lies_there(
    portal: Portal, submission_id: str, laboratory: Laboratory
) -> None:
    anna = portal.person(ANNA).register()
    last = portal.opened.ledger.last_position()
    with browser(portal.opened.settings.public_url) as stranger:
        for client, csrf in ((stranger, ""), (anna.client, anna.token())):
            seen, unseen = (
                [
                    client.request(method, path, data={"csrf": csrf} if method == "POST" else None)
                    for method, path in acts_on(chosen)
                ]
                for chosen in (submission_id, str(uuid4()))
            )
            for one, other in zip(seen, unseen, strict=True):
                assert one.status_code == other.status_code == 303
                assert one.headers["location"] == "/staff/sign-in?notice=session-ended"
                assert one.content == other.content and sorted(one.headers) == sorted(other.headers)
    assert portal.opened.ledger.last_position() == last


def test_a_member_without_the_role_finds_nothing_there(ivan: Member, submission_id: str) -> None:
    ledger = ivan.portal.opened.ledger
    recorded(ledger, member_id_of(ledger, "ivan"), StaffMemberAdmitted(handle="ivan", roles=()))
    ivan.open_link(ivan.path_of(ivan.door.reset("ivan", OPERATOR).address))
    assert ivan.enrol().status_code == 303 and ivan.is_signed_in
    assert "quarantine" not in ivan.get("/staff").text
    for method, path in acts_on(submission_id):
        answer = ivan.post(path) if method == "POST" else ivan.get(path)
        assert (answer.status_code, code_of(answer)) == (404, "not-found"), path
    assert not ivan.portal.events(SubmissionRead)


def test_a_form_of_staff_carries_the_token_of_its_session(operator: Member, submission_id: str) -> None:
    for method, path in acts_on(submission_id):
        if method == "POST":
            answer = operator.client.post(path, data={"csrf": "wrong", "reason": "sent-again"})
            assert (answer.status_code, code_of(answer)) == (403, "cross-site"), path
    assert not operator.portal.events(SubmissionRead, SubmissionReleased)
