"""The audit trail as FHIR R4 AuditEvent, by the patterns of IHE BALP (Basic Audit Log Patterns).

Readings are PatientRead or Read; what left as a file is a disclosure (DICOM 110106); what a consent allowed or forbade is
an authorization decision (DICOM 110113, AuthZ-Consent); the rest is create, update and delete. A profile is
claimed only where all that it asks for was recorded. Addresses of networks are not recorded: that is said in their place.
"""

from collections.abc import Iterator
from functools import cache
from typing import Any

import orjson

from api.exports import trail
from api.exports.plan import Plan
from api.exports.rows import Batch
from ledger.store import Ledger

Resource = dict[str, Any]
_DCM = "http://dicom.nema.org/resources/ontology/DCM"
_REST = "http://hl7.org/fhir/restful-interaction"
_HL7 = "http://terminology.hl7.org/CodeSystem"
_BALP = "https://profiles.ihe.net/ITI/BALP"
# Operation: the letter of AuditEvent.action, the interaction, and BALP's profile.
_INTERACTIONS = {
    "read": ("R", "read", "Read"),
    "place": ("C", "create", "Create"),
    "change": ("U", "update", "Update"),
    "delete": ("D", "delete", "Delete"),
}
_PURPOSES = {
    "own-cabinet": "PATRQT",
    "shared-link": "PATRQT",
    "legal-representative": "FAMRQT",
    "treatment": "TREAT",
    "operation": "HOPERAT",
    "audit": "HCOMPL",
    "compliance": "HCOMPL",
}
_TAKEN_OUT = frozenset({"PersonalDataTaken", "RecordsExported", "EvidenceTaken"})
_PAGES = frozenset({"page", "comparison", "trend"})
# What a consent decided: 0 allowed, 8 forbade.
_DECISIONS = {"NotificationRequested": "0", "NotificationSuppressed": "8", "ChannelsSuppressed": "8"}
_SIGN_INS = {
    "SessionOpened": ("110122", "Login", "0"),
    "StaffSessionOpened": ("110122", "Login", "0"),
    "SignInRefused": ("110122", "Login", "4"),
    "StaffSignInRefused": ("110122", "Login", "4"),
    "SessionClosed": ("110123", "Logout", "0"),
    "StaffSessionClosed": ("110123", "Logout", "0"),
}


def read(ledger: Ledger, plan: Plan, *, after: int, limit: int) -> Iterator[Batch]:
    """As the trail, each row as the line of a resource. One after another: Python would search thousands of resources that
    are alive at once for circles, which took twice as long as making them."""
    origin, dumps, option = ledger.origin, orjson.dumps, orjson.OPT_APPEND_NEWLINE
    for batch in trail.read_text(ledger, plan, after=after, limit=limit, tells_changes=False):
        lines = [(position, dumps(_audit_event(row, origin), option=option)) for position, row in batch.rows]
        yield Batch(batch.last, lines, resource="AuditEvent")


def _audit_event(row: dict[str, Any], origin: str) -> Resource:
    """The resource of one row of the trail, whose `detail` is text."""
    detail = orjson.loads(row["detail"])
    name = row["name"]
    if name in _DECISIONS:
        return _decision(row, detail, origin)
    if name in _SIGN_INS:
        return _sign_in(row, detail, origin)
    is_file = name == "ReportRead" and detail.get("medium", "page") not in _PAGES
    if name in _TAKEN_OUT or is_file:
        return _disclosure(row, detail, origin)
    return _interaction(row, detail, origin)


def _interaction(row: dict[str, Any], detail: Resource, origin: str) -> Resource:
    action, interaction, profile = _INTERACTIONS[row["operation"]]
    is_read = action == "R"
    # Who asks is where data goes to when they read, and where it comes from when they write.
    client, server = ("110152", "110153") if is_read else ("110153", "110152")
    participation = ("IRCP", "information recipient") if is_read else ("AUT", "author (originator)")
    return _resource(
        row,
        profile=f"IHE.BasicAudit.{'Patient' if row['patient_id'] else ''}{profile}",
        kind=_coding(f"{_HL7}/audit-event-type", "rest", "Restful Operation"),
        subtypes=[_coding(_REST, interaction, interaction), _own(row["name"])],
        action=action,
        agents=[
            *_systems(client, server, origin),
            _user(row, detail, _concept(f"{_HL7}/v3-ParticipationType", *participation)),
        ],
        entities=[*_patient(row), _object(row, detail)],
        origin=origin,
    )


def _disclosure(row: dict[str, Any], detail: Resource, origin: str) -> Resource:
    is_profile = row["patient_id"] is not None
    recipient = _user(row, detail, _concept(_DCM, "110152", "Destination Role ID"))
    return _resource(
        row,
        profile="IHE.BasicAudit.PrivacyDisclosure.Source" if is_profile else None,
        kind=_coding(_DCM, "110106", "Export"),
        subtypes=[
            _coding(f"{_HL7}/iso-21089-lifecycle", "disclose", "Disclose Record Lifecycle Event"),
            _own(row["name"]),
        ],
        action="R",
        agents=[
            {
                "type": _concept(_DCM, "110153", "Source Role ID"),
                "who": _system(origin),
                "requestor": False,
                "network": {"address": origin, "type": "5"},
            },
            recipient | {"network": _NO_NETWORK},
        ],
        entities=[*_patient(row), _object(row, detail)],
        origin=origin,
    )


