"""«Что и когда мне отправлено»: for each version of a report each channel's one state, since when, and why."""

import html
import re
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import httpx2
import psycopg
import pytest

from api.pages import phrase
from api.portal import deliveries, web
from domain.announcement import About
from domain.channel import Channel
from domain.consent import ConsentKind
from domain.notice_hours import Wait
from domain.notification import (
    DigestGathered,
    NotificationAbandoned,
    NotificationAttempted,
    NotificationFailed,
    NotificationHandedOver,
    NotificationJoined,
    NotificationOutcomeUnknown,
    NotificationPostponed,
    NotificationRequested,
    NotificationReturned,
    NotificationStatus,
    NotificationSuppressed,
)
from domain.study_type import StudyType
from domain.values import PatientId
from ledger import guardianship
from projections import delivery, delivery_overview
from tests.api.cast import ANNA, BORIS, Laboratory, Person, Portal, bundle, settle, withdraw
from tests.api.ward_cast import BLOOD, DRUGS, MISHA, OPERATOR, TODAY, family, receives, sent
from tests.scenario import recorded, rows

SOON = datetime(2030, 1, 2, 6, 0, tzinfo=UTC)
LEASE = datetime(2026, 11, 23, 9, 5, tzinfo=UTC)
PATH = "/notifications"


@pytest.fixture(autouse=True)
def _nobody_follows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "FOLLOW_SECONDS", 0.0)


@pytest.fixture
def anna(portal: Portal, laboratory: Laboratory) -> Person:
    person = portal.person(ANNA).register()
    settle(portal.opened, person.patient_id, ANNA, laboratory.laboratory_id)
    return person


def arrives(portal: Portal, laboratory: Laboratory, number: str, **report: object) -> UUID:
    answer = portal.submit(laboratory.seal(bundle(number, **report)))  # type: ignore[arg-type]
    assert answer.status_code in (200, 201), answer.text
    portal.catch_up()
    return UUID(answer.json()["reports"][0]["id"])


def email_of(portal: Portal, person: Person, report_id: UUID, version: int = 1) -> UUID:
    (found,) = (
        row.notification_id
        for row in delivery.notifications_of(portal.opened.ledger, person.patient_id)
        if (row.report_id, row.report_version, row.channel) == (report_id, version, "email")
    )
    return found


def happens(portal: Portal, stream_id: UUID, *events: object) -> None:
    recorded(portal.opened.ledger, stream_id, *events)  # type: ignore[arg-type]
    portal.catch_up()


def attempted(number: int = 1) -> NotificationAttempted:
    return NotificationAttempted(attempt=number, lease_until=LEASE, consent_version=1)


def text_of(page: httpx2.Response) -> str:
    assert page.status_code == 200, page.status_code
    main = page.text[page.text.index("<main") : page.text.index("</main>")]
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", main)))


def ways(page: httpx2.Response) -> list[str]:
    """Each line of the list: the channel, its state, and why."""
    found = re.findall(r"<li>(.*?)</li>", page.text[page.text.index("<main") :], re.DOTALL)
    return [html.unescape(" ".join(re.sub(r"<[^>]+>", " ", one).split())) for one in found]


def way(page: httpx2.Response, channel: str) -> str:
    (found,) = [line for line in ways(page) if line.startswith(channel)]
    return found


# The list.


def test_before_anything_came_it_says_so_and_offers_no_filter(anna: Person) -> None:
    page = anna.get(PATH)
    assert "Пока ничего не отправляли" in text_of(page) and "<select" not in page.text


def test_each_channel_and_the_cabinet_have_a_line_with_state_and_why(
    anna: Person, portal: Portal, laboratory: Laboratory
) -> None:
    report_id = arrives(portal, laboratory, "1")
    page = anna.get(PATH)
    assert len(ways(page)) == 4
    assert "В кабинете" in way(page, "Личный кабинет") and " с " in way(page, "Личный кабинет")
    assert "Готовится" in way(page, "Электронная почта")
    assert "Не отправляли" in way(page, "SMS") and "Не отправляли" in way(page, "Push")
    assert f'href="/reports/{report_id}"' in page.text and "Новый результат" in text_of(page)
    english = anna.get(PATH + "?lang=en")
    assert "Being prepared" in way(english, "Email") and "In the cabinet" in way(english, "Cabinet")


