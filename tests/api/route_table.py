"""Every route of the application, and for whom it is: one table, which the probes of others' pages go through.

A new route fails test_probes.py and test_ward_routes.py until it stands here: decide for whom it is, and say it.
"""

import re
from uuid import uuid4

from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from starlette.routing import Mount

# Of patients, by whose page it is while a guardian looks into a ward's cabinet (api/portal/ward_access.py).
# own: of the signed-in person, whatever cabinet is open; seen: of the ward, for every guardian who may look in;
# kept: of the ward, for a guardian who decides for them; closed: while another's cabinet is open.
PORTAL = """
own    GET  /
seen   GET  /access
seen   GET  /access/log.{form}
seen   GET  /access/{position}
own    GET  /account
own    POST /account/authenticators/remove
own    GET  /account/confirm
own    POST /account/confirm
own    GET  /account/email
own    POST /account/email
own    GET  /account/email/code
own    POST /account/email/code
own    POST /account/email/code/resend
own    GET  /account/external
own    GET  /account/passkey
own    POST /account/passkey
own    POST /account/passkey/options
own    GET  /account/password
own    POST /account/password
own    GET  /account/phone
own    POST /account/phone
own    GET  /account/phone/code
own    POST /account/phone/code
own    POST /account/phone/code/resend
own    POST /account/phone/check
own    GET  /account/phone/check/code
own    POST /account/phone/check/code
own    POST /account/phone/check/code/resend
own    GET  /account/recovery
own    GET  /account/recovery-codes
own    POST /account/recovery-codes
own    POST /account/recovery/cancel
own    POST /account/sessions/end
own    POST /account/sessions/end-others
own    POST /account/sms
own    GET  /account/totp
own    POST /account/totp
own    GET  /account/totp/qr.svg
closed GET  /consultations
closed GET  /consultations/new
closed GET  /consultations/new/{member_id:uuid}
closed POST /consultations/new/{member_id:uuid}
closed GET  /consultations/{consultation_id:uuid}
closed GET  /consultations/{consultation_id:uuid}/calendar.ics
closed POST /consultations/{consultation_id:uuid}/cancel
closed GET  /consultations/{consultation_id:uuid}/move
closed POST /consultations/{consultation_id:uuid}/move
closed POST /consultations/{consultation_id:uuid}/questions
closed POST /consultations/{consultation_id:uuid}/referrals/{referral}
closed POST /consultations/{consultation_id:uuid}/results
closed POST /consultations/{consultation_id:uuid}/scans
closed GET  /consultations/{consultation_id:uuid}/scans/{scan_id:uuid}
closed POST /consultations/{consultation_id:uuid}/scans/{scan_id:uuid}/remove
kept   GET  /consents
kept   GET  /consents/{kind}
kept   GET  /consents/{kind}/document
kept   GET  /consents/{kind}/documents/{version}/{language}
kept   POST /consents/{kind}/grant
kept   GET  /consents/{kind}/receipt.json
kept   GET  /consents/{kind}/receipt.pdf
kept   POST /consents/{kind}/withdraw
seen   GET  /corrections
seen   POST /corrections/{correction_id:uuid}
own    GET  /external/{provider}/callback
own    POST /external/{provider}/link
own    POST /external/{provider}/sign-in
own    POST /external/{provider}/unlink
own    GET  /guardians
own    GET  /guardians/claim
own    POST /guardians/claim
own    POST /guardians/{guardianship_id}/sections
own    GET  /help
own    GET  /help/chat
own    POST /help/chat
own    GET  /help/new
own    POST /help/new
own    GET  /help/tickets
own    GET  /help/{number}
own    POST /help/{number}/close
own    GET  /help/{number}/files/{file_id}
own    GET  /help/{number}/live
own    POST /help/{number}/messages
own    POST /help/{number}/reopen
closed GET  /evidence
closed GET  /evidence/completeness.json
closed GET  /evidence/completeness.zip
closed GET  /evidence/events/{event_id:uuid}.zip
closed GET  /my-data
closed POST /my-data
seen   GET  /notifications
closed GET  /notifications/settings
closed POST /notifications/settings
closed POST /notifications/settings/test
seen   GET  /notifications/{notification_id:uuid}
own    GET  /notifications/push
own    POST /notifications/push
own    POST /notifications/push/{subscription_id}/remove
own    POST /passwords/estimate
own    GET  /recover
own    POST /recover
own    GET  /recover/code
own    POST /recover/code
own    POST /recover/code/resend
own    POST /recover/passkey
own    POST /recover/passkey/options
own    GET  /recover/password
own    POST /recover/password
own    GET  /recover/proof
own    POST /recover/recovery-code
own    POST /recover/totp
own    POST /recover/wait
own    GET  /register
own    POST /register
own    GET  /register/code
own    POST /register/code
own    POST /register/code/resend
seen   GET  /reports
seen   GET  /reports/search
seen   GET  /reports/compare
seen   GET  /trends
seen   POST /trends
seen   GET  /trends/{key}
seen   POST /reports/search
closed GET  /reports/talk-first
closed POST /reports/talk-first
seen   GET  /reports/{report_id}/kept
closed POST /reports/{report_id}/show
seen   GET  /reports/{report_id:uuid}
seen   GET  /reports/{report_id:uuid}/as-of/{position}
seen   POST /reports/archive
seen   GET  /reports/{report_id:uuid}/fhir
seen   GET  /reports/{report_id:uuid}/original/{place}
seen   GET  /reports/{report_id:uuid}/pdf
seen   GET  /reports/{report_id:uuid}/xml
seen   GET  /reports/{report_id:uuid}/versions/{version}
closed GET  /reports/{report_id}/documents/{notification_id}
closed GET  /reports/{report_id}/send
closed POST /reports/{report_id}/send
kept   GET  /services
kept   GET  /services/appeals
kept   GET  /services/appeals/{organisation_id}
kept   POST /services/appeals/{organisation_id}
kept   POST /services/appeals/{organisation_id}/status
kept   POST /services/appeals/{organisation_id}/withdraw
kept   GET  /services/diagnosis
kept   GET  /services/diagnosis.json
closed GET  /services/expected
closed GET  /services/identity
closed POST /services/identity
closed POST /services/identity/scans
closed GET  /services/identity/scans/{scan_id}
closed POST /services/identity/scans/{scan_id}/remove
kept   GET  /services/organisations
kept   POST /services/organisations
kept   POST /services/organisations/check
kept   GET  /services/organisations/choose/{oid}
kept   GET  /services/organisations/new
kept   POST /services/organisations/new
kept   GET  /services/organisations/{organisation_id}
kept   POST /services/organisations/{organisation_id}/card
kept   POST /services/organisations/{organisation_id}/link
kept   POST /services/organisations/{organisation_id}/sample
kept   POST /services/organisations/{organisation_id}/sample/remove
kept   POST /services/organisations/{organisation_id}/transfer
kept   POST /services/organisations/{organisation_id}/unlink
kept   GET  /services/policy
kept   POST /services/policy
kept   GET  /services/policy/code
kept   POST /services/policy/code
kept   POST /services/policy/code/resend
kept   GET  /services/policy/unlink
kept   POST /services/policy/unlink
closed GET  /services/profile
closed POST /services/profile
closed POST /services/profile/check
kept   GET  /services/receiving
kept   POST /services/receiving
kept   GET  /services/receiving/check-list
closed GET  /services/studies
closed POST /services/studies
closed POST /services/studies/check
closed GET  /services/studies/{request_id}
closed POST /services/studies/{request_id}/cancel
closed POST /services/studies/{request_id}/paid
closed POST /services/studies/{request_id}/time
closed GET  /shares
closed POST /shares
closed GET  /shares/new
closed GET  /shares/{share_id:uuid}
closed POST /shares/{share_id:uuid}/extend
closed GET  /shares/{share_id:uuid}/link
closed GET  /shares/{share_id:uuid}/qr.png
closed GET  /shares/{share_id:uuid}/qr.svg
closed POST /shares/{share_id:uuid}/revoke
own    GET  /sign-in
own    POST /sign-in
own    GET  /sign-in/code
own    POST /sign-in/code
own    POST /sign-in/code/resend
own    GET  /sign-in/factor
own    POST /sign-in/passkey
own    POST /sign-in/passkey/options
own    POST /sign-in/recovery-code
own    GET  /sign-in/second-device
own    POST /sign-in/second-device
own    POST /sign-in/second-device/enter
own    GET  /sign-in/second-device/state
own    POST /sign-in/sms
own    POST /sign-in/totp
own    POST /sign-out
own    GET  /step-up
own    GET  /step-up/code
own    POST /step-up/code
own    POST /step-up/code/resend
own    POST /step-up/passkey
own    POST /step-up/passkey/options
own    POST /step-up/recovery-code
own    POST /step-up/sms
own    POST /step-up/totp
own    GET  /sw.js
own    GET  /unsubscribe/{token}
own    POST /unsubscribe/{token}
own    GET  /view
own    GET  /wards
own    POST /wards/leave
own    GET  /wards/new
own    POST /wards/new
own    GET  /wards/{guardianship_id}
own    POST /wards/{guardianship_id}/enter
own    POST /wards/{guardianship_id}/give-up
"""
# Of staff, by the role that it asks for.
STAFF = """
anybody   GET  /staff/sign-in
anybody   POST /staff/sign-in
anybody   GET  /staff/enrol
anybody   POST /staff/enrol
anybody   GET  /staff/enrol/{token}
member    GET  /staff
member    POST /staff/sign-out
member    GET  /staff/step-up
member    POST /staff/step-up
support   GET  /staff/tickets
support   GET  /staff/tickets/{ticket_id}
support   POST /staff/tickets/{ticket_id}/answer
support   POST /staff/tickets/{ticket_id}/close
support   GET  /staff/tickets/{ticket_id}/files/{file_id}
support   POST /staff/tickets/{ticket_id}/hand-over
support   GET  /staff/tickets/{ticket_id}/live
support   POST /staff/tickets/{ticket_id}/note
support   POST /staff/tickets/{ticket_id}/take
doctor    GET  /staff/shared
doctor    GET  /staff/shared/{share_id:uuid}
doctor    GET  /staff/shared/{share_id:uuid}/reports/{report_id:uuid}
doctor    GET  /staff/shared/{share_id:uuid}/reports/{report_id:uuid}/versions/{version}
doctor    GET  /staff/shared/{share_id:uuid}/trends
doctor    GET  /staff/shared/{share_id:uuid}/trends/{key}
laboratory GET /staff/submissions
auditor   GET  /staff/history
auditor   GET  /staff/replay
auditor   GET  /staff/certificates
auditor   GET  /staff/decisions
compliance GET /staff/consents
compliance GET /staff/erasures
compliance POST /staff/erasures/order
compliance POST /staff/erasures/hold
compliance POST /staff/erasures/{patient_id:uuid}/confirm
compliance POST /staff/erasures/{patient_id:uuid}/call-off
compliance POST /staff/erasures/{patient_id:uuid}/holds/{hold_id:uuid}/release
compliance GET /staff/erasures/{patient_id:uuid}/act
compliance GET /staff/erasures/{patient_id:uuid}/act.json
compliance GET /staff/exports
compliance POST /staff/exports
compliance POST /staff/exports/person
compliance GET /staff/exports/{export_id:uuid}/{name}
compliance POST /staff/exports/{export_id:uuid}/continue
compliance POST /staff/exports/{export_id:uuid}/remove
doctor    GET  /staff/consultations
doctor    GET  /staff/consultations/{consultation_id:uuid}
doctor    POST /staff/consultations/{consultation_id:uuid}/cancel
doctor    POST /staff/consultations/{consultation_id:uuid}/discussed/{report_id:uuid}
doctor    POST /staff/consultations/{consultation_id:uuid}/held
doctor    POST /staff/consultations/{consultation_id:uuid}/missed
doctor    GET  /staff/consultations/{consultation_id:uuid}/move
doctor    POST /staff/consultations/{consultation_id:uuid}/move
doctor    POST /staff/consultations/{consultation_id:uuid}/next
doctor    POST /staff/consultations/{consultation_id:uuid}/record
doctor    GET  /staff/consultations/{consultation_id:uuid}/scans/{scan_id:uuid}
doctor    GET  /staff/doctor
doctor    POST /staff/doctor
doctor    POST /staff/doctor/days
doctor    POST /staff/doctor/hours
operator  GET  /staff/doctors
operator  POST /staff/doctors/{member_id:uuid}/end
registrar GET  /staff/appeals
registrar GET  /staff/appeals/{appeal_id}
registrar POST /staff/appeals/{appeal_id}/activate
registrar POST /staff/appeals/{appeal_id}/content
registrar POST /staff/appeals/{appeal_id}/refuse
registrar POST /staff/appeals/{appeal_id}/take
operator  GET  /staff/cards
operator  GET  /staff/cards/{laboratory_id}/{patient_id}
operator  POST /staff/cards/{laboratory_id}/{patient_id}/confirm
operator  POST /staff/cards/{laboratory_id}/{patient_id}/number
operator  POST /staff/cards/{laboratory_id}/{patient_id}/refuse
operator  GET  /staff/corrections
doctor    POST /staff/corrections/{correction_id:uuid}
operator  GET  /staff/delivery
operator  GET  /staff/delivery/{notification_id}
operator  POST /staff/delivery/all
operator  POST /staff/delivery/{notification_id}
operator  GET  /staff/escalated
operator  GET  /staff/guardianships
operator  GET  /staff/guardianships/{guardianship_id}
operator  POST /staff/guardianships/{guardianship_id}/confirm
operator  POST /staff/guardianships/{guardianship_id}/end
operator  POST /staff/guardianships/{guardianship_id}/persons
operator  POST /staff/guardianships/{guardianship_id}/refuse
operator  POST /staff/guardianships/{guardianship_id}/sections
operator  GET  /staff/identity
operator  POST /staff/identity/find
operator  GET  /staff/identity/{patient_id}
operator  POST /staff/identity/{patient_id}/confirm
operator  POST /staff/identity/{patient_id}/profile
operator  POST /staff/identity/{patient_id}/refuse
operator  POST /staff/identity/{patient_id}/restore
operator  GET  /staff/identity/{patient_id}/scans/{scan_id}
operator  POST /staff/identity/{patient_id}/suspend
operator  GET  /staff/matches
operator  GET  /staff/matches/{report_id}/{patient_id}
operator  POST /staff/matches/{report_id}/{patient_id}/confirm
operator  POST /staff/matches/{report_id}/{patient_id}/decline
operator  POST /staff/matches/{report_id}/{patient_id}/persons
operator  GET  /staff/misfiled
operator  GET  /staff/misfiled/{report_id}
operator  POST /staff/misfiled/{report_id}/undo
operator  GET  /staff/obligations
operator  POST /staff/obligations/{obligation_id}/extend
operator  POST /staff/obligations/{obligation_id}/meet
operator  GET  /staff/quarantine
operator  GET  /staff/quarantine/{submission_id}
operator  POST /staff/quarantine/{submission_id}/content
operator  POST /staff/quarantine/{submission_id}/download
operator  POST /staff/quarantine/{submission_id}/release
operator  POST /staff/quarantine/{submission_id}/retry
operator  GET  /staff/takeovers/{claim_id}
operator  POST /staff/takeovers/{claim_id}/hand-over
operator  POST /staff/takeovers/{claim_id}/persons
operator  POST /staff/takeovers/{claim_id}/refuse
"""
# Of machines: signed by a laboratory, or said to anybody of the log as a whole.
MACHINES = """
laboratory POST /v1/messages
laboratory POST /v1/submissions
anybody    GET  /v1/keys
anybody    GET  /v1/certificates/latest
anybody    GET  /v1/certificates/{event_id:uuid}
anybody    GET  /v1/certificates/{event_id:uuid}/event
anybody    GET  /v1/log/checkpoint
anybody    GET  /v1/log/key
anybody    GET  /log/checkpoint
anybody    GET  /log/policy
anybody    GET  /log/tile/{path:path}
anybody    GET  /log/verifier.py
anybody    GET  /v1/receipts/key
client     GET  /v1/fhir/$export
client     POST /v1/fhir/$export
client     GET  /v1/fhir/Patient/$export
client     POST /v1/fhir/Patient/$export
client     GET  /v1/fhir/Patient/{patient_id}/$export
client     POST /v1/fhir/Patient/{patient_id}/$export
client     GET  /v1/fhir/exports/{export_id}
client     DELETE /v1/fhir/exports/{export_id}
client     GET  /v1/fhir/exports/{export_id}/{name}
anybody    GET  /v1/submissions/{submission_id}/proof
provider   POST /receipts/sms
provider   GET  /receipts/sms/kannel/{notification_id}
anybody    OPTIONS /shl/{token}
anybody    POST /shl/{token}
anybody    GET  /shl/{token}/files/{file_token}
anybody    OPTIONS /shl/{token}/files/{file_token}
anybody    GET  /healthz
anybody    GET  /readyz
anybody    GET  /metrics
anybody    GET  /openapi.json
anybody    GET  /docs
anybody    GET  /docs/oauth2-redirect
"""
ASSETS = frozenset({"/static", "/static/fonts", "/static-offline-docs"})

