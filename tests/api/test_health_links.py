"""A link by which a patient shares results: the protocol as a strict client sees it, and what stands between it and
everybody else."""

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from time import monotonic, sleep
from uuid import UUID, uuid4

import pytest

from api import health_links, share_access
from api.demo_peers import SmsPeer
from api.health_link_codes import link_of
from api.health_links import file_of
from api.report_as_of import Verdict, verdict_of
from api.share_telling import tell_untold
from api.share_terms import end_shares
from domain.reading import Medium, ReadingPurpose, ReportRead
from domain.sharing import (
    ShareClosed,
    ShareEnd,
    ShareOpened,
    ShareOpeningTold,
    SharePasscodeRefused,
    ShareRecipientStated,
)
from domain.study_type import StudyType
from domain.values import PatientId
from ledger import misfiling, sharing, talk_first
from ledger.commands import by_patient
from ledger.rendering import matches
from ledger.sharing import LinkTerms
from tests.api.cast import ANNA, Laboratory, Portal, bundle, settled
from tests.api.health_link_client import HealthLink

PASSCODE = "271828"
GONE = 404


@pytest.fixture
def anna(portal: Portal, laboratory: Laboratory) -> PatientId:
    return settled(portal.opened, ANNA, laboratory.laboratory_id)


@pytest.fixture
def report(portal: Portal, laboratory: Laboratory, anna: PatientId) -> UUID:
    return arrives(portal, laboratory)


def arrives(portal: Portal, laboratory: Laboratory, number: str = "1", **content: object) -> UUID:
    answer = portal.submit(laboratory.seal(bundle(number, **content)))  # type: ignore[arg-type]  # as the bundle takes it
    assert answer.status_code == 201, answer.text
    portal.catch_up()
    return UUID(answer.json()["reports"][0]["id"])


def shared(
    portal: Portal,
    patient_id: PatientId,
    *reports: UUID,
    days: float = 7,
    openings: int | None = 3,
    passcode: str | None = PASSCODE,
    label: str | None = None,
) -> tuple[UUID, HealthLink]:
    now, share_id, ledger = datetime.now(UTC), uuid4(), portal.opened.ledger
    until = now + timedelta(days=days)
    terms = LinkTerms(until=until, label=label, openings_max=openings, needs_passcode=passcode is not None)
    sharing.share_by_link(
        ledger, patient_id, share_id, reports, terms=terms, by=by_patient(patient_id), now=now
    )
    if passcode is not None:
        share_access.keep_passcode(ledger, share_id, passcode, until=until)
    share = sharing.load_share(ledger, share_id)
    assert share.description is not None
    return share_id, HealthLink.read(link_of(portal.opened.settings, share, share.description))


def value_of(document: dict[str, object]) -> str:
    entries = document["entry"]
    assert isinstance(entries, list)
    return str(
        next(
            entry["resource"]["valueQuantity"]["value"]
            for entry in entries
            if entry["resource"]["resourceType"] == "Observation"
        )
    )


# What a client is given.


def test_a_strict_client_opens_the_link_and_reads_the_very_digits(
    portal: Portal, anna: PatientId, report: UUID
) -> None:
    share_id, link = shared(portal, anna, report, label="Для кардиолога")
    assert (link.flags, link.payload["label"]) == ("P", "Для кардиолога")
    (document,) = link.files(portal.machine, PASSCODE)
    assert (document["resourceType"], document["type"]) == ("Bundle", "document")
    assert value_of(document) == "72.50"
    # Who looks at values needs neither СНИЛС nor policy.
    assert ANNA.enp not in str(document) and ANNA.snils not in str(document)
    (opened,), (recipient,) = portal.events(ShareOpened), portal.events(ShareRecipientStated)
    assert opened.stream_id == share_id and opened.circumstances.actor == f"share:{share_id}"
    assert [(one.report_id, one.version) for one in opened.event.versions] == [(report, 1)]
    assert (recipient.event.recipient, recipient.event.network) == ("Поликлиника № 7", "127.0.0.0/24")