def test_what_was_turned_off_says_which_consent_and_leads_there(
    anna: Person, portal: Portal, laboratory: Laboratory
) -> None:
    withdraw(portal.opened, anna.patient_id, ConsentKind.NOTIFICATIONS)
    arrives(portal, laboratory, "1")
    page = anna.get(PATH)
    assert "Вы отозвали согласие на уведомления. Дать согласие снова" in way(page, "Электронная почта")
    assert 'href="/consents#notifications"' in page.text
    assert "В кабинете" in way(page, "Личный кабинет")


@pytest.mark.parametrize(
    ("events", "said"),
    [
        ((NotificationPostponed(until=SOON, waits_for=Wait.DAILY_DIGEST),), "Войдёт в сводку дня: 02.01.2030, 09:00"),
        ((NotificationPostponed(until=SOON, waits_for=Wait.WEEKLY_DIGEST),), "Войдёт в сводку недели: 02.01.2030"),
        ((NotificationPostponed(until=SOON, waits_for=Wait.QUIET_HOURS),), "Дождётся конца тихих часов: 02.01.2030"),
        ((attempted(),), "Отправляется"),
        ((attempted(), NotificationHandedOver(attempt=1, remote_id="7")), "Отправлено"),
        (
            (attempted(), NotificationFailed(attempt=1, reason="451 4.3.0", retry_at=SOON)),
            "Служба доставки не приняла сообщение. Вернёмся к нему 02.01.2030, 09:00",
        ),
        (
            (attempted(), NotificationFailed(attempt=1, reason="550 5.1.1", retry_at=None)),
            "Такого адреса или номера нет. Проверить адрес и номер",
        ),
        (
            (attempted(), NotificationOutcomeUnknown(attempt=1, stage="final-dot", retry_at=None)),
            "Отправлено, но подтверждения нет",
        ),
        (
            (attempted(), NotificationFailed(attempt=1, reason="554 5.7.1", retry_at=None)),
            "Служба доставки не приняла сообщение. Проверить связь",
        ),
        (
            (attempted(), NotificationHandedOver(attempt=1, remote_id="7"), NotificationReturned(remote_id="7", reason="5.1.1")),
            "Вернулось",
        ),
        ((NotificationAbandoned(reason="life-over"),), "Пытались трое суток"),
        ((NotificationAbandoned(reason="superseded"),), "Пришла более новая версия"),
    ],
)  # fmt: skip
def test_a_state_is_told_in_plain_words(
    anna: Person, portal: Portal, laboratory: Laboratory, events: tuple[object, ...], said: str
) -> None:
    happens(portal, email_of(portal, anna, arrives(portal, laboratory, "1")), *events)
    assert said in way(anna.get(PATH), "Электронная почта")


def test_what_may_have_arrived_is_not_called_refused(
    anna: Person, portal: Portal, laboratory: Laboratory
) -> None:
    notification_id = email_of(portal, anna, arrives(portal, laboratory, "1"))
    happens(
        portal,
        notification_id,
        attempted(),
        NotificationOutcomeUnknown(attempt=1, stage="final-dot", retry_at=None),
    )
    for page in (anna.get(PATH), anna.get(f"{PATH}/{notification_id}")):
        assert "могло дойти" in text_of(page) and "не приняла" not in text_of(page)
    assert "final-dot" in page.text, "who asks for help can name it"


