"""What delivery knows of a person stands nowhere in the clear: not in logs, not in the database, not in what anybody
reads on a locked screen or a relay (reliability.md, G11)."""

import logging
import re
from collections.abc import Callable, Iterator
from datetime import time

import psycopg
import pytest
from psycopg import sql

from api.process import hush
from api.settings import Settings
from domain.channel import Channel
from domain.consent import OF_CABINET, ConsentKind
from domain.notice_hours import NoticeHours
from domain.receiving import Periodicity, ReceivingSettings
from ledger.commands import by_patient
from ledger.push_subscriptions import subscribe
from ledger.receiving import choose_hours, save_settings
from tests.api.cast import ANNA, Laboratory, Person, Portal, bundle, settle
from tests.api.push_peer import PushBrowser, PushPeer, push_peer

NEW = "planted-new@patients.example"
EVERY_CHANNEL = ReceivingSettings(
    channels=tuple(Channel), periodicity=Periodicity.AS_READY, sends_documents=True
)


@pytest.fixture
def peer() -> Iterator[PushPeer]:
    with push_peer() as found:
        yield found


@pytest.fixture
def settings(settings: Settings, peer: PushPeer) -> Settings:
    return settings.model_copy(
        update={"push_contact": "mailto:operator@letopis.example", "push_services": (peer.origin,)}
    )


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> Callable[[], str]:
    """All that we and any library write, for an operator who wants to know more than usual."""
    hush()
    caplog.set_level(logging.INFO)
    # What was lived through while the test was prepared counts too.
    return lambda: "\n".join(
        [record.getMessage() for phase in ("setup", "call") for record in caplog.get_records(phase)]
        + list(capfd.readouterr())
    )


@pytest.fixture
def browser(peer: PushPeer) -> PushBrowser:
    return peer.browser()


@pytest.fixture
def anna(portal: Portal, laboratory: Laboratory, browser: PushBrowser) -> Person:
    """Told by each channel as soon as there is something, with the document."""
    person = portal.person(ANNA).register()
    patient_id, ledger, by = person.patient_id, portal.opened.ledger, by_patient(person.patient_id)
    consents = (*OF_CABINET, ConsentKind.RESULTS_BY_EMAIL)
    settle(portal.opened, patient_id, ANNA, laboratory.laboratory_id, consents)
    save_settings(ledger, patient_id, EVERY_CHANNEL, by)
    choose_hours(ledger, patient_id, NoticeHours(quiet_from=time(), quiet_until=time()), by)
    address = browser.address
    subscribe(
        ledger,
        patient_id,
        endpoint=address.endpoint,
        p256dh=address.p256dh,
        auth=address.auth,
        label="Planted Browser",
        by=by,
    )
    return person


@pytest.fixture
def lived(portal: Portal, laboratory: Laboratory, anna: Person) -> Portal:
    """A result comes, is told of and sent; channels are tested; the address changes; letters come back."""
    report = portal.submit(laboratory.seal(bundle("1"))).json()["reports"][0]["id"]
    portal.notify()
    portal.notify()
    anna.post(f"/reports/{report}/send", form="xml", format="xml")
    portal.notify()
    portal.notify()
    for channel in Channel:
        assert anna.post("/notifications/settings/test", channel=channel).status_code == 303
    anna.post("/account/email", email=NEW)
    assert anna.post("/account/email/code", code=portal.letter_code(NEW)).status_code == 303
    portal.submit(laboratory.seal(bundle("2")))
    portal.notify()
    for page in (
        "/notifications",
        "/notifications/settings",
        "/notifications/push",
        f"/reports/{report}/send",
    ):
        assert anna.get(page).status_code == 200
    return portal


def words_of(portal: Portal, browser: PushBrowser, peer: PushPeer) -> list[str]:
    """What is read without opening anything: subjects and envelopes of letters, SMS, pushes."""
    said = [
        "\n".join(f"{name}: {value}" for name, value in letter.items() if name != "To")
        for address in (ANNA.email, NEW)
        for letter in portal.letters(address)
    ]
    said += [
        part.get_content() for letter in portal.letters(ANNA.email) if (part := letter.get_body(("plain",)))
    ]
    said += [message.text for message in portal.sms.accepted]
    return said + [str(told) for told in peer.told(browser)]


def in_the_clear(database: str) -> str:
    """Every row of every table as the database prints it, and what stands in its bytes."""
    found: list[str] = []
    with psycopg.connect(database) as connection:
        tables = connection.execute(
            "SELECT schemaname, tablename FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
        ).fetchall()
        for schema, table in tables:
            query = sql.SQL("SELECT one::text FROM {} AS one").format(sql.Identifier(schema, table))
            found += [row for (row,) in connection.execute(query)]
    rows = "\n".join(found)
    octets = [bytes.fromhex(one) for one in re.findall(r"\\\\x((?:[0-9a-f]{2})+)", rows)]
    return rows + b"\n".join(octets).decode("utf-8", "replace")


def secrets(browser: PushBrowser) -> tuple[str, ...]:
    """Planted: whatever would say who somebody is, or where they are told."""
    address = browser.address
    return (
        *(ANNA.phone[1:], ANNA.phone[2:], ANNA.email, ANNA.email.upper(), ANNA.family, ANNA.snils, ANNA.enp),
        *(NEW, address.endpoint, address.p256dh, address.auth, browser.token, "Planted Browser"),
    )


def test_what_delivery_knows_of_a_person_is_nowhere_in_the_clear(
    logged: Callable[[], str],
    lived: Portal,
    browser: PushBrowser,
    peer: PushPeer,
    database: str,
) -> None:
    words, stored = words_of(lived, browser, peer), in_the_clear(database)
    # Without what is behind a point: a sum of seconds may end as a telephone does (6.844869000000001).
    figures = re.sub(r"\.\d+", "", lived.machine.get("/metrics").text)
    written = logged()
    assert len(lived.letters(ANNA.email)) >= 4 and lived.letters(NEW) and len(peer.told(browser)) >= 2
    assert len(lived.sms.accepted) >= 4 and "letopis_notifications" in figures
    assert all(stored.count(word) for word in ("Лаборатория Инвитро", "handed-over", '"outcome"')), (
        "all of it is read"
    )
    for secret in secrets(browser):
        assert secret not in written, f"log: {secret}"
        assert secret not in stored, f"database: {secret}"
        assert secret not in figures, f"metrics: {secret}"
    for secret in (
        "реатинин",
        "Инвитро",
        "72,5",
        ANNA.family,
        ANNA.given,
        ANNA.snils,
        ANNA.enp,
        ANNA.birth_date,
    ):
        assert secret not in "\n".join(words), f"words: {secret}"
    for word in ("анализ", "результат", "лаборатор", "диагно", "кров"):
        assert word not in "\n".join(words).lower(), f"words: {word}"
    for file_name in attached(lived):
        assert file_name.isascii() and "kreat" not in file_name


def attached(portal: Portal) -> list[str]:
    files = [
        part.get_filename() or "" for one in portal.letters(ANNA.email) for part in one.iter_attachments()
    ]
    assert files, "a document went along"
    return files
