"""Each role of staff has its own pages and nothing more; an auditor, a laboratory's member and a compliance officer at
theirs."""

import html
import re
from dataclasses import replace

import pytest

from api.laboratories import OPERATOR
from api.staff import web as staff_web
from domain.consent import ConsentKind
from domain.reading import HistoryRead, StreamReplayed
from domain.staff import ORGANISATION_ROLES, Role
from domain.values import OrganisationId
from ledger import replay_certificate
from tests.api.cast import ANNA, Laboratory, Portal, grant
from tests.api.route_table import STAFF_ROWS, addressed
from tests.api.staff_cast import Clock, Member
from tests.examples import READ, REPLAYED
from tests.scenario import TESTER, recorded

# What an operator shares, and with whom.
SHARED = {"/staff/obligations": Role.COMPLIANCE, "/staff/corrections": Role.DOCTOR}


@pytest.fixture(autouse=True)
def _nobody_follows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(staff_web, "FOLLOW_SECONDS", 0.0)


def member(portal: Portal, clock: Clock, role: Role, laboratory: Laboratory, *, handle: str = "") -> Member:
    found = Member(portal, clock, handle or role.value)
    organisation_id = OrganisationId(laboratory.laboratory_id) if role in ORGANISATION_ROLES else None
    link = found.door.admit(found.handle, [role], OPERATOR, organisation_id=organisation_id)
    found.open_link(found.path_of(link.address))
    assert found.enrol().status_code == 303
    return found


def text_of(page: str) -> str:
    main = page[page.index("<main") : page.index("</main>")]
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", main)))


@pytest.mark.parametrize("role", list(Role))
def test_each_role_has_its_own_pages_and_nothing_more(
    role: Role, portal: Portal, clock: Clock, laboratory: Laboratory
) -> None:
    found = member(portal, clock, role, laboratory)
    own, form = 0, {"csrf": found.token()}
    for whose, method, path in STAFF_ROWS:
        if whose in ("anybody", "member"):
            continue
        address = addressed(path, {})
        answer = found.get(address) if method == "GET" else found.client.post(address, data=form)
        is_own = whose == role or any(path.startswith(one) and role is other for one, other in SHARED.items())
        if method == "GET" and "{" not in path and is_own:
            assert answer.status_code == 200, path
            assert path in found.get("/staff").text
            own += 1
        elif not is_own:
            assert answer.status_code == 404, f"{role}: {method} {path}"
    assert own > 0


def test_an_auditor_filters_the_history_and_each_look_is_history(
    portal: Portal, clock: Clock, laboratory: Laboratory
) -> None:
    auditor = member(portal, clock, Role.AUDITOR, laboratory)
    anna = portal.person(ANNA)
    anna.register()
    ledger = portal.opened.ledger
    recorded(ledger, READ.report_id, replace(READ, patient_id=anna.patient_id))
    portal.catch_up()
    page = auditor.get(f"/staff/history?patient={anna.patient_id}&kind=ReportRead").text
    assert str(READ.report_id) in page and "own-cabinet" in page
    assert "<strong>SessionOpened" not in page
    looks = [one for one in ledger.read_all(limit=1000) if isinstance(one.event, HistoryRead)]
    assert [(one.event.patient_id, one.circumstances.actor) for one in looks] == [  # type: ignore[union-attr]
        (anna.patient_id, "staff:auditor")
    ]
    portal.catch_up()
    assert "по псевдониму" in anna.get("/access").text
    # Who asks for nothing that could be is told where, and nothing is looked for.
    wrong = auditor.get("/staff/history?patient=Anna&since=yesterday&kind=Nothing")
    assert wrong.text.count("field-wrong") == 3
    assert len([one for one in ledger.read_all(limit=1000) if isinstance(one.event, HistoryRead)]) == 1


def test_the_history_goes_back_page_by_page_without_a_gap(
    portal: Portal, clock: Clock, laboratory: Laboratory
) -> None:
    auditor = member(portal, clock, Role.AUDITOR, laboratory)
    ledger = portal.opened.ledger
    for _ in range(130):
        recorded(ledger, READ.report_id, replace(READ, patient_id=None))
    portal.catch_up()
    path, seen = "/staff/history?kind=ReportRead", []
    while path:
        page = auditor.get(path).text
        seen += [int(one) for one in re.findall(r'role="rowheader">(\d+)<', page)]
        further = re.search(r'href="(/staff/history\?[^"]*before=\d+)"', page)
        path = html.unescape(further[1]) if further else ""
    assert len(seen) == len(set(seen)) == 130
    assert seen == sorted(seen, reverse=True)


