"""What is said: a notice, from the notification that was taken and whom it tells."""

from dataclasses import dataclass
from typing import Final

from api.channels.notice import Attachment, Notice, NoticeKind, PushAddress
from api.node import Node
from api.pages import Locale
from api.region_time_zones import time_zone_of
from api.result_documents import attachment_of
from api.result_sheet import DocumentUnavailableError
from api.sealed_files import password_of
from domain.announcement import About
from domain.channel import Channel
from domain.notice_hours import USUAL, zone_of
from domain.patient import Patient
from domain.push_subscription import PushSubscriptions
from ledger.taking import Taken
from projections.cabinet_kept import is_kept

_KINDS: Final = {
    None: NoticeKind.READY,
    About.CORRECTED: NoticeKind.CORRECTED,
    About.WITHDRAWN: NoticeKind.WITHDRAWN,
    About.DOCUMENT: NoticeKind.DOCUMENT,
    About.PASSWORD: NoticeKind.PASSWORD,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """Where one channel reaches a person; the others' addresses are not shown to it."""

    email: str | None = None
    phone: str | None = None
    browsers: tuple[PushAddress, ...] = ()


def addressed(
    channel: Channel, patient: Patient | None, pushes: PushSubscriptions | None
) -> Addresses | None:
    """None if there is nowhere to send it."""
    match channel:
        case Channel.EMAIL:
            return Addresses(email=patient.email) if patient is not None and patient.email else None
        case Channel.SMS:
            return Addresses(phone=patient.phone) if patient is not None and patient.phone else None
        case Channel.PUSH:
            browsers = tuple(
                PushAddress(
                    subscription_id=one.subscription_id,
                    endpoint=one.endpoint,
                    p256dh=one.p256dh,
                    auth=one.auth,
                )
                for one in (pushes.subscriptions if pushes is not None else ())
            )
            return Addresses(browsers=browsers) if browsers else None


def composed(node: Node, taken: Taken) -> Notice | None:
    """The same at every try, but for the document, which is of the version that stands. None if there is nothing
    to say any more, or nowhere to say it. Blocks while a document is made."""
    state, told = taken.state, taken.grounds.patient
    addresses = addressed(state.channel, told, taken.grounds.pushes)
    if addresses is None:
        return None
    attachment = _attachment(node, taken)
    if state.about is About.DOCUMENT and attachment is None:
        return None
    # Of what left the cabinet only the notice is left to see.
    page = "notifications" if state.about is About.WITHDRAWN else "reports"
    return Notice(
        notification_id=taken.notification_id,
        recipient_id=state.told,
        kind=NoticeKind.DIGEST if state.members else _KINDS[state.about],
        locale=locale_of(told),
        link=f"{node.settings.public_url}/{page}",
        requested_at=taken.requested_at,
        email=addresses.email,
        phone=addresses.phone,
        browsers=addresses.browsers,
        count=taken.count,
        corrections=taken.corrections,
        is_urgent=state.is_urgent,
        for_ward=state.recipient_id is not None,
        attachment=attachment,
        password=_password(node, taken),
    )


def locale_of(patient: Patient | None) -> Locale:
    return "en" if patient is not None and patient.locale == "en" else "ru"


def _attachment(node: Node, taken: Taken) -> Attachment | None:
    """What goes along at this attempt. That there is no document any more does not keep the news back."""
    state = taken.state
    if taken.carries is None:
        return None
    if is_kept(node.ledger, state.patient_id, state.report_id):
        # The patient wished to hear of it from a doctor first; that it is there may be said.
        return None
    told = taken.grounds.patient
    hours = taken.grounds.receiving.hours if taken.grounds.receiving is not None else USUAL
    try:
        attachment, _ = attachment_of(
            node.ledger,
            state,
            notification_id=taken.notification_id,
            custody=node.ledger.custody,
            locale=locale_of(told),
            time_zone=zone_of(hours, time_zone_of(told, node.settings.time_zone)).key,
            bytes_max=node.settings.document_limit_bytes,
        )
    except DocumentUnavailableError:
        return None
    return attachment


def _password(node: Node, taken: Taken) -> str | None:
    opens = taken.state.opens
    if taken.state.about is not About.PASSWORD or opens is None:
        return None
    return password_of(node.ledger.custody, opens)