def _decision(row: dict[str, Any], detail: Resource, origin: str) -> Resource:
    consent = detail.get("consent")
    reason = detail.get("reason") or detail.get("reasons")
    entities = [*_patient(row)]
    if consent:
        version = detail.get("consent_version")
        reference = f"Consent/{consent}" + (f"/_history/{version}" if version else "")
        kind = _coding("http://hl7.org/fhir/resource-types", "Consent", "Consent")
        entities.append({"what": {"reference": reference}, "type": kind})
    return _resource(
        row,
        profile="IHE.BasicAudit.AuthZconsent" if len(entities) > 1 else None,
        kind=_coding(_DCM, "110113", "Security Alert"),
        subtypes=[_coding(f"{_BALP}/CodeSystem/AuthZsubType", "AuthZ-Consent"), _own(row["name"])],
        action="E",
        outcome=_DECISIONS[row["name"]],
        outcome_text=reason if isinstance(reason, str) or reason is None else orjson.dumps(reason).decode(),
        agents=[
            _agent(_concept(_DCM, "110150", "Application"), origin) | {"network": _NO_NETWORK},
            _user(row, detail, _concept(f"{_HL7}/v3-ParticipationType", "IRCP", "information recipient")),
            _agent(_concept(f"{_HL7}/v3-RoleClass", "PROV", "healthcare provider"), origin),
            _agent(
                _concept(f"{_HL7}/extra-security-role-type", "authserver", "authorization server"), origin
            ),
        ],
        entities=entities,
        origin=origin,
    )


def _sign_in(row: dict[str, Any], detail: Resource, origin: str) -> Resource:
    code, words, outcome = _SIGN_INS[row["name"]]
    return _resource(
        row,
        profile=None,
        kind=_coding(_DCM, "110114", "User Authentication"),
        subtypes=[_coding(_DCM, code, words), _own(row["name"])],
        action="E",
        outcome=outcome,
        outcome_text=detail.get("reason") if outcome != "0" else None,
        agents=[_user(row, detail, None)],
        entities=_patient(row),
        origin=origin,
    )


# Parts of the resource. Those that are the same in many are made once: nobody changes them.

_NO_NETWORK = {
    "extension": [
        {"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown"}
    ]
}


def _resource(
    row: dict[str, Any],
    *,
    profile: str | None,
    kind: Resource,
    subtypes: list[Resource],
    action: str,
    agents: list[Resource],
    entities: list[Resource],
    origin: str,
    outcome: str = "0",
    outcome_text: str | None = None,
) -> Resource:
    found: Resource = {"resourceType": "AuditEvent", "id": row["event_id"]}
    if profile:
        found["meta"] = {"profile": [f"{_BALP}/StructureDefinition/{profile}"]}
    found |= {"type": kind, "subtype": subtypes, "action": action, "recorded": row["recorded_at"]}
    found["outcome"] = outcome
    if outcome_text:
        found["outcomeDesc"] = outcome_text
    found["agent"] = agents
    found["source"] = {"observer": _system(origin)}
    if entities:
        found["entity"] = entities
    return found


@cache
def _coding(system: str, code: str, display: str | None = None) -> Resource:
    return {"system": system, "code": code} | ({"display": display} if display else {})


@cache
def _concept(system: str, code: str, display: str) -> Resource:
    return {"coding": [_coding(system, code, display)]}


@cache
def _own(name: str) -> Resource:
    """The stored name of the event: nothing is lost in what FHIR has words for."""
    return _coding("urn:letopis:event", name)


@cache
def _system(origin: str) -> Resource:
    return {"identifier": {"system": "urn:letopis:origin", "value": origin}}


def _agent(kind: Resource, origin: str) -> Resource:
    return {"type": kind, "who": _system(origin), "requestor": False}


@cache
def _systems(client: str, server: str, origin: str) -> list[Resource]:
    words = {"110152": "Destination Role ID", "110153": "Source Role ID"}
    return [
        {
            "type": _concept(_DCM, client, words[client]),
            "who": {"display": "browser or program of the user"},
            "requestor": False,
            "network": _NO_NETWORK,
        },
        _agent(_concept(_DCM, server, words[server]), origin) | {"network": {"address": origin, "type": "5"}},
    ]


def _user(row: dict[str, Any], detail: Resource, kind: Resource | None) -> Resource:
    """Who acted, by pseudonym; for whom, in their name."""
    found: Resource = {"type": kind} if kind else {}
    found["who"] = _who(row["actor"])
    if row["on_behalf_of"]:
        found["name"] = f"on behalf of {row['on_behalf_of']}"
    found["requestor"] = True
    purpose = _PURPOSES.get(detail.get("purpose", ""))
    if purpose:
        found["purposeOfUse"] = [{"coding": [_coding(f"{_HL7}/v3-ActReason", purpose)]}]
    return found


def _who(actor: str) -> Resource:
    kind, _, name = actor.partition(":")
    if kind == "patient" and name:
        return {"reference": f"Patient/{name}"}
    return {"identifier": {"system": "urn:letopis:actor", "value": actor}}


def _patient(row: dict[str, Any]) -> list[Resource]:
    if row["patient_id"] is None:
        return []
    return [
        {
            "what": {"reference": f"Patient/{row['patient_id']}"},
            "type": _coding(f"{_HL7}/audit-entity-type", "1", "Person"),
            "role": _coding(f"{_HL7}/object-role", "1", "Patient"),
        }
    ]


def _object(row: dict[str, Any], detail: Resource) -> Resource:
    """What was read or changed: a report, or else a stream."""
    report_id, version = row["report_id"], detail.get("report_version")
    if report_id:
        what: Resource = {
            "reference": f"DiagnosticReport/{report_id}" + (f"/_history/{version}" if version else "")
        }
    else:
        uuid = {"system": "urn:ietf:rfc:3986", "value": f"urn:uuid:{row['stream_id']}"}
        what = {"identifier": uuid}
    return {
        "what": what,
        "type": _coding(f"{_HL7}/audit-entity-type", "2", "System Object"),
        "role": _coding(f"{_HL7}/object-role", "4", "Domain Resource"),
    }
