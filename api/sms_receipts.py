"""What becomes of SMS, as providers tell it: at two addresses by HTTP, and by the link of SMPP.

`POST /receipts/sms` is the other half of our form of JSON (api/channels/sms_json.py). Kannel is told an address of its
own with every message. Telling the same twice is fine, and so is telling before our own record of the sending.
"""

import hmac
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Header, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from api.arrivals import read_body
from api.channels.kannel import receipt_seal
from api.channels.short_message import NUMBER_UNKNOWN, Receipt, ReceiptAnswer, TakeReceipt
from api.metrics import SMS_RECEIPTS
from api.node import DATABASE_AWAY, Node
from api.outcome import remote_id
from api.problems import ProblemError
from domain.channel import Channel
from domain.notification import NotificationRequested
from ledger.provider_receipts import record_receipt
from ledger.store import Ledger
from projections.delivery import by_remote_id

router = APIRouter(tags=["providers"])

_LIMIT_BYTES = 4096
# Kannel's user guide, «Delivery reports»: 1 reached the phone, 2 did not, 16 was refused by the centre. What is only
# on its way (4, 8) is answered and not recorded: a notification has no such state.
_ON_ITS_WAY = (4, 8)
_FAILURES = {2: "kannel-failed", 16: "kannel-refused"}
_DELIVERED = 1


class ToldReceipt(BaseModel):
    """A receipt in our form. `reference` is ours, `id` the gateway's; `reason` is asked for only when it failed."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    reference: UUID
    status: Literal["delivered", "failed"]
    id: str | int = ""
    reason: Literal["number-unknown", "expired", "refused", "failed"] = "failed"


@router.post(
    "/receipts/sms",
    status_code=204,
    summary="What became of an SMS, told by the gateway",
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": ToldReceipt.model_json_schema()}},
        }
    },
)
async def told(request: Request, authorization: Annotated[str, Header()] = "") -> Response:
    """With the bearer token of the settings. 204 also when it was told before; 404 if we have sent no such notice."""
    node: Node = request.app.state.node
    _require_token(node.settings.sms_receipts_token, authorization)
    body = await read_body(request, limit=_LIMIT_BYTES, field="body")
    try:
        receipt = ToldReceipt.model_validate_json(body)
    except ValidationError:
        raise ProblemError("request-malformed", "body") from None
    is_delivered = receipt.status == "delivered"
    reason = receipt.reason if receipt.reason == NUMBER_UNKNOWN else f"sms-{receipt.reason}"
    await _record(
        node.ledger,
        receipt.reference,
        Receipt(
            remote_id=remote_id(str(receipt.id)) or "",
            is_delivered=is_delivered,
            reason="" if is_delivered else reason,
        ),
    )
    return Response(status_code=204)


@router.get(
    "/receipts/sms/kannel/{notification_id}", status_code=204, summary="What became of an SMS, told by Kannel"
)
async def told_by_kannel(
    request: Request,
    notification_id: UUID,
    seal: str = "",
    status: int = 0,
    number: Annotated[str, Field(max_length=200)] = "",
) -> Response:
    """The address was told to Kannel with the message; its seal is in it."""
    node: Node = request.app.state.node
    right = receipt_seal(node.ledger.custody.message_key, str(notification_id))
    if not hmac.compare_digest(seal.encode(), right.encode()):
        raise ProblemError("not-found")
    if status in _ON_ITS_WAY:
        return Response(status_code=204)
    if status != _DELIVERED and status not in _FAILURES:
        raise ProblemError("request-malformed", "status")
    receipt = Receipt(
        remote_id=remote_id(number) or "",
        is_delivered=status == _DELIVERED,
        reason=_FAILURES.get(status, ""),
    )
    await _record(node.ledger, notification_id, receipt)
    return Response(status_code=204)


def _require_token(right: str, authorization: str) -> None:
    """No token in the settings: no receipts, and no such address."""
    if not right:
        raise ProblemError("not-found")
    if not hmac.compare_digest(authorization.encode(), f"Bearer {right}".encode()):
        raise ProblemError("receipts-token-wrong", "Authorization")


async def _record(ledger: Ledger, notification_id: UUID, receipt: Receipt) -> None:
    known = await run_in_threadpool(_recorded, ledger, notification_id, receipt)
    SMS_RECEIPTS.labels(ReceiptAnswer.RECORDED if known else ReceiptAnswer.UNKNOWN).inc()
    if not known:
        raise ProblemError("not-found")


def _recorded(ledger: Ledger, notification_id: UUID, receipt: Receipt) -> bool:
    """Whether it is an SMS of ours: of nothing else has a gateway anything to say."""
    first = next(iter(ledger.read(notification_id)), None)
    opened = first.event if first is not None else None
    if not isinstance(opened, NotificationRequested) or opened.channel is not Channel.SMS:
        return False
    return record_receipt(
        ledger,
        notification_id,
        delivered=receipt.is_delivered,
        remote_id=receipt.remote_id,
        reason=receipt.reason,
    )


def take_into(ledger: Ledger) -> TakeReceipt:
    """For a provider that knows its own number of the message only."""

    def take(receipt: Receipt) -> ReceiptAnswer:
        try:
            found = by_remote_id(ledger, Channel.SMS, receipt.remote_id)
            known = found is not None and _recorded(ledger, found, receipt)
        except DATABASE_AWAY:
            return ReceiptAnswer.LATER
        return ReceiptAnswer.RECORDED if known else ReceiptAnswer.UNKNOWN

    return take