def test_the_reading_is_recorded_by_what_makes_the_same_bytes_again(
    portal: Portal, anna: PatientId, report: UUID
) -> None:
    share_id, link = shared(portal, anna, report)
    link.files(portal.machine, PASSCODE)
    (read,) = portal.events(ReportRead)
    assert read.circumstances.actor == f"share:{share_id}"
    assert (read.event.purpose, read.event.medium) == (ReadingPurpose.SHARED_LINK, Medium.FHIR_JSON)
    assert (read.event.patient_id, read.event.report_id, read.event.report_version) == (anna, report, 1)
    rendering = read.event.rendering
    assert rendering is not None
    made = file_of(
        portal.opened.ledger,
        sharing.load_share(portal.opened.ledger, share_id),
        report,
        rendering.position,
    )
    assert matches(portal.opened.ledger, report, made.content, rendering)
    assert verdict_of(portal.opened.ledger, read.event) is Verdict.SAME
    # A link is no reading of the patient's own: the result stays new to them.
    portal.catch_up()


def test_a_long_file_is_fetched_once_from_an_address_of_its_own(
    portal: Portal, anna: PatientId, report: UUID
) -> None:
    _, link = shared(portal, anna, report, openings=1)
    (file,) = link.ask(portal.machine, PASSCODE, embeddedLengthMax=10).json()["files"]
    assert not portal.events(ReportRead), "named is not read"
    assert value_of(link.opened(portal.machine, file)) == "72.50"
    assert [one.event.medium for one in portal.events(ReportRead)] == [Medium.FHIR_JSON]
    assert portal.machine.get(file["location"]).status_code == GONE
    assert len(portal.events(ReportRead)) == 1


def test_what_was_named_is_not_there_after_an_hour_or_when_it_was_taken_back(
    portal: Portal, anna: PatientId, report: UUID
) -> None:
    share_id, link = shared(portal, anna, report)
    ledger = portal.opened.ledger
    old = share_access.name_file(ledger, share_id, report, now=datetime.now(UTC) - timedelta(hours=1))
    assert portal.machine.get(f"{link.payload['url']}/files/{old}").status_code == GONE
    (file,) = link.ask(portal.machine, PASSCODE, embeddedLengthMax=10).json()["files"]
    sharing.revoke(ledger, share_id, by_patient(anna))
    assert portal.machine.get(file["location"]).status_code == GONE
    assert not portal.events(ReportRead)


def test_what_was_named_before_a_correction_is_fetched_corrected(
    portal: Portal, laboratory: Laboratory, anna: PatientId, report: UUID
) -> None:
    """Nobody would tell who fetched the older version that they have it: they read it after the correction."""
    _, link = shared(portal, anna, report)
    (file,) = link.ask(portal.machine, PASSCODE, embeddedLengthMax=10).json()["files"]
    assert arrives(portal, laboratory, value="99.00", status="corrected") == report
    assert value_of(link.opened(portal.machine, file)) == "99.00"
    assert [one.event.report_version for one in portal.events(ReportRead)] == [2]


def test_a_correction_reaches_who_opens_it_again(
    portal: Portal, laboratory: Laboratory, anna: PatientId, report: UUID
) -> None:
    _, link = shared(portal, anna, report, openings=None)
    assert link.flags == "LP"
    assert value_of(link.files(portal.machine, PASSCODE)[0]) == "72.50"
    assert arrives(portal, laboratory, value="75.10", status="corrected") == report
    answer = link.ask(portal.machine, PASSCODE)
    assert answer.headers["retry-after"] == "3600"
    (file,) = answer.json()["files"]
    assert value_of(link.opened(portal.machine, file)) == "75.10"
    versions = [one.event.versions[0].version for one in portal.events(ShareOpened)]
    assert versions == [1, 2]


def test_only_what_is_the_patients_and_may_be_seen_is_given(
    portal: Portal, laboratory: Laboratory, anna: PatientId, report: UUID
) -> None:
    other = arrives(portal, laboratory, "2")
    _, link = shared(portal, anna, report, other, openings=None)
    assert len(link.files(portal.machine, PASSCODE)) == 2
    misfiling.undo(portal.opened.ledger, other, by_patient(anna))
    portal.catch_up()
    assert len(link.files(portal.machine, PASSCODE)) == 1
    talk_first.choose(
        portal.opened.ledger,
        anna,
        frozenset(StudyType),
        by_patient(anna),
        includes_others=True,
    )
    assert link.ask(portal.machine, PASSCODE).status_code == GONE, "it waits for a talk with a doctor"


