"""The demo's second half: what a patient does with a result. Every act goes by the pages, as in a browser; the doctor
and support act by the commands that their pages call."""

import json
import re
import secrets
from base64 import urlsafe_b64decode
from collections.abc import Callable
from datetime import UTC, datetime
from html import unescape
from time import monotonic, sleep
from uuid import UUID, uuid4

import orjson
from joserfc import jwe
from joserfc.jwk import OctKey

from api.demo_story import Story, expect, follow, post, submit
from api.laboratories import OPERATOR
from domain import consultation_outcome
from domain.doctor import ConsultationFormat, DoctorDescribed, DoctorIntroduced, Language, Speciality
from domain.doctor_hours import DoctorHoursStated, WeeklyStretch
from domain.staff import Role
from domain.ticket import Written
from domain.values import OrganisationId, StaffMemberId
from ledger import consultations, doctors, onboarding, staff, tickets
from ledger.staff import by_member

DOCTOR = DoctorDescribed(name="Громова Елена Викторовна", meeting_link="https://meet.example.org/gromova")
CONCLUSION = "Показатели вне референса обсудили, повторить анализ через месяц."
ANSWER = "Результат пришёл сегодня, он в разделе «Анализы»."


def shares(story: Story) -> None:
    """By a link with a passcode, which a stranger's program opens by the protocol of SMART Health Links."""
    report_id = story.found["report_id"]
    form = {f"report-{report_id}": "yes", "offered": report_id, "nonce": secrets.token_hex(8), "act": "share"}
    page = post(story, "/shares", kind="link", term="7", openings="3", passcode="yes", **form)
    shown = re.search(r"data-copy>[^<#]*#shlink:/([^<]+)</textarea>", page.text)
    passcode = re.search(r'class="secret"><code>(\d{3}) (\d{3})</code>', page.text)
    expect(shown and passcode, "the link and its passcode are shown")
    assert shown is not None and passcode is not None
    link = json.loads(_unpadded(unescape(shown[1])))
    asked = {"recipient": "Поликлиника № 7"}
    refused = story.machine.post(link["url"], json=asked | {"passcode": "000000x"})
    expect(refused.status_code == 401, "a wrong passcode opens nothing")
    answer = story.machine.post(link["url"], json=asked | {"passcode": passcode[1] + passcode[2]})
    expect(answer.status_code == 200, "the right one does")
    key = OctKey.import_key(_unpadded(link["key"]))
    opened = [
        json.loads(jwe.decrypt_compact(file["embedded"], key).plaintext or b"")
        for file in answer.json()["files"]
    ]
    kinds = [entry["resource"]["resourceType"] for bundle in opened for entry in bundle["entry"]]
    expect("DiagnosticReport" in kinds and "Observation" in kinds, "the link gives the report")
    follow(story)
    listed = re.search(r'href="(/shares/[0-9a-f-]{36})"', story.browser.get("/shares").text)
    expect(listed, "the patient sees what is shared")
    assert listed is not None
    expect("Поликлиника № 7" in story.browser.get(listed[1]).text, "and who opened it")


def consults(story: Story) -> None:
    """A doctor of the organisation takes hours; the patient books one with the result; the doctor concludes."""
    ledger, now = story.opened.ledger, datetime.now(UTC)
    member_id, handle = _doctor(story, now)
    follow(story)
    (slot, *_) = doctors.free_slots(ledger, member_id, now=now, days=2)
    form = {f"report-{story.found['report_id']}": "yes", "questions": "Нужно ли лечение?"}
    path = f"/consultations/new/{member_id}"
    page = post(story, path, slot=slot.starts_at.isoformat(), format="video", confirmed="yes", **form)
    booked = re.search(r"/consultations/([0-9a-f-]{36})", str(page.url))
    expect(booked, "the consultation is booked")
    assert booked is not None
    consultations.document(
        ledger,
        UUID(booked[1]),
        lambda outcome: consultation_outcome.conclude(outcome, CONCLUSION),
        by_member(handle),
        now=datetime.now(UTC),
    )
    page = story.browser.get(f"/consultations/{booked[1]}")
    expect(DOCTOR.name in page.text and CONCLUSION in page.text, "the patient reads the conclusion")


