"""«Настройки» → «Уведомления»: what is told, by which channels, when, and whether it arrives (S78-S81, S92-S95, S132).

The switch «Получать оповещения о готовности анализов» is the consent to notices, and lives with the consents; all
else of notices is chosen here, and nowhere else.
"""

from dataclasses import replace
from datetime import UTC, datetime, time
from typing import Any

from fastapi import APIRouter
from fastapi.responses import RedirectResponse, Response

from api import limits
from api.outcome import HandedOver, Outcome, RefusedForGood, RefusedForNow, Unknown
from api.portal.consents import consent_of
from api.portal.masks import masked_email, masked_phone
from api.portal.web import Actor, Form, Person, Visit, go, told
from api.problems import ProblemError, explain
from api.russian_time_zones import TIME_ZONES, WEEKDAYS
from api.sending.senders import is_set_up
from api.sending.testing import send_test
from api.settings import Settings
from domain.channel import Channel
from domain.consent import ConsentKind
from domain.contact_test import ContactTested, ProviderAnswer
from domain.notice_hours import DigestTimeInvalidError, NoticeHours, TimeZoneUnknownError
from domain.patient import Patient
from domain.permission import Grounds, address_barrier, names_channel
from domain.provider_receipt import is_bad_address
from domain.push_subscription import PushSubscriptions
from domain.receiving import ChannelMissingError, Periodicity, Receiving, ReceivingSettings
from ledger import commands, contacts
from ledger.push_subscriptions import load_subscriptions
from ledger.receiving import load_receiving, save_notices

router = APIRouter(include_in_schema=False)
PATH = "/notifications/settings"
_ANSWERS = {
    HandedOver: ProviderAnswer.HANDED_OVER,
    RefusedForGood: ProviderAnswer.REFUSED,
    RefusedForNow: ProviderAnswer.REFUSED_FOR_NOW,
    Unknown: ProviderAnswer.UNKNOWN,
}


@router.get(PATH)
def settings_page(person: Person) -> Response:
    person.signed_in()
    return _page(person, load_receiving(person.ledger, person.patient_id))


@router.post(PATH)
def save(person: Actor, form: Form) -> Response:
    """Channels, periodicity and hours in one act; what is of results stays as it is."""
    known = load_receiving(person.ledger, person.patient_id)
    try:
        chosen, hours = _chosen(form), _hours(form)
        save_notices(
            person.ledger,
            person.patient_id,
            lambda settings: _with_chosen(settings, chosen),
            hours,
            person.by(),
        )
    except ChannelMissingError:
        error = ProblemError("receiving-channel-missing", "channel")
        shown = Receiving(settings=_with_chosen(known.settings, chosen), hours=hours)
        return _page(person, shown, error)
    except TimeZoneUnknownError:
        return _page(person, known, ProblemError("time-zone-unknown", "time_zone"), form)
    except DigestTimeInvalidError:
        return _page(person, known, ProblemError("receiving-choice-unknown", "digest_hour"), form)
    except ProblemError as error:
        return _page(person, known, error, form)
    return go(PATH, notice="receiving-saved")


@router.post(f"{PATH}/test")
def send_test_message(person: Actor, form: Form) -> Response:
    """A real message by the very way of all others; what the provider said is kept and shown."""
    try:
        channel = Channel(form.get("channel", ""))
    except ValueError:
        raise ProblemError("request-malformed") from None
    known = load_receiving(person.ledger, person.patient_id)
    try:
        limits.take(person.ledger, "contact-test", str(person.patient_id))
    except ProblemError as error:
        again = ProblemError("contact-tests-too-many", channel.value, retry_after=error.retry_after)
        return _page(person, known, again)
    outcome = send_test(person.node, person.patient_id, channel)
    tested = ContactTested(
        patient_id=person.patient_id,
        channel=channel,
        outcome=_ANSWERS[type(outcome)],
        code=_code(outcome),
    )
    contacts.record_test(person.ledger, tested, person.by())
    if isinstance(outcome, RefusedForGood) and is_bad_address(channel, outcome.code):
        contacts.mark_unreachable(person.ledger, person.patient_id, channel, outcome.code, person.by())
    return RedirectResponse(f"{PATH}?notice=contact-tested#{channel}", status_code=303)


def _code(outcome: Outcome) -> str | None:
    match outcome:
        case HandedOver():
            return None
        case RefusedForGood() | RefusedForNow():
            return outcome.code
        case Unknown():
            return outcome.stage


# The form


def _chosen(form: dict[str, str]) -> ReceivingSettings:
    try:
        periodicity = Periodicity(form.get("periodicity", ""))
    except ValueError:
        raise ProblemError("receiving-choice-unknown", "periodicity") from None
    return ReceivingSettings(
        has_no_notices=form.get("notices") != "yes",
        channels=_ticked(form),
        periodicity=periodicity,
    )


def _ticked(form: dict[str, str]) -> tuple[Channel, ...]:
    return tuple(one for one in Channel if form.get(f"channel-{one}") == "yes")


