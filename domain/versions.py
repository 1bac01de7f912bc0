"""Versions: which content of a report stands, whatever order its versions arrive in.

An old copy that was late must not win. The sender's own count of versions decides; where there is none, the
time when the report was issued, then the time when the message was made; where times tell nothing, a
status that comes earlier in a report's life is the older one; and else what arrived last stands.
"""

from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from domain.report_content import Observation, ReportContent, ReportStatus

_STAGES = {
    ReportStatus.REGISTERED: 0,
    ReportStatus.PARTIAL: 1,
    ReportStatus.PRELIMINARY: 1,
    ReportStatus.FINAL: 2,
    ReportStatus.UNKNOWN: 2,
    ReportStatus.APPENDED: 3,
    ReportStatus.AMENDED: 3,
    ReportStatus.CORRECTED: 3,
    ReportStatus.CANCELLED: 3,
    ReportStatus.ENTERED_IN_ERROR: 4,
}
_ISSUED = frozenset({ReportStatus.FINAL, ReportStatus.APPENDED, ReportStatus.AMENDED, ReportStatus.CORRECTED})
# Local times differ from UTC by at most this, so a time without a zone is known only so far.
_ZONES = timedelta(hours=14)
_DAY = len("2026-11-25")


def is_older(content: ReportContent, standing: ReportContent) -> bool:
    """Whether the content is an older copy than the one that stands."""
    if content.is_of_another_patient != standing.is_of_another_patient:
        return standing.is_of_another_patient
    one, other = content.version_number, standing.version_number
    if one is not None and other is not None and one != other:
        return one < other
    order = _order_of_times(content.issued_at, standing.issued_at) or _order_of_times(
        content.sent_at, standing.sent_at
    )
    return order < 0 if order else _STAGES[content.status] < _STAGES[standing.status]


def is_same(one: ReportContent, other: ReportContent) -> bool:
    """Whether it is the same version, sent again: in another message, or as another document."""
    return as_said(one) == as_said(other)


def as_said(content: ReportContent) -> ReportContent:
    """The content without what another sending of it may change."""
    return replace(content, source_id=None, sent_at=None)


def status_of(standing: ReportContent, others: Sequence[ReportContent]) -> ReportStatus:
    """The status of a report among its older versions: one that is called final, but changes what was
    final before, is amended, or appended if it only adds to it (FHIR diagnostic-report-status)."""
    if standing.status is not ReportStatus.FINAL:
        return standing.status
    issued = [other for other in others if other.status in _ISSUED]
    if any(not _holds(standing, other) for other in issued):
        return ReportStatus.AMENDED
    adds = any(len(standing.observations) > len(other.observations) for other in issued)
    return ReportStatus.APPENDED if adds else ReportStatus.FINAL


def _holds(standing: ReportContent, other: ReportContent) -> bool:
    """Whether everything that the other version found is found unchanged."""
    found = [_finding(observation) for observation in standing.observations]
    is_text_same = (standing.conclusion, standing.attachments) == (other.conclusion, other.attachments)
    return is_text_same and all(_finding(observation) in found for observation in other.observations)


def _finding(observation: Observation) -> Observation:
    """What was found, without where it stands in its report and when it was released."""
    return replace(observation, members=(), issued_at=None, is_final_as_sent=False)


def completed(content: ReportContent, standing: ReportContent) -> ReportContent:
    """The content with the values that its sender declared final without sending them again."""
    if not any(observation.is_final_as_sent for observation in content.observations):
        return content
    own, known = _alone(place_of, content), _alone(place_of, standing)
    own_named, known_named = _alone(named_place_of, content), _alone(named_place_of, standing)

    def before(observation: Observation) -> Observation | None:
        """The same one in the standing content; none, if another could be meant as well."""
        named, place = named_place_of(observation), place_of(observation)
        if named in own_named and named in known_named:
            return known_named[named]
        found = known.get(place) if place in own else None
        # By the code alone only where a name was left out: two names are two antibiotics.
        return None if found and _has_name(found) and _has_name(observation) else found

    observations = tuple(
        _with_value(observation, before(observation)) for observation in content.observations
    )
    return replace(content, observations=observations)


def _alone(key: Callable[[Observation], Hashable], content: ReportContent) -> dict[Hashable, Observation]:
    """The observations that share their key with no other: two antibiotics may have one code."""
    count = Counter(map(key, content.observations))
    return {key(one): one for one in content.observations if count[key(one)] == 1}


def place_of(observation: Observation) -> Hashable:
    """By what an observation is known again in another version: its codes and the laboratory's own name for it."""
    codings = tuple((coding.system, coding.code) for coding in observation.code.codings if coding.code)
    return (codings or observation.code.text, observation.source_id)


def named_place_of(observation: Observation) -> Hashable:
    """As `place_of`, with the words of the code: two names under one code are two antibiotics."""
    return (observation.code, observation.source_id)


def _has_name(observation: Observation) -> bool:
    return bool(observation.code.text) or any(coding.display for coding in observation.code.codings)


def _with_value(observation: Observation, before: Observation | None) -> Observation:
    if not observation.is_final_as_sent or observation.value is not None or before is None:
        return observation
    return replace(
        observation,
        value=before.value,
        components=observation.components or before.components,
        data_absent_reason=before.data_absent_reason,
        interpretation=observation.interpretation or before.interpretation,
        reference_ranges=observation.reference_ranges or before.reference_ranges,
        effective_at=observation.effective_at or before.effective_at,
        notes=observation.notes or before.notes,
    )


def _order_of_times(one: str | None, other: str | None) -> int:
    """-1, 0 or 1: the first FHIR dateTime is before the second, can't be told from it, or is after it."""
    if one is None or other is None:
        return 0
    if min(len(one), len(other)) <= _DAY:
        shorter = min(len(one), len(other))
        return _sign(one[:shorter], other[:shorter])
    try:
        first, second = datetime.fromisoformat(one), datetime.fromisoformat(other)
    except ValueError:
        return 0
    if (first.tzinfo is None) == (second.tzinfo is None):
        return _sign(first, second)
    apart = first.replace(tzinfo=None) - second.replace(tzinfo=None)
    return 0 if abs(apart) <= _ZONES else _sign(apart, timedelta())


def _sign(one: Any, other: Any) -> int:
    return int(one > other) - int(one < other)
