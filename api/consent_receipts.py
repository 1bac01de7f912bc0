"""Receipts of consents to keep: JSON with the fields of the Kantara Consent Receipt 1.1 and the signed note of
it, and a PDF for people (PDF/A-2a and PDF/UA-1: tagged, its fonts inside, the same bytes for the same receipt)."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import fontpkg_pt_sans  # type: ignore[import-untyped]
import orjson
import typst

from api.consent_documents import matter_of, text_of
from api.pages import Locale, datetime_text, phrase
from api.settings import Settings
from ledger.consent_receipt import Given, sign
from ledger.receipt import signer_of
from ledger.store import Ledger

VERSION = "KI-CR-v1.1.0"
TEMPLATE = Path(__file__).parent / "consents" / "receipt.typ"
FONTS = Path(fontpkg_pt_sans.__file__).parent / "files"


def receipt_of(
    ledger: Ledger, settings: Settings, given: Given, *, person: str, organisations: Mapping[str, str]
) -> dict[str, Any]:
    """What the receipt says. `person` is the name in the profile, `organisations` are those of the scope, by id."""
    document = given.event.document
    language: Locale = "en" if document.language == "en" else "ru"
    matter = matter_of(document.kind, language)
    until = given.event.until
    return {
        "version": VERSION,
        "jurisdiction": "RU",
        "consentTimestamp": int(given.given_at.timestamp()),
        "collectionMethod": phrase("receipt.method", locale=language),
        "consentReceiptID": str(given.event_id),
        "publicKey": signer_of(ledger).verifier.vkey,
        "language": document.language,
        "piiPrincipalId": str(given.event.patient_id),
        "piiPrincipalName": person,
        "piiControllers": [
            {"piiController": settings.operator_name, "address": settings.operator_address, "onBehalf": False}
        ],
        "policyUrl": f"{settings.public_url}/consents/{document.kind}/documents/{document.version}/{language}",
        "services": [
            {
                "service": "Letopis",
                "purposes": [
                    {
                        "purpose": matter.purpose,
                        "consentType": "EXPLICIT",
                        "piiCategory": list(matter.data),
                        "actions": matter.actions,
                        "primaryPurpose": True,
                        "termination": until.isoformat()
                        if until
                        else phrase("receipt.until", locale=language),
                        "thirdPartyDisclosure": False,
                    }
                ],
            }
        ],
        "sensitive": matter.is_sensitive,
        "spiCat": ["health"] if matter.is_sensitive else [],
        "document": {
            "kind": document.kind.value,
            "version": document.version,
            "language": document.language,
            "sha256": document.sha256,
        },
        "scope": {
            "organisations": [{"id": key, "name": name} for key, name in organisations.items()],
            "studyTypes": [one.value for one in given.event.study_types],
            "until": until.isoformat() if until else None,
        },
        "factors": list(given.event.factors),
        "origin": ledger.origin,
        "leafHash": given.leaf_hash,
    }


def to_json(ledger: Ledger, given: Given, receipt: Mapping[str, Any]) -> bytes:
    """The file that a person keeps: the receipt and the note over its canonical bytes."""
    note = sign(ledger, given, canonical(receipt)).decode()
    return orjson.dumps({"receipt": receipt, "note": note}, option=orjson.OPT_INDENT_2)


def canonical(receipt: Mapping[str, Any]) -> bytes:
    """The bytes that the note is of."""
    return orjson.dumps(receipt, option=orjson.OPT_SORT_KEYS)


def to_pdf(ledger: Ledger, settings: Settings, given: Given, receipt: Mapping[str, Any]) -> bytes:
    """The same for people, with the whole text that was agreed to, and the note in small print."""
    document = given.event.document
    language: Locale = "en" if document.language == "en" else "ru"
    text = text_of(document.kind, document.version, document.language)
    given_at = datetime_text(given.given_at, locale=language, time_zone=settings.time_zone)
    key = f"{settings.public_url}/v1/receipts/key"
    shown = {
        "language": language,
        "heading": phrase("receipt.title", locale=language),
        "title": text.title,
        "paragraphs": list(text.paragraphs),
        "facts": _facts(receipt, language, given_at),
        "note": sign(ledger, given, canonical(receipt)).decode(),
        "explained": phrase("receipt.explained", locale=language, key=key),
        "text_heading": phrase("receipt.text", locale=language),
        "note_heading": phrase("receipt.note", locale=language),
    }
    pdf = typst.compile(
        TEMPLATE,
        format="pdf",
        font_paths=[FONTS],
        ignore_system_fonts=True,
        sys_inputs={"receipt": orjson.dumps(shown).decode()},
        pdf_standards=["a-2a", "ua-1"],
        timestamp=int(given.given_at.timestamp()),
    )
    assert isinstance(pdf, bytes)
    return pdf


def _facts(receipt: Mapping[str, Any], language: Locale, given_at: str) -> list[list[str]]:
    purpose = receipt["services"][0]["purposes"][0]
    controller = receipt["piiControllers"][0]
    scope = receipt["scope"]
    sections = [phrase(f"section.{one}", locale=language) for one in scope["studyTypes"]]
    everything = phrase("receipt.all", locale=language)
    document = receipt["document"]
    found = {
        "person": receipt["piiPrincipalName"],
        "operator": ", ".join(filter(None, (controller["piiController"], controller["address"]))),
        "purpose": purpose["purpose"],
        "data": "; ".join(purpose["piiCategory"]),
        "actions": purpose["actions"],
        "organisations": ", ".join(one["name"] for one in scope["organisations"]) or everything,
        "study_types": ", ".join(sections) or everything,
        "term": purpose["termination"][:10] if scope["until"] else purpose["termination"],
        "given_at": given_at,
        "document": phrase("receipt.document", locale=language, version=str(document["version"])),
        "sha256": document["sha256"],
        "event": receipt["consentReceiptID"],
        "leaf": receipt["leafHash"],
    }
    return [[phrase(f"receipt.fact.{name}", locale=language), text] for name, text in found.items()]