def test_what_joined_a_digest_has_its_state_and_says_so(
    anna: Person, portal: Portal, laboratory: Laboratory
) -> None:
    first, second = arrives(portal, laboratory, "1"), arrives(portal, laboratory, "2")
    leader, member = email_of(portal, anna, first), email_of(portal, anna, second)
    happens(portal, member, NotificationJoined(digest_id=leader))
    happens(portal, leader, DigestGathered(members=(member,)), attempted())
    happens(portal, leader, NotificationHandedOver(attempt=1, remote_id="7"))
    lines = [line for line in ways(anna.get(PATH)) if line.startswith("Электронная почта")]
    assert len(lines) == 2 and all("Отправлено" in line for line in lines)
    assert sum("В одном сообщении с другими" in line for line in lines) == 1
    steps = text_of(anna.get(f"{PATH}/{member}"))
    assert steps.index("Вошло в сводку") < steps.index("Служба доставки приняла сообщение")


def test_a_corrected_version_is_told_of_apart(anna: Person, portal: Portal, laboratory: Laboratory) -> None:
    arrives(portal, laboratory, "1")
    arrives(portal, laboratory, "1", value="90.1", status="corrected")
    said = text_of(anna.get(PATH))
    assert "Исправление результата · версия 2" in said and "Новый результат" in said


def test_a_version_that_is_held_says_why_and_where_to_look(
    anna: Person, portal: Portal, laboratory: Laboratory
) -> None:
    arrives(portal, laboratory, "1")
    withdraw(portal.opened, anna.patient_id, ConsentKind.RESULTS_TRANSFER)
    arrives(portal, laboratory, "1", value="90.1", status="corrected")
    page = anna.get(PATH)
    cabinets = [line for line in ways(page) if line.startswith("Личный кабинет")]
    assert len(cabinets) == 2
    assert "Ждёт" in cabinets[0] and "Узнать причину" in cabinets[0] and "В кабинете" in cabinets[1]
    assert 'href="/services/diagnosis"' in page.text


def test_it_is_filtered_by_channel_and_stage(anna: Person, portal: Portal, laboratory: Laboratory) -> None:
    sent = email_of(portal, anna, arrives(portal, laboratory, "1"))
    happens(portal, sent, attempted(), NotificationHandedOver(attempt=1, remote_id="7"))
    arrives(portal, laboratory, "2")
    emails = [line for line in ways(anna.get(PATH + "?channel=email")) if "Личный кабинет" not in line]
    assert len(emails) == 2 and all(line.startswith("Электронная почта") for line in emails)
    (one,) = [line for line in ways(anna.get(PATH + "?stage=sent")) if "Личный кабинет" not in line]
    assert "Отправлено" in one
    for words in ("channel=fax", "stage=%27--", "channel=%00"):
        assert "Таких уведомлений нет" in text_of(anna.get(f"{PATH}?{words}")), words
    assert anna.get(PATH + "?page=0").status_code == 400


def test_it_is_read_page_by_page(
    anna: Person, portal: Portal, laboratory: Laboratory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliveries, "PAGE_ROWS", 2)
    reports = {str(arrives(portal, laboratory, str(number))) for number in range(5)}
    path, seen = PATH, list[str]()
    for _ in range(3):
        page = anna.get(path)
        seen += re.findall(r'<h2[^>]*><a href="/reports/([^"]+)"', page.text)
        further = re.search(r'href="([^"]+)" rel="next"', page.text)
        path = html.unescape(further[1]) if further else ""
    assert path == "" and len(seen) == 5 and set(seen) == reports
    assert 'rel="prev"' in page.text


