"""`letopis lab list` and `show`: which laboratories there are, and all that is known of one."""

import json
from collections.abc import Iterable
from typing import Annotated, Any

import typer

from api.command_line.lab import HANDLE, lab, opened_node
from domain.laboratory import (
    Laboratory,
    LaboratoryCertificateAdded,
    LaboratoryKeyAdded,
    LaboratoryKeyRevoked,
    LaboratoryRegistered,
    LaboratorySenderAdded,
)
from ledger import onboarding
from ledger.codec import RecordedEvent
from projections import PROJECTIONS, cabinet
from projections.follow import Follower

_LABORATORIES_MAX = 10_000


@lab.command(name="list")
def list_laboratories(
    as_json_lines: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """Every laboratory, by name."""
    with opened_node() as opened:
        Follower(opened.ledger, PROJECTIONS).catch_up()
        for row in cabinet.laboratories(opened.ledger, limit=_LABORATORIES_MAX):
            state = onboarding.laboratory_of_id(opened.ledger, row.laboratory_id)
            line = {
                "handle": state.handle,
                "name": state.name,
                "inn": state.inn,
                "kind": state.kind,
                "accredited_until": _accreditation(state)["valid_until"],
                "keys": len(state.keys),
            }
            print(json.dumps(line, ensure_ascii=False) if as_json_lines else _told(line))


@lab.command()
def show(
    handle: Annotated[str, HANDLE],
    as_json_object: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """All that is known of a laboratory: identity, what it may send, departments, keys and senders."""
    with opened_node() as opened:
        laboratory_id, state = onboarding.load_laboratory(opened.ledger, handle)
        events = list(opened.ledger.read(laboratory_id))
    body: dict[str, Any] = {
        "id": str(laboratory_id),
        "registered_at": _since(events, LaboratoryRegistered)[0],
    }
    body |= _identity(state) | _permitted(state) | _trusted(state, events)
    if as_json_object:
        print(json.dumps(body, ensure_ascii=False))
        return
    for name, value in body.items():
        if not isinstance(value, list) or not value or not isinstance(value[0], dict):
            print(f"{name}: {_shown(value)}")
            continue
        print(f"{name}:")
        for entry in value:
            print(f"  {_told(entry)}")


def _identity(state: Laboratory) -> dict[str, Any]:
    return {
        "handle": state.handle,
        "name": state.name,
        "inn": state.inn,
        "ogrn": state.ogrn,
        "kind": state.kind,
        "oid": state.oid,
        "accreditation": _accreditation(state) if state.accreditation else None,
    }


def _accreditation(state: Laboratory) -> dict[str, str | None]:
    stated = state.accreditation
    until = stated.valid_until if stated else None
    return {
        "certificate_number": stated.certificate_number if stated else None,
        "valid_until": until.isoformat() if until else None,
    }


def _permitted(state: Laboratory) -> dict[str, Any]:
    return {
        "formats": list(state.formats),
        "study_types": list(state.study_types) or None,
        "departments": [
            {"code": one.code, "name": one.name, "section": one.section} for one in state.departments
        ],
    }


def _trusted(state: Laboratory, events: list[RecordedEvent]) -> dict[str, Any]:
    return {
        "keys": list(_keys(events)),
        "senders": [
            {
                "application": one.application,
                "facility": one.facility,
                "certificate_sha256": one.certificate_sha256,
                "since": _since(events, LaboratorySenderAdded, one)[-1],
            }
            for one in state.senders
        ],
        "certificates": [
            {
                "sha256": sha256,
                "since": _since(
                    events,
                    LaboratoryCertificateAdded,
                    LaboratoryCertificateAdded(certificate_sha256=sha256),
                )[-1],
            }
            for sha256 in state.certificates
        ],
    }


def _keys(events: Iterable[RecordedEvent]) -> Iterable[dict[str, Any]]:
    """Every key that there ever was, with what became of it."""
    keys: dict[str, dict[str, Any]] = {}
    for recorded in events:
        at = recorded.recorded_at.isoformat()
        match recorded.event:
            case LaboratoryKeyAdded(key_id=key_id):
                keys[key_id] = {"key_id": key_id, "state": "in-force", "since": at}
            case LaboratoryKeyRevoked(key_id=key_id, reason=reason):
                keys[key_id] |= {"state": "revoked", "revoked_at": at, "reason": reason}
    return keys.values()


def _since(events: Iterable[RecordedEvent], kind: type, event: object = None) -> list[str]:
    """When events of this kind, or this very event, were recorded."""
    return [
        one.recorded_at.isoformat()
        for one in events
        if isinstance(one.event, kind) and event in (None, one.event)
    ]


def _told(entry: dict[str, Any]) -> str:
    return "  ".join(f"{name}={_shown(value)}" for name, value in entry.items() if value is not None)


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return _told(value)
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return "not stated" if value is None else str(value)
