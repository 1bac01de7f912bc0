"""Decision policy: rules that an auditor puts in the place of those in force, to see which recorded decisions would
have come out otherwise. A policy is data: which barriers count, which edition of a consent is asked for, whether a
notice needs a linkage, from which age a child decides.

    {"format": "letopis/decision-policy@v1", "name": "editions-of-2027",
     "ignored": ["not-wanted"], "document_versions": {"personal-data": 2},
     "notices_need_linkage": true, "age_of_own_decision": 16}

Everything but the format and the name may be left out, and is then as it is in force.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from types import MappingProxyType
from typing import Any, NoReturn

from domain import announcement, permission
from domain.channel import Channel
from domain.consent import Consent, ConsentKind
from domain.guardianship import Guardianship
from domain.legal_age import AGE_OF_MAJORITY, AGE_OF_OWN_DECISION
from domain.linkage import Linkage
from domain.permission import CONSENT_OUTDATED, ORGANISATION_NOT_LINKED, Grounds
from domain.study_type import StudyType
from domain.values import OrganisationId

FORMAT = "letopis/decision-policy@v1"
POLICY_BYTES_MAX = 10_000
# What a policy may leave out. That there is no address at all is no rule.
IGNORABLE = frozenset(
    {
        *permission.BARRIERS,
        permission.CONSENT_WITHDRAWN,
        permission.CONSENT_OUTDATED,
        permission.EMAIL_UNCONFIRMED,
        permission.EMAIL_UNREACHABLE,
        permission.PHONE_UNCONFIRMED,
        permission.PHONE_UNREACHABLE,
    }
)
# Of these a later edition may be asked for: decisions look at them.
EDITIONS = (ConsentKind.PERSONAL_DATA, ConsentKind.RESULTS_TRANSFER, ConsentKind.NOTIFICATIONS)
_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{0,63}")
_AGES = range(14, AGE_OF_MAJORITY + 1)
_FIELDS = frozenset(
    {"format", "name", "ignored", "document_versions", "notices_need_linkage", "age_of_own_decision"}
)


class PolicyMalformedError(Exception):
    """This is not a decision policy of version 1. The message names the field."""


class PolicyUnknownError(Exception):
    """There is no policy of this name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionPolicy:
    """What is otherwise than in force; with nothing stated it decides as we do."""

    name: str
    ignored: frozenset[str] = frozenset()
    document_versions: Mapping[ConsentKind, int] = field(default_factory=lambda: MappingProxyType({}))
    notices_need_linkage: bool = False
    age_of_own_decision: int = AGE_OF_OWN_DECISION

    def of_reports(
        self, grounds: Grounds, *, organisation_id: OrganisationId, study_types: frozenset[StudyType]
    ) -> str | None:
        """What keeps a report from its patient."""
        found = permission.barriers(grounds, organisation_id=organisation_id, study_types=study_types)
        return self._first(found) or self._outdated(
            {
                ConsentKind.PERSONAL_DATA: grounds.personal_data,
                ConsentKind.RESULTS_TRANSFER: grounds.transfer,
            }
        )

    def of_notices(
        self, grounds: Grounds, *, channel: Channel, linkage: Callable[[], Linkage | None]
    ) -> str | None:
        """Why nothing is sent by the channel. `linkage` finds that of the report's patient with who issued it."""
        barrier = self._first(permission.notice_barriers(grounds, channel=channel))
        if barrier is None:
            barrier = self._outdated(
                {
                    ConsentKind.PERSONAL_DATA: grounds.personal_data,
                    ConsentKind.NOTIFICATIONS: grounds.notices,
                }
            )
        if barrier is not None or not self.notices_need_linkage:
            return barrier
        found = linkage()
        return None if found is not None and found.linked else ORGANISATION_NOT_LINKED

    def of_representation(
        self,
        guardianship: Guardianship | None,
        guardian: Grounds,
        ward: Grounds,
        *,
        study_types: frozenset[StudyType] | None,
        on_date: date,
    ) -> str | None:
        """Why a person is told nothing as a ward's guardian."""
        return announcement.representation_barrier(
            guardianship,
            guardian,
            ward,
            study_types=study_types,
            on_date=on_date,
            age_of_own_decision=self.age_of_own_decision,
        )

    def _first(self, barriers: Iterable[str]) -> str | None:
        return next((one for one in barriers if one not in self.ignored), None)

    def _outdated(self, consents: Mapping[ConsentKind, Consent | None]) -> str | None:
        for kind, consent in consents.items():
            wanted = self.document_versions.get(kind, 0)
            if consent is not None and consent.document.version < wanted:
                return CONSENT_OUTDATED
        return None


IN_FORCE = DecisionPolicy(name="in-force")
# What is asked for most: each changes one rule.
POLICIES: Mapping[str, DecisionPolicy] = MappingProxyType(
    {
        policy.name: policy
        for policy in (
            IN_FORCE,
            DecisionPolicy(name="notices-need-linkage", notices_need_linkage=True),
            DecisionPolicy(name="wishes-ignored", ignored=frozenset({permission.NOT_WANTED})),
            DecisionPolicy(name="identity-ignored", ignored=frozenset({permission.IDENTITY_UNCONFIRMED})),
            DecisionPolicy(name="own-decision-at-16", age_of_own_decision=16),
        )
    }
)


def policy_named(name: str) -> DecisionPolicy:
    if name not in POLICIES:
        raise PolicyUnknownError(name)
    return POLICIES[name]


def policy_of(content: bytes) -> DecisionPolicy:
    """The policy of a file, strictly: what is not known is refused, not passed over."""
    if len(content) > POLICY_BYTES_MAX:
        _refuse("size")
    try:
        found = json.loads(content, object_pairs_hook=_once)
    except (ValueError, RecursionError):
        _refuse("json")
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        _refuse("format")
    if unknown := found.keys() - _FIELDS:
        _refuse(min(unknown))
    return DecisionPolicy(
        name=_name(found.get("name")),
        ignored=_ignored(found.get("ignored", [])),
        document_versions=_versions(found.get("document_versions", {})),
        notices_need_linkage=_flag(found.get("notices_need_linkage", False)),
        age_of_own_decision=_age(found.get("age_of_own_decision", AGE_OF_OWN_DECISION)),
    )


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({name for name, _ in pairs}) != len(pairs):
        raise ValueError
    return dict(pairs)


def _name(stated: object) -> str:
    if not isinstance(stated, str) or not _NAME.fullmatch(stated):
        _refuse("name")
    return stated


def _ignored(stated: object) -> frozenset[str]:
    if not isinstance(stated, list) or not all(isinstance(one, str) and one in IGNORABLE for one in stated):
        _refuse("ignored")
    return frozenset(stated)


def _versions(stated: object) -> Mapping[ConsentKind, int]:
    if not isinstance(stated, dict):
        _refuse("document_versions")
    if any(kind not in EDITIONS or type(least) is not int or least < 1 for kind, least in stated.items()):
        _refuse("document_versions")
    return MappingProxyType({ConsentKind(kind): least for kind, least in stated.items()})


def _flag(stated: object) -> bool:
    if not isinstance(stated, bool):
        _refuse("notices_need_linkage")
    return stated


def _age(stated: object) -> int:
    if type(stated) is not int or stated not in _AGES:
        _refuse("age_of_own_decision")
    return stated


def _refuse(what: str) -> NoReturn:
    raise PolicyMalformedError(what)
