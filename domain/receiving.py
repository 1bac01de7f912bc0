"""Receiving: which results a patient takes automatically, from whom, and how they are told of them."""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import assert_never

from domain.channel import Channel
from domain.notice_hours import USUAL, NoticeHours, NoticeHoursChosen, require_possible
from domain.study_type import StudyType
from domain.values import OrganisationId, PatientId

# Events: what happened.


class Periodicity(StrEnum):
    """How often notices are sent. What is in the cabinet is there at once (S57), whatever this says."""

    AS_READY = "as-ready"
    DAILY = "daily"
    WEEKLY = "weekly"


class DocumentFormat(StrEnum):
    """In what a result is handed over when it is downloaded or sent."""

    PDF = "pdf"
    XML = "xml"


class CheckList(StrEnum):
    """For which stretch of time the list of received results is shown."""

    WEEKLY = "weekly"
    MONTHLY = "monthly"
    QUARTERLY = "quarterly"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivingSettings:
    """What a patient chose. The study types that are not wanted are named, so that one which appears later is
    wanted by who wanted all; `declines_others` is of reports that are of no known type. `sends_documents`: the result
    itself goes along with an e-mail, if its own consent permits it."""

    declined_study_types: tuple[StudyType, ...] = ()
    declines_others: bool = False
    has_no_notices: bool = False
    channels: tuple[Channel, ...] = (Channel.EMAIL,)
    periodicity: Periodicity = Periodicity.AS_READY
    document_format: DocumentFormat = DocumentFormat.PDF
    check_list: CheckList = CheckList.MONTHLY
    sends_documents: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivingSettingsChanged:
    """The patient saved the settings of automatic receipt; they hold from this event on (S59)."""

    patient_id: PatientId
    channels: tuple[Channel, ...]
    periodicity: Periodicity
    document_format: DocumentFormat
    check_list: CheckList
    declined_study_types: tuple[StudyType, ...] = ()
    declines_others: bool = False
    has_no_notices: bool = False
    sends_documents: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AutomaticTransferTurnedOff:
    """The patient takes this organisation's results no more, and keeps it linked."""

    patient_id: PatientId
    organisation_id: OrganisationId


@dataclass(frozen=True, slots=True, kw_only=True)
class AutomaticTransferTurnedOn:
    """The patient takes this organisation's results again."""

    patient_id: PatientId
    organisation_id: OrganisationId


ReceivingEvent = (
    ReceivingSettingsChanged | AutomaticTransferTurnedOff | AutomaticTransferTurnedOn | NoticeHoursChosen
)

# State: what the next decision needs to know.


@dataclass(frozen=True, slots=True, kw_only=True)
class Receiving:
    """As it stands. Nothing was ever chosen: everything is wanted, and told by e-mail as it is ready."""

    settings: ReceivingSettings = ReceivingSettings()
    turned_off: frozenset[OrganisationId] = frozenset()
    is_chosen: bool = False
    hours: NoticeHours = USUAL

    def is_automatic(self, organisation_id: OrganisationId) -> bool:
        """Whether this organisation's results are taken at all."""
        return organisation_id not in self.turned_off

    def wants(self, organisation_id: OrganisationId, study_types: frozenset[StudyType]) -> bool:
        """Whether a report of these types from this organisation is taken. One wanted type is enough: a
        result that was asked for must not stay out because of what else is on the sheet."""
        if not self.is_automatic(organisation_id):
            return False
        if not study_types:
            return not self.settings.declines_others
        return not study_types <= frozenset(self.settings.declined_study_types)

    def notices(self, channel: str) -> bool:
        """Whether the patient wants to be told by this channel («Автоуведомления»)."""
        return not self.settings.has_no_notices and channel in self.settings.channels


EVERYTHING_WANTED = Receiving()


def evolve(receiving: Receiving | None, event: ReceivingEvent) -> Receiving:
    """Replay one event. Never refuses: the event has already happened."""
    known = receiving or EVERYTHING_WANTED
    match event:
        case ReceivingSettingsChanged():
            settings = ReceivingSettings(
                declined_study_types=event.declined_study_types,
                declines_others=event.declines_others,
                has_no_notices=event.has_no_notices,
                channels=event.channels,
                periodicity=event.periodicity,
                document_format=event.document_format,
                check_list=event.check_list,
                sends_documents=event.sends_documents,
            )
            return replace(known, settings=settings, is_chosen=True)
        case AutomaticTransferTurnedOff():
            return replace(known, turned_off=known.turned_off | {event.organisation_id})
        case AutomaticTransferTurnedOn():
            return replace(known, turned_off=known.turned_off - {event.organisation_id})
        case NoticeHoursChosen():
            return replace(known, hours=_hours(event))
        case _:
            assert_never(event)