# Who is not let in.


def test_what_is_over_or_was_never_there_is_answered_alike(
    portal: Portal, anna: PatientId, report: UUID
) -> None:
    ledger = portal.opened.ledger
    revoked, taken_back = shared(portal, anna, report)
    sharing.revoke(ledger, revoked, by_patient(anna))
    _, expired = shared(portal, anna, report, days=0.000001)
    _, used_up = shared(portal, anna, report, openings=1)
    used_up.files(portal.machine, PASSCODE)
    sleep(0.1)  # The term of the expired one is 86 ms.
    never = HealthLink({**taken_back.payload, "url": f"{taken_back.payload['url'][:-2]}AA"})
    answers = [one.ask(portal.machine, PASSCODE) for one in (taken_back, expired, used_up, never)]
    assert {(one.status_code, one.text) for one in answers} == {(GONE, answers[0].text)}
    assert {tuple(sorted(set(one.headers) - {"date"})) for one in answers} == {
        tuple(sorted(set(answers[0].headers) - {"date"}))
    }
    assert len(portal.events(ShareOpened)) == 1


def test_a_wrong_passcode_costs_a_try_and_none_costs_nothing(
    portal: Portal, anna: PatientId, report: UUID
) -> None:
    _, link = shared(portal, anna, report)
    for passcode, left in ((None, 10), ("000000", 9), ("", 9), ("111111", 8)):
        answer = link.ask(portal.machine, passcode)
        assert (answer.status_code, answer.json()) == (401, {"remainingAttempts": left})
    assert [one.event.tries_left for one in portal.events(SharePasscodeRefused)] == [9, 8]
    assert link.files(portal.machine, PASSCODE)
    assert link.ask(portal.machine, "000000").json() == {"remainingAttempts": 7}, "for as long as it lives"


def test_a_burst_of_guesses_gets_exactly_the_tries_there_are(
    portal: Portal, anna: PatientId, report: UUID
) -> None:
    share_id, link = shared(portal, anna, report)
    guesses = [f"{number:06d}" for number in range(100)]
    with ThreadPoolExecutor(25) as pool:
        statuses = list(pool.map(lambda guess: link.ask(portal.machine, guess).status_code, guesses))
    assert statuses.count(401) == 10
    assert set(statuses) <= {401, 404, 429}
    left = [one.event.tries_left for one in portal.events(SharePasscodeRefused)]
    assert sorted(left) == list(range(10)), "each of the ten, once"
    assert [one.event.reason for one in portal.events(ShareClosed)] == [ShareEnd.PASSCODE_TRIES]
    assert link.ask(portal.machine, PASSCODE).status_code == GONE
    assert sharing.load_share(portal.opened.ledger, share_id).end is ShareEnd.PASSCODE_TRIES


def test_openings_at_once_are_counted_one_by_one(portal: Portal, anna: PatientId, report: UUID) -> None:
    _, link = shared(portal, anna, report, openings=3)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: link.ask(portal.machine, PASSCODE).status_code, range(8)))
    assert answers.count(200) == 3 and answers.count(404) == 5
    assert len(portal.events(ShareOpened)) == len(portal.events(ReportRead)) == 3


UNFIT = (
    b"",
    b"[]",
    b"{",
    b'{"recipient": ""}',
    '{"recipient": "\u200b\u202e"}'.encode(),
    b'{"recipient": 1}',
    b'{"passcode": "271828"}',
    b'{"recipient": "a", "passcode": 271828}',
    b'{"recipient": "a", "embeddedLengthMax": "1"}',
    b'{"recipient": "' + b"a" * 201 + b'"}',
    b'{"recipient": "' + b"a" * 20_000 + b'"}',
)


def test_what_is_no_request_of_the_specification_is_refused(
    portal: Portal, anna: PatientId, report: UUID
) -> None:
    _, link = shared(portal, anna, report)
    for body in UNFIT:
        assert portal.machine.post(link.payload["url"], content=body).status_code == 400, body[:40]
    assert not portal.events(ShareOpened)