def test_a_laboratory_sees_its_own_submissions_and_why_one_is_in_quarantine(
    portal: Portal, clock: Clock, laboratory: Laboratory
) -> None:
    own = member(portal, clock, Role.LABORATORY, laboratory)
    assert "Отправок нет" in own.get("/staff/submissions").text
    answer = portal.submit(laboratory.seal(b"no report", content_type="text/x-unknown"))
    portal.catch_up()
    page = own.get("/staff/submissions").text
    said = text_of(page)
    assert "№ 1" in said and "В карантине" in said and answer.json()["code"] in page
    assert "№ 1" not in text_of(own.get("/staff/submissions?state=accepted").text)


def test_a_compliance_officer_sees_what_was_agreed_to_in_numbers(
    portal: Portal, clock: Clock, laboratory: Laboratory
) -> None:
    officer = member(portal, clock, Role.COMPLIANCE, laboratory)
    anna = portal.person(ANNA)
    anna.register()
    portal.catch_up()
    before = text_of(officer.get("/staff/consents").text)
    grant(portal.opened, anna.patient_id, ConsentKind.RESULTS_TRANSFER)
    portal.catch_up()
    after = text_of(officer.get("/staff/consents").text)
    assert before != after
    assert str(anna.patient_id) not in after


def test_an_auditor_replays_a_stream_sees_certificates_and_tries_rules(
    portal: Portal, clock: Clock, laboratory: Laboratory
) -> None:
    auditor = member(portal, clock, Role.AUDITOR, laboratory)
    anna = portal.person(ANNA)
    anna.register()
    ledger = portal.opened.ledger
    read = recorded(ledger, READ.report_id, replace(READ, patient_id=anna.patient_id))
    portal.catch_up()
    page = auditor.get(f"/staff/replay?stream={READ.report_id}&at={read.last}").text
    assert "ReportRead.purpose" in page and "own-cabinet" in page
    sealed = auditor.get(f"/staff/replay?stream={anna.patient_id}&at={read.last}").text
    assert "PhoneStated.phone" in sealed and "запечатано" in sealed and "+7999" not in sealed
    looks = [one.event for one in ledger.read_all(limit=1000) if isinstance(one.event, StreamReplayed)]
    assert [one.patient_id for one in looks] == [anna.patient_id, anna.patient_id]
    both = auditor.get(f"/staff/replay?stream={READ.report_id}&at={read.last}&other={read.last}").text
    assert "Ничего не изменилось" in both
    assert auditor.get("/staff/replay?stream=x&at=-1&other=y").text.count("field-wrong") == 3
    assert "Такого потока здесь нет" in auditor.get(f"/staff/replay?stream={READ.report_id}&at=0").text
    assert "Свидетельств ещё нет" in auditor.get("/staff/certificates").text
    replay_certificate.record(ledger, REPLAYED, TESTER)
    assert "Всё сошлось" in auditor.get("/staff/certificates").text
    assert "Принято заново решений: 0" in auditor.get("/staff/decisions?policy=in-force").text


def test_the_history_goes_forth_again_and_by_stream_and_range(
    portal: Portal, clock: Clock, laboratory: Laboratory
) -> None:
    auditor = member(portal, clock, Role.AUDITOR, laboratory)
    ledger = portal.opened.ledger
    places = [recorded(ledger, READ.report_id, replace(READ, patient_id=None)).last for _ in range(130)]
    portal.catch_up()

    def shown(path: str) -> tuple[list[int], str]:
        page = auditor.get(path).text
        found = [int(one) for one in re.findall(r'role="rowheader">(\d+)<', page)]
        newer = re.search(r'href="(/staff/history\?[^"]*after=\d+)"', page)
        return found, html.unescape(newer[1]) if newer else ""

    query = f"/staff/history?stream={READ.report_id}"
    found, newer = shown(f"{query}&before={places[10]}")
    assert found == places[:10][::-1] and newer
    found, newer = shown(newer)
    assert found == places[10:110][::-1]
    found, newer = shown(newer)
    assert found == places[110:][::-1] and not newer
    found, _ = shown(f"{query}&first={places[3]}&last={places[5]}")
    assert found == places[3:6][::-1]
