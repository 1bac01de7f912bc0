"""A town of patients who are told by one channel, made in bulk: the events that they would have, in a few appends."""

from base64 import urlsafe_b64encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, time
from uuid import UUID, uuid4

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from api.channels.notice import Notice, NoticeKind, PushAddress
from api.consent_documents import current
from domain import Event, push_subscription, receiving
from domain.channel import Channel
from domain.consent import ConsentGranted, ConsentKind
from domain.notice_hours import NoticeHours, Wait
from domain.notification import NotificationEvent, NotificationPostponed, NotificationRequested
from domain.patient import EmailConfirmed, EmailStated, PatientRegistered, PhoneConfirmed, PhoneStated
from domain.push_subscription import PushAddressStated
from domain.receiving import Periodicity, ReceivingSettings
from domain.values import PatientId
from ledger.codec import Circumstances
from ledger.consents import consent_stream
from ledger.push_subscriptions import push_stream
from ledger.receiving import receiving_stream
from ledger.store import Ledger, Write

BY = Circumstances(actor="system:bench")
_TOGETHER = 250
# At no hour is it quiet.
_AWAKE = NoticeHours(quiet_from=time.min, quiet_until=time.min)


@dataclass(frozen=True, slots=True)
class Town:
    """`push_origin` is the service that its browsers name; without one they name none."""

    ledger: Ledger
    channel: Channel
    periodicity: Periodicity = Periodicity.AS_READY
    push_origin: str | None = None

    def settle(self, number: int) -> list[PatientId]:
        """So many people, whom nothing keeps from being told."""
        people = [PatientId(uuid4()) for _ in range(number)]
        for first in range(0, number, _TOGETHER):
            part = enumerate(people[first : first + _TOGETHER], first)
            writes = [write for place, one in part for write in self._person(one, place)]
            self.ledger.append(*writes, circumstances=BY)
        return people

    def request(
        self, people: Sequence[PatientId], *, each: int = 1, waits_until: datetime | None = None
    ) -> None:
        """Notices for everybody, of reports that nobody has; they may wait for their digest already."""
        waits: tuple[NotificationEvent, ...] = ()
        if waits_until is not None:
            waits = (NotificationPostponed(until=waits_until, waits_for=Wait.WEEKLY_DIGEST),)
        for first in range(0, len(people), _TOGETHER):
            part = people[first : first + _TOGETHER]
            requests = [(uuid4(), self._requested(one)) for one in part for _ in range(each)]
            writes = (Write(stream_id, 0, (requested, *waits)) for stream_id, requested in requests)
            self.ledger.append(*writes, circumstances=BY)

    def _requested(self, patient_id: PatientId) -> NotificationRequested:
        return NotificationRequested(
            patient_id=patient_id,
            report_id=uuid4(),
            report_version=1,
            channel=self.channel,
            consent_id=consent_stream(self.ledger, patient_id, ConsentKind.NOTIFICATIONS),
            consent_version=1,
        )

    def _person(self, patient_id: PatientId, number: int) -> Iterator[Write]:
        ledger, settings = (
            self.ledger,
            ReceivingSettings(channels=(self.channel,), periodicity=self.periodicity),
        )
        known: tuple[Event, ...] = (
            PatientRegistered(locale="ru"),
            PhoneStated(phone=phone_of(number)),
            PhoneConfirmed(),
            EmailStated(email=email_of(number)),
            EmailConfirmed(),
        )
        yield Write(patient_id, 0, known, patient_id)
        for kind in (ConsentKind.PERSONAL_DATA, ConsentKind.NOTIFICATIONS):
            granted = ConsentGranted(patient_id=patient_id, document=current(kind, "ru").document)
            yield Write(consent_stream(ledger, patient_id, kind), 0, (granted,))
        chosen: tuple[Event, ...] = (
            *receiving.save(None, patient_id=patient_id, settings=settings),
            *receiving.choose_hours(None, patient_id=patient_id, hours=_AWAKE),
        )
        yield Write(receiving_stream(ledger, patient_id), 0, chosen, patient_id)
        if self.push_origin is not None:
            browser = browser_at(self.push_origin)
            stated = PushAddressStated(
                subscription_id=browser.subscription_id,
                endpoint=browser.endpoint,
                p256dh=browser.p256dh,
                auth=browser.auth,
            )
            subscribed = push_subscription.subscribe(None, patient_id=patient_id, stated=stated)
            yield Write(push_stream(ledger, patient_id), 0, subscribed, patient_id)


def phone_of(number: int) -> str:
    return f"+7900{number:07d}"


def email_of(number: int) -> str:
    return f"{number}@bench.example"


def _base64url(content: bytes) -> str:
    return urlsafe_b64encode(content).rstrip(b"=").decode()


# Of all browsers: keys are only made once, for each is written to with a new one of the sender's anyway.
_BROWSER_KEY = generate_private_key(SECP256R1()).public_key()
_P256DH = _base64url(_BROWSER_KEY.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint))


def browser_at(origin: str) -> PushAddress:
    token = uuid4()
    return PushAddress(
        subscription_id=token, endpoint=f"{origin}/push/{token}", p256dh=_P256DH, auth=_base64url(token.bytes)
    )


def notices(number: int, *, link: str, at: datetime, push_origin: str | None) -> list[Notice]:
    """What the town is told, by whichever channel, without any ledger."""
    return [
        Notice(
            notification_id=uuid4(),
            recipient_id=PatientId(UUID(int=place)),
            kind=NoticeKind.READY,
            locale="ru",
            link=link,
            requested_at=at,
            email=email_of(place),
            phone=phone_of(place),
            browsers=() if push_origin is None else (browser_at(push_origin),),
        )
        for place in range(number)
    ]