def test_any_site_may_ask_and_nothing_is_kept(portal: Portal, anna: PatientId, report: UUID) -> None:
    _, link = shared(portal, anna, report)
    asked = {
        "Origin": "https://viewer.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type",
    }
    answer = portal.machine.options(link.payload["url"], headers=asked)
    assert answer.status_code == 204 and answer.headers["access-control-allow-origin"] == "*"
    assert "POST" in answer.headers["access-control-allow-methods"]
    assert answer.headers["access-control-allow-headers"] == "content-type"
    given = link.ask(portal.machine, PASSCODE)
    assert given.headers["cache-control"] == "no-store" and "set-cookie" not in given.headers


# What time does, and who is told.


def test_the_clock_says_once_that_a_term_is_over(portal: Portal, anna: PatientId, report: UUID) -> None:
    share_id, _ = shared(portal, anna, report, days=1)
    portal.catch_up()
    later = datetime.now(UTC) + timedelta(days=2)
    assert end_shares(portal.opened.ledger, datetime.now(UTC)) == 0
    assert end_shares(portal.opened.ledger, later) == 1
    portal.catch_up()
    assert end_shares(portal.opened.ledger, later) == 0
    (closed,) = portal.events(ShareClosed)
    assert (closed.stream_id, closed.event.reason) == (share_id, ShareEnd.EXPIRED)


def test_the_patient_is_told_once_a_day_and_nothing_of_health(
    portal: Portal, anna: PatientId, report: UUID, sms: SmsPeer, eventually: Callable[..., None]
) -> None:
    _, link = shared(portal, anna, report)
    link.files(portal.machine, PASSCODE)
    link.files(portal.machine, PASSCODE)
    eventually(lambda: len(portal.letters(ANNA.email)) == 1)
    (letter,) = portal.letters(ANNA.email)
    text = letter.get_body(("plain",)).get_content()  # type: ignore[union-attr]  # it has one
    assert "/shares" in text and not re.search("реатинин|72[.,]5|Поликлиника", text)
    assert not sms.accepted


def test_what_died_with_its_process_is_told_by_the_clock_and_once(
    portal: Portal, anna: PatientId, report: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health_links, "tell_opened", lambda *_: None)
    share_id, link = shared(portal, anna, report)
    link.files(portal.machine, PASSCODE)
    portal.catch_up()
    ledger, settings, now = portal.opened.ledger, portal.opened.settings, datetime.now(UTC)
    assert tell_untold(ledger, now, settings=settings) == 0, "who answered may be telling"
    for _ in range(2):
        tell_untold(ledger, now + timedelta(minutes=2), settings=settings)
        portal.catch_up()
    (letter,) = portal.letters(ANNA.email)
    assert "/shares" in letter.get_body(("plain",)).get_content()  # type: ignore[union-attr]  # it has one
    (told,) = portal.events(ShareOpeningTold)
    assert (told.stream_id, told.event.outcome) == (share_id, "handed-over")
    # What is old is told by the page only.
    assert tell_untold(ledger, now + timedelta(days=2), settings=settings) == 0


@pytest.fixture
def eventually() -> Callable[..., None]:
    def wait(holds: Callable[[], bool]) -> None:
        until = monotonic() + 60
        while not holds() and monotonic() < until:
            sleep(0.02)
        assert holds()

    return wait


def test_nothing_of_a_link_is_in_the_views(portal: Portal, anna: PatientId, report: UUID) -> None:
    """What opens it is sealed with the patient's key, and the index knows its mark alone."""
    _, link = shared(portal, anna, report, label="Для кардиолога")
    portal.catch_up()
    token = link.payload["url"].rpartition("/")[2]
    with portal.opened.ledger.pool.connection() as connection:
        rows = connection.execute("SELECT row_to_json(s)::text FROM sharing.shares s").fetchall()
        events = connection.execute("SELECT state FROM ledger.events").fetchall()
    stored = str(rows) + str([bytes(row[0]) for row in events])
    for secret in (token, link.payload["key"], "кардиолог", "кардиолог".encode().hex()):
        assert secret not in stored