def _hours(event: NoticeHoursChosen) -> NoticeHours:
    return NoticeHours(
        time_zone=event.time_zone,
        quiet_from=event.quiet_from,
        quiet_until=event.quiet_until,
        digest_hour=event.digest_hour,
        digest_weekday=event.digest_weekday,
        urgent_at_night=event.urgent_at_night,
    )


# Decisions: the rules.


class NothingWantedError(Exception):
    """No study type is chosen: with nothing to take, turn the organisations off instead."""


class ChannelMissingError(Exception):
    """Notices are on and no way to send them is chosen."""


def save(
    receiving: Receiving | None, *, patient_id: PatientId, settings: ReceivingSettings
) -> tuple[ReceivingSettingsChanged, ...]:
    """Save what was chosen; the first time it is recorded even if it is what holds anyway: it was said."""
    if settings.declines_others and frozenset(settings.declined_study_types) == frozenset(StudyType):
        raise NothingWantedError
    if not settings.has_no_notices and not settings.channels:
        raise ChannelMissingError
    if receiving is not None and receiving.is_chosen and receiving.settings == settings:
        return ()
    return (
        ReceivingSettingsChanged(
            patient_id=patient_id,
            channels=settings.channels,
            periodicity=settings.periodicity,
            document_format=settings.document_format,
            check_list=settings.check_list,
            declined_study_types=settings.declined_study_types,
            declines_others=settings.declines_others,
            has_no_notices=settings.has_no_notices,
            sends_documents=settings.sends_documents,
        ),
    )


def turn_notices_on(
    receiving: Receiving | None, *, patient_id: PatientId
) -> tuple[ReceivingSettingsChanged, ...]:
    """«Автоуведомления», as one act beside another; by e-mail if no way was chosen. Nothing if they are on."""
    known = receiving or EVERYTHING_WANTED
    if not known.settings.has_no_notices:
        return ()
    channels = known.settings.channels or (Channel.EMAIL,)
    settings = replace(known.settings, has_no_notices=False, channels=channels)
    return save(receiving, patient_id=patient_id, settings=settings)


def turn_channel_off(
    receiving: Receiving | None, *, patient_id: PatientId, channel: Channel
) -> tuple[ReceivingSettingsChanged, ...]:
    """No notices by this channel any more; with the last one go all."""
    settings = (receiving or EVERYTHING_WANTED).settings
    if channel not in settings.channels:
        return ()
    left = tuple(one for one in settings.channels if one is not channel)
    fewer = replace(settings, channels=left, has_no_notices=settings.has_no_notices or not left)
    return save(receiving, patient_id=patient_id, settings=fewer)


def turn_off(
    receiving: Receiving | None, *, patient_id: PatientId, organisation_id: OrganisationId
) -> tuple[AutomaticTransferTurnedOff, ...]:
    if not (receiving or EVERYTHING_WANTED).is_automatic(organisation_id):
        return ()
    return (AutomaticTransferTurnedOff(patient_id=patient_id, organisation_id=organisation_id),)


def turn_on(
    receiving: Receiving | None, *, patient_id: PatientId, organisation_id: OrganisationId
) -> tuple[AutomaticTransferTurnedOn, ...]:
    if (receiving or EVERYTHING_WANTED).is_automatic(organisation_id):
        return ()
    return (AutomaticTransferTurnedOn(patient_id=patient_id, organisation_id=organisation_id),)


def choose_hours(
    receiving: Receiving | None, *, patient_id: PatientId, hours: NoticeHours
) -> tuple[NoticeHoursChosen, ...]:
    """When to be told. TimeZoneUnknownError or DigestTimeInvalidError for what no clock shows."""
    require_possible(hours)
    if (receiving or EVERYTHING_WANTED).hours == hours:
        return ()
    return (
        NoticeHoursChosen(
            patient_id=patient_id,
            time_zone=hours.time_zone,
            quiet_from=hours.quiet_from,
            quiet_until=hours.quiet_until,
            digest_hour=hours.digest_hour,
            digest_weekday=hours.digest_weekday,
            urgent_at_night=hours.urgent_at_night,
        ),
    )