def asks_support(story: Story) -> None:
    ledger, handle = story.opened.ledger, "demo-support"
    request = {"kind": "technical-support", "topic": "automatic-delivery", "priority": "medium"}
    page = post(story, "/help/new", message_id=str(uuid4()), text="Когда придёт результат?", **request)
    number = page.url.path.rpartition("/")[2]
    ticket_id = tickets.ticket_stream(ledger, number)
    tickets.take(ledger, ticket_id, handle, by_member(handle))
    written = Written(message_id=uuid4(), text=ANSWER)
    tickets.answer(ledger, ticket_id, written, handle=handle, asks=False, by=by_member(handle))
    expect(ANSWER in story.browser.get(f"/help/{number}").text, "the patient reads the answer")


def is_corrected(story: Story) -> None:
    """Everybody who had the older version is owed the newer one: the patient, the doctor, whoever has the link."""
    report_id = story.found["report_id"]
    _, answer = submit(story, _corrected(story.found["content"]), str(uuid4()))
    expect(answer.status_code == 201, f"the correction is accepted: {answer.text[:300]}")
    give_up = monotonic() + 15
    while "Поликлиника № 7" not in (page := story.browser.get("/corrections").text) and monotonic() < give_up:
        sleep(0.1)
    expect("Узнайте об исправлении" in page and "Поликлиника № 7" in page, "both are told of the correction")
    page = story.browser.get(f"/reports/{report_id}").text
    expect("Что изменилось по сравнению с версией 1" in page, "the report says what changed")


def is_as_it_was(story: Story) -> None:
    """The page that was read before the correction, made again from the ledger."""
    follow(story)
    page = story.browser.get("/access", params={"report": story.found["report_id"]}).text
    readings = re.findall(r'href="(/reports/[^"]+/as-of/[^"]+)"', page)
    expect(readings, "the access log leads to what was shown")
    for one in readings:
        page = story.browser.get(unescape(one)).text
        expect("Отпечаток в журнале совпал" in page, f"{one} is the same to the byte")


STEPS: tuple[tuple[str, Callable[[Story], None]], ...] = (
    ("shares it by a link with a passcode and sees who opened it", shares),
    ("books a doctor with the result attached, and reads the conclusion", consults),
    ("asks support and reads the answer", asks_support),
    ("the result is corrected: all who had the older version are to know", is_corrected),
    ("what was shown before is made again, the same to the byte", is_as_it_was),
)


def _unpadded(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _doctor(story: Story, now: datetime) -> tuple[StaffMemberId, str]:
    """Another one at each run: whose next consultation begins within ten minutes."""
    ledger, handle = story.opened.ledger, f"demo-doctor-{secrets.token_hex(4)}"
    laboratory_id, _ = onboarding.load_laboratory(ledger, story.sender.handle)
    organisation_id = OrganisationId(laboratory_id)
    member_id = staff.admit(ledger, handle, [Role.DOCTOR], OPERATOR, organisation_id=organisation_id)
    said = DoctorIntroduced(
        member_id=member_id,
        organisation_id=organisation_id,
        speciality=Speciality.THERAPY,
        formats=(ConsultationFormat.VIDEO,),
        languages=(Language.RUSSIAN,),
    )
    doctors.introduce(ledger, said, DOCTOR, by_member(handle))
    hours = DoctorHoursStated(
        member_id=member_id,
        # Where midnight, when nobody receives, is far away.
        time_zone="Asia/Kamchatka" if 20 <= now.hour < 22 else "Europe/Moscow",
        slot_minutes=10,
        break_minutes=0,
        weekly=tuple(WeeklyStretch(weekday=day, opens="00:00", closes="23:50") for day in range(7)),
        works_on_holidays=True,
    )
    doctors.state_week(ledger, hours, by_member(handle))
    return member_id, handle


def _corrected(content: bytes) -> bytes:
    """The same report, an hour later, with another value in it."""
    bundle = json.loads(content, parse_float=orjson.Fragment)
    resources = [entry["resource"] for entry in bundle["entry"]]
    report = next(one for one in resources if one["resourceType"] == "DiagnosticReport")
    report["status"], report["issued"] = "corrected", "2015-08-17T07:40:17Z"
    measured = next(one for one in resources if "valueQuantity" in one)
    measured["status"] = "corrected"
    measured["valueQuantity"]["value"] = 171
    return orjson.dumps(bundle)