def test_a_page_asks_the_views_twice_beside_what_every_page_asks(
    anna: Person, portal: Portal, laboratory: Laboratory, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(4):
        arrives(portal, laboratory, str(number))
    asked: list[PatientId] = []
    ledger_type = type(portal.opened.ledger)
    of_patient = ledger_type.of_patient

    def counted(ledger: object, patient_id: PatientId) -> object:
        asked.append(patient_id)
        return of_patient(ledger, patient_id)  # type: ignore[arg-type]

    monkeypatch.setattr(ledger_type, "of_patient", counted)
    assert anna.get(PATH).status_code == 200
    assert len(asked) == 3, "two, and whether a correction is unknown yet"


# One notification.


def test_the_steps_of_one_are_told_in_order_with_codes_and_a_masked_address(
    anna: Person, portal: Portal, laboratory: Laboratory
) -> None:
    sent = email_of(portal, anna, arrives(portal, laboratory, "1"))
    failed = NotificationFailed(attempt=1, reason="451 4.3.0", retry_at=SOON)
    happens(portal, sent, attempted(), failed, attempted(2), NotificationHandedOver(attempt=2, remote_id="7"))
    page = anna.get(f"{PATH}/{sent}")
    said = text_of(page)
    order = [said.index(words) for words in (
        "Решено сообщить", "Начата отправка · попытка 1", "Не принято, попробуем снова", "451 4.3.0",
        "попытка 2", "Служба доставки приняла сообщение")]  # fmt: skip
    assert order == sorted(order)
    assert "Отправляли сюда: p•••@patients.example" in said and ANNA.email not in page.text


def test_a_channel_that_was_never_used_has_one_step(
    anna: Person, portal: Portal, laboratory: Laboratory
) -> None:
    arrives(portal, laboratory, "1")
    (silent,) = (
        row.notification_id
        for row in delivery.notifications_of(portal.opened.ledger, anna.patient_id)
        if row.channel == Channel.PUSH
    )
    said = text_of(anna.get(f"{PATH}/{silent}"))
    assert "Решено не сообщать" in said and "Отправляли сюда" not in said


def test_anothers_notification_is_not_there(anna: Person, portal: Portal, laboratory: Laboratory) -> None:
    sent = email_of(portal, anna, arrives(portal, laboratory, "1"))
    boris = portal.person(BORIS).register()
    hers, nobodys = boris.get(f"{PATH}/{sent}"), boris.get(f"{PATH}/{uuid4()}")
    assert hers.status_code == nobodys.status_code == 404
    assert "Пока ничего не отправляли" in text_of(boris.get(PATH))


def test_a_document_is_told_of_by_itself_and_a_guardians_notice_on_both_sides(
    anna: Person, portal: Portal, laboratory: Laboratory
) -> None:
    report_id = arrives(portal, laboratory, "1")
    boris = portal.person(BORIS).register()
    plain = NotificationRequested(
        patient_id=anna.patient_id, report_id=report_id, report_version=1, channel=Channel.EMAIL,
        consent_id=uuid4(), consent_version=1,
    )  # fmt: skip
    document = {"about": About.DOCUMENT}
    for changed in (document, document, {"recipient_id": boris.patient_id}):
        fields = {name: getattr(plain, name) for name in plain.__dataclass_fields__} | changed
        happens(portal, uuid4(), NotificationRequested(**fields))
    page = anna.get(PATH)
    assert text_of(page).count("Документ, отправленный по вашей просьбе") == 2
    assert "законному представителю" in text_of(page)
    his = text_of(boris.get(PATH))
    assert "о подопечном" in his and "Креатинин" not in his and "Личный кабинет" not in his


def test_the_query_sees_nothing_of_another(anna: Person, portal: Portal, laboratory: Laboratory) -> None:
    report_id = arrives(portal, laboratory, "1")
    ledger = portal.opened.ledger
    other = PatientId(uuid4())
    assert delivery_overview.announced_to(ledger, other, reports=[report_id]) == []
    assert delivery_overview.announced_by(ledger, other, email_of(portal, anna, report_id)) is None


# Guardians.


def test_a_guardian_sees_of_a_ward_what_is_told_of_open_sections_and_of_no_other(
    portal: Portal, laboratory: Laboratory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guardianship, "today", lambda: TODAY)
    household = family(portal, portal.person(ANNA))
    receives(household, laboratory)
    seen = UUID(sent(household, laboratory, "1", MISHA, BLOOD))
    hidden = UUID(sent(household, laboratory, "2", MISHA, DRUGS))
    closed = frozenset({StudyType.TOXICOLOGY})
    guardianship.close(portal.opened.ledger, household.guardianship_id, closed, OPERATOR)
    household.enter()
    of_report = {
        row.report_id: row.notification_id
        for row in delivery.notifications_of(portal.opened.ledger, household.ward_id)
        if row.channel == Channel.EMAIL and row.recipient_id is None
    }
    page = household.mother.get(PATH)
    assert f'href="/reports/{seen}"' in page.text and str(hidden) not in page.text
    assert "Что происходило" in text_of(household.mother.get(f"{PATH}/{of_report[seen]}"))
    hers, nobodys = (household.mother.get(f"{PATH}/{one}") for one in (of_report[hidden], uuid4()))
    assert hers.status_code == nobodys.status_code == 404


def test_why_a_guardian_is_not_reached_is_theirs_alone(
    anna: Person, portal: Portal, laboratory: Laboratory
) -> None:
    """What they consent to, when they sleep, and which of their contacts works, their ward does not read."""
    report_id = arrives(portal, laboratory, "1")
    boris = portal.person(BORIS).register()
    to_boris = NotificationRequested(
        patient_id=anna.patient_id, report_id=report_id, report_version=1, channel=Channel.EMAIL,
        consent_id=uuid4(), consent_version=1, recipient_id=boris.patient_id,
    )  # fmt: skip
    closed = NotificationSuppressed(
        patient_id=anna.patient_id, report_id=report_id, report_version=1, channel=Channel.EMAIL,
        reason="consent-withdrawn",
    )  # fmt: skip
    refused = NotificationFailed(attempt=1, reason="550 5.1.1")
    asleep = NotificationPostponed(until=SOON, waits_for=Wait.QUIET_HOURS)
    sent: list[UUID] = []
    for number, events in enumerate([(closed,), (attempted(), refused), (asleep,)]):
        fields = {name: getattr(to_boris, name) for name in to_boris.__dataclass_fields__}
        sent.append(uuid4())
        happens(portal, sent[-1], NotificationRequested(**fields | {"report_version": number + 1}), *events)
    pages = [PATH, *(f"{PATH}/{one}" for one in sent)]
    hers = " ".join(text_of(anna.get(page)) for page in pages)
    assert hers.count("законному представителю") == 6
    his = " ".join(text_of(boris.get(page)) for page in pages)
    words = ("reason.consent-withdrawn", "reason.address-refused", "wait.quiet-hours")
    for word in ("5.1.1", *(phrase(f"notification.{one}", locale="ru") for one in words)):
        assert word in his and word not in hers, word


# The page for operators and auditors.

DOCS = Path(__file__).parents[2] / "docs" / "delivery.md"


def proof() -> str:
    """The query of docs/delivery.md by which an auditor sees that nothing was lost."""
    found = re.search(r"```sql\n(.*?)```", DOCS.read_text("utf-8"), re.DOTALL)
    assert found is not None
    return found[1]


def test_the_query_of_the_page_for_auditors_finds_a_state_for_each_channel_and_a_loss(
    anna: Person, portal: Portal, laboratory: Laboratory, sql: psycopg.Connection
) -> None:
    ledger = portal.opened.ledger
    first = arrives(portal, laboratory, "1")
    arrives(portal, laboratory, "1", value="90.1", status="corrected")
    arrives(portal, laboratory, "2")
    withdraw(portal.opened, anna.patient_id, ConsentKind.RESULTS_TRANSFER)
    arrives(portal, laboratory, "2", value="90.1", status="corrected")
    assert rows(ledger, proof()) == []
    sql.execute("DELETE FROM delivery.notifications WHERE report_version = 2 AND channel = 'sms'")
    sql.commit()
    assert rows(ledger, proof()) == [(first, 2, "sms", 0)]


def test_the_page_names_every_state_and_metric(portal: Portal) -> None:
    text = DOCS.read_text("utf-8")
    for status in NotificationStatus:
        assert f"| {status.replace('-', ' ')} |" in text, status
    shown = set(
        re.findall(
            r"^# TYPE (letopis_(?:notification|dead_|channel_|sms_|bounces)\w*)",
            portal.machine.get("/metrics").text,
            re.MULTILINE,
        )
    )
    for metric in shown - {name for name in shown if name.endswith("_created")}:
        assert metric in text, metric