Row = tuple[str, str, str]


def rows_of(table: str) -> list[Row]:
    """Whose, method and pattern of each line."""
    return [
        (whose, method, path) for whose, method, path in (line.split() for line in table.strip().splitlines())
    ]


ROWS = rows_of(PORTAL)
STAFF_ROWS = rows_of(STAFF)
MACHINE_ROWS = rows_of(MACHINES)
# What stands in an address and is nobody's.
COMMON = {
    "kind": "results-transfer",
    "language": "ru",
    "version": "1",
    "oid": "1.2.643.5",
    "provider": "esia",
    "token": "token",
    "file_token": "token",
    "form": "csv",
    "place": "0",
    "referral": "1",
    "position": "1",
    "path": "0/000.p/1",
    "export_id": "e0000000-0000-4000-8000-00000000000e",
    "name": "manifest",
}


def addressed(path: str, ids: dict[str, str]) -> str:
    """The pattern with these ids, and with others where there are none."""
    known = COMMON | ids
    return re.sub(r"\{(\w+)[^}]*\}", lambda name: known.get(name[1], str(uuid4())), path)


def named_in(path: str) -> set[str]:
    """What the pattern asks for that is somebody's."""
    return set(re.findall(r"\{(\w+)", path)) - set(COMMON)


def answered(app: FastAPI) -> set[tuple[str, str]]:
    """Each method and pattern that the application answers; what is mounted must be known."""
    found: set[tuple[str, str]] = set()
    for route in iter_route_contexts(app.routes):
        assert route.path is not None
        if isinstance(route.original_route, Mount):
            assert route.path in ASSETS, f"{route.path}: is it for everybody?"
            continue
        assert route.methods, f"{route.path}: not a route of HTTP"
        found |= {(method, route.path) for method in route.methods - {"HEAD"}}
    return found
