"""The receipt page of a result's PDF: which versions there are, that the log holds them, who signed, how to check it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from typing import Any

import segno

from api.pages import Locale, datetime_text, phrase
from api.pdf_signing import Signatory
from api.result_receipts import ResultReceipt
from ledger.result_receipt import HELD

RECEIPT_FILE = "receipt.json"
_MASK = 2
# What a note may be printed with on one line of the page: signatures in base64 have no blanks.
_LINE_CHARACTERS = 96


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptPage:
    """What goes behind the result: its receipt, and who signs the file, if anybody does."""

    receipt: ResultReceipt
    signatory: Signatory | None
    signed_at: datetime


def shown_receipt(page: ReceiptPage, *, locale: Locale, time_zone: str) -> Mapping[str, Any]:
    """The words and numbers of the page in one language."""
    receipt = page.receipt

    def say(name: str, /, **values: object) -> str:
        return phrase(f"result_receipt.{name}", locale=locale, **values)

    def time(moment: datetime) -> str:
        return datetime_text(moment, locale=locale, time_zone=time_zone)

    def status(word: str) -> str:
        return say("held") if word == HELD else phrase(f"report.status.{word}", locale=locale)

    is_old = receipt.shown != receipt.current
    return {
        "title": say("title"),
        "lead": say("lead"),
        "old": say("old", shown=receipt.shown, current=receipt.current) if is_old else None,
        "promise": say("promise") if receipt.is_promise else None,
        "columns": [say("version"), say("status"), say("recorded"), say("index"), say("event")],
        "rows": [
            [
                str(one.number),
                status(one.status),
                time(one.recorded_at),
                "—" if one.index is None else str(one.index),
                str(one.event_id),
            ]
            for one in receipt.lines
        ],
        "qr": _qr(receipt.statement),
        "qr_alt": say("qr"),
        "check_title": say("check.title"),
        "check": say("check", file=RECEIPT_FILE),
        "notes": [
            {"title": say(name), "lines": _lines(text)}
            for name, text in (
                ("statement", receipt.statement),
                ("checkpoint", receipt.checkpoint),
                ("proof", "".join(f"{one}\n" for one in (receipt.leaf_hash, *receipt.hashes))),
                ("keys", "\n".join(receipt.vkeys)),
            )
            if text and (name != "proof" or not receipt.is_promise)
        ],
        "signature_title": say("signature.title"),
        "signature": _signature(page, say, time(page.signed_at)),
    }


def _signature(page: ReceiptPage, say: Any, signed_at: str) -> list[str]:
    if page.signatory is None:
        return [say("unsigned")]
    signed = say("signed", name=page.signatory.name, at=signed_at)
    return [
        signed,
        say("fingerprint", fingerprint=page.signatory.fingerprint),
        say("self_signed" if page.signatory.is_self_signed else "issued"),
    ]


def _qr(statement: str) -> str:
    """An SVG; the same for the same text."""
    made = BytesIO()
    # Readers take any of the eight masks; to look for the best one takes longer than all the rest of the page.
    code = segno.make(statement.encode(), mode="byte", error="l", micro=False, boost_error=False, mask=_MASK)
    code.save(made, kind="svg", border=2, xmldecl=False, svgns=True, nl=False)
    return made.getvalue().decode()


def _lines(text: str) -> list[str]:
    """The lines as they are, long ones broken for paper: whoever types them in again joins them."""
    return [
        line[at : at + _LINE_CHARACTERS] or " "
        for line in text.strip("\n").split("\n")
        for at in range(0, max(len(line), 1), _LINE_CHARACTERS)
    ]