def _with_chosen(settings: ReceivingSettings, chosen: ReceivingSettings) -> ReceivingSettings:
    return replace(
        settings,
        has_no_notices=chosen.has_no_notices,
        channels=chosen.channels,
        periodicity=chosen.periodicity,
    )


def _hours(form: dict[str, str]) -> NoticeHours:
    return NoticeHours(
        time_zone=form.get("time_zone") or None,
        quiet_from=_time(form, "quiet_from"),
        quiet_until=_time(form, "quiet_until"),
        digest_hour=_number(form, "digest_hour"),
        digest_weekday=_number(form, "digest_weekday"),
        urgent_at_night=form.get("urgent_at_night") == "yes",
    )


def _time(form: dict[str, str], field: str) -> time:
    """As a field of a time writes it, or as people do: 22:00, 7:30."""
    try:
        return datetime.strptime(form.get(field, "").strip().replace(".", ":"), "%H:%M").time()  # noqa: DTZ007
    except ValueError:
        raise ProblemError("time-malformed", field) from None


def _number(form: dict[str, str], field: str) -> int:
    text = form.get(field, "")
    if not (text.isascii() and text.isdecimal() and len(text) <= 2):
        raise ProblemError("receiving-choice-unknown", field)
    return int(text)


# The page


def _page(
    person: Visit,
    receiving: Receiving,
    error: ProblemError | None = None,
    form: dict[str, str] | None = None,
) -> Response:
    """With a form that was refused: as it was filled in, ticks too."""
    settings, hours = receiving.settings, receiving.hours
    if form is not None:
        settings = replace(settings, has_no_notices=form.get("notices") != "yes", channels=_ticked(form))
    consent = consent_of(person, ConsentKind.NOTIFICATIONS)
    # Whether the switch is on.
    is_on = consent is not None and consent.holds_at(datetime.now(UTC))
    page = person.page(
        "notification_settings.html",
        status=explain(error.code).status if error else 200,
        errors=told(error, person.locale) if error else {},
        consent=is_on,
        is_outdated=is_on and not all(names_channel(consent, one) for one in settings.channels),
        channels=_channels(person, settings),
        notices=not settings.has_no_notices,
        periodicities=[one.value for one in Periodicity],
        time_zones=_zones(hours.time_zone),
        weekdays=WEEKDAYS,
        values={
            "periodicity": settings.periodicity.value,
            "time_zone": hours.time_zone or "",
            "quiet_from": f"{hours.quiet_from:%H:%M}",
            "quiet_until": f"{hours.quiet_until:%H:%M}",
            "digest_hour": str(hours.digest_hour),
            "digest_weekday": str(hours.digest_weekday),
            "urgent_at_night": "yes" if hours.urgent_at_night else "",
        }
        | ({} if form is None else {"urgent_at_night": ""} | form),
    )
    if error is not None and error.retry_after is not None:
        page.headers["Retry-After"] = str(error.retry_after)
    return page


def _zones(chosen: str | None) -> tuple[str, ...]:
    return TIME_ZONES if chosen is None or chosen in TIME_ZONES else (*TIME_ZONES, chosen)


def _channels(person: Visit, settings: ReceivingSettings) -> list[dict[str, Any]]:
    """Each channel as it stands: where it leads, whether anything arrives there, and what its last test said."""
    ledger, patient_id = person.ledger, person.patient_id
    patient = commands.load_patient(ledger, patient_id)
    pushes = load_subscriptions(ledger, patient_id)
    lost, tests = contacts.unreachable_of(ledger, patient_id), contacts.latest_tests(ledger, patient_id)
    grounds = Grounds(at=datetime.now(UTC), patient=patient, pushes=pushes)
    found = []
    for channel in Channel:
        state = _state(person.settings, grounds, channel)
        test = tests.get(channel)
        found.append(
            {
                "key": channel.value,
                "is_on": channel in settings.channels,
                "state": state,
                "address": _address(channel, patient, pushes),
                "waiting": _waiting(patient) if channel is Channel.EMAIL else None,
                "lost": lost.get(channel),
                "can_test": state == "ok" or channel in lost,
                "test": {"answer": test.event.outcome.value, "code": test.event.code, "at": test.at}
                if test
                else None,
            }
        )
    return found


def _state(settings: Settings, grounds: Grounds, channel: Channel) -> str:
    is_here = is_set_up(settings, channel)
    # A patient is not asked to turn on in a browser what nobody sends.
    if channel is Channel.PUSH and not is_here:
        return "not-set-up"
    return address_barrier(grounds, channel) or ("ok" if is_here else "not-set-up")


def _address(channel: Channel, patient: Patient, pushes: PushSubscriptions) -> str | None:
    match channel:
        case Channel.EMAIL:
            return masked_email(patient.email) if patient.email else None
        case Channel.SMS:
            return masked_phone(patient.phone) if patient.phone else None
        case Channel.PUSH:
            return str(len(pushes.subscriptions)) if pushes.subscriptions else None


def _waiting(patient: Patient) -> str | None:
    """The address that is to take the place of the confirmed one."""
    is_change = patient.is_email_confirmed and patient.email_stated is not None
    return masked_email(patient.email_stated) if is_change and patient.email_stated else None
