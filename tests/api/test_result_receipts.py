"""The receipt in a result's PDF: it holds without us, and nothing in it can be changed or left out."""

import io
import re
import shutil
import subprocess
from dataclasses import replace
from datetime import UTC, datetime
from random import Random
from uuid import UUID

import orjson
import pikepdf
import pytest
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import validate_pdf_signature
from pyhanko_certvalidator import ValidationContext

from api.result_documents import ResultDocument, document_of
from api.result_receipts import receipt_of
from domain.consent import ConsentKind
from domain.reading import Medium
from domain.values import PatientId
from ledger import result_receipt
from ledger.receipt import signer_of
from ledger.result_receipt import InvalidReceiptError, Proven
from ledger.store import Ledger
from projections import cabinet, signing, transparency
from tests.api.cast import ANNA, Laboratory, Portal, bundle, settled, withdraw
from tests.api.pdf_text import text_of as words_of

ZONE = "Europe/Moscow"
AT_NO_TIME = datetime(1970, 1, 1, tzinfo=UTC)


def result(
    portal: Portal, laboratory: Laboratory, *values: str, settles: bool = True
) -> tuple[PatientId, UUID]:
    """Anna's result, in as many versions as there are values, under a checkpoint."""
    anna = settled(portal.opened, ANNA, laboratory.laboratory_id)
    for number, value in enumerate(values):
        content = bundle("Л-1", value=value, status="corrected" if number else "final")
        answer = portal.submit(laboratory.seal(content)).json()
    if settles:
        settle_log(portal)
    return anna, UUID(answer["reports"][0]["id"])


def settle_log(portal: Portal) -> None:
    portal.catch_up()
    signing.sign_at_hand(portal.opened.ledger)


def pdf_of(ledger: Ledger, report_id: UUID, patient_id: PatientId, **given: object) -> ResultDocument:
    return document_of(ledger, report_id, patient_id, Medium.PDF, locale="ru", time_zone=ZONE, **given)  # type: ignore[arg-type]


def proven(ledger: Ledger, receipt: bytes) -> Proven:
    log, receipts = transparency.log_verifier(ledger), signer_of(ledger).verifier
    return result_receipt.verify(receipt, log=log, receipts=receipts)


def test_the_receipt_in_the_file_proves_the_result_by_two_public_keys_alone(
    portal: Portal, laboratory: Laboratory
) -> None:
    ledger = portal.opened.ledger
    anna, report_id = result(portal, laboratory, "72.50", "73.10")
    document = pdf_of(ledger, report_id, anna)
    with pikepdf.open(io.BytesIO(document.content)) as pdf:
        attached = pdf.attachments["receipt.json"].get_file().read_bytes()
        assert pdf.open_metadata()["pdfaid:part"] == "3"
    assert attached == document.receipt
    found = proven(ledger, attached)
    assert (found.report_id, found.shown, found.current, found.is_current) == (report_id, 2, 2, True)
    assert [one.status for one in found.versions] == ["final", "corrected"]
    assert found.tree is not None and found.tree.tree_size == document.tree_size
    said = orjson.loads(found.data)
    assert said["content"]["observations"][0]["value"]["quantity"]["value"] == "73.10"
    text = words_of(document.content)
    for words in (
        "Квитанция",
        str(found.versions[1].event_id)[:8],
        "letopis/result-receipt@v1",
        "не квалифицированная",
    ):
        assert words in text, words


def test_any_byte_that_is_changed_is_refused(portal: Portal, laboratory: Laboratory) -> None:
    ledger = portal.opened.ledger
    anna, report_id = result(portal, laboratory, "72.50", "73.10")
    receipt = pdf_of(ledger, report_id, anna).receipt
    chance = Random(4)
    places = {*chance.sample(range(len(receipt)), 700), 0, len(receipt) - 1}
    for at in places:
        changed = bytearray(receipt)
        changed[at] ^= 1 << chance.randrange(8)
        with pytest.raises(InvalidReceiptError):
            proven(ledger, bytes(changed))
    for spoiled in (receipt[:-1], receipt + b"\n", b" " + receipt, b"", b"{}", b"[]", b"null", receipt * 2):
        with pytest.raises(InvalidReceiptError):
            proven(ledger, spoiled)


def test_a_chain_that_was_cut_is_reported(portal: Portal, laboratory: Laboratory) -> None:
    ledger = portal.opened.ledger
    _, report_id = result(portal, laboratory, "72.50", "73.10")
    whole = orjson.loads(receipt_of(ledger, report_id, 1, as_of=ledger.last_position()).content)
    cut = whole | {"versions": whole["versions"][:1], "current": 1}
    for forged in (cut, whole | {"current": 1}, whole | {"versions": whole["versions"][::-1]}):
        with pytest.raises(InvalidReceiptError):
            proven(ledger, orjson.dumps(forged, option=orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE))


@pytest.mark.parametrize("name", ["statement", "checkpoint"])
def test_a_signature_of_nobody_known_under_a_note_is_refused(
    portal: Portal, laboratory: Laboratory, name: str
) -> None:
    ledger = portal.opened.ledger
    anna, report_id = result(portal, laboratory, "72.50")
    whole = orjson.loads(pdf_of(ledger, report_id, anna).receipt)
    whole[name] += whole[name].splitlines(keepends=True)[-1].replace("letopis", "another")
    with pytest.raises(InvalidReceiptError):
        proven(ledger, orjson.dumps(whole, option=orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE))


def test_a_receipt_of_another_log_or_other_keys_is_refused(portal: Portal, laboratory: Laboratory) -> None:
    ledger = portal.opened.ledger
    anna, report_id = result(portal, laboratory, "72.50")
    receipt = pdf_of(ledger, report_id, anna).receipt
    log, receipts = transparency.log_verifier(ledger), signer_of(ledger).verifier
    for keys in (
        {"log": receipts, "receipts": receipts},
        {"log": log, "receipts": log},
        {"log": replace(log, public_key=receipts.public_key), "receipts": receipts},
    ):
        with pytest.raises(InvalidReceiptError):
            result_receipt.verify(receipt, **keys)


def test_an_old_version_says_that_it_is_old(portal: Portal, laboratory: Laboratory) -> None:
    ledger = portal.opened.ledger
    anna, report_id = result(portal, laboratory, "72.50")
    first = ledger.last_position()
    before = pdf_of(ledger, report_id, anna)
    portal.submit(laboratory.seal(bundle("Л-1", value="73.10", status="corrected")))
    settle_log(portal)
    signed = transparency.latest(ledger)
    assert signed is not None
    anew = pdf_of(ledger, report_id, anna, as_of=first, tree_size=signed.tree_size)
    found = proven(ledger, anew.receipt)
    assert (found.shown, found.current, len(found.versions)) == (1, 2, 2)
    assert "уже не действует: действует версия 2" in re.sub(r"\s+", " ", words_of(anew.content))
    # As it stood then, it was the current one: the same bytes as then.
    assert pdf_of(ledger, report_id, anna, as_of=first, tree_size=before.tree_size).content == before.content
    assert pdf_of(ledger, report_id, anna, as_of=first).receipt == before.receipt


def test_a_version_that_is_held_is_named_and_nothing_of_it_is_said(
    portal: Portal, laboratory: Laboratory
) -> None:
    ledger = portal.opened.ledger
    anna, report_id = result(portal, laboratory, "72.50")
    withdraw(portal.opened, anna, ConsentKind.RESULTS_TRANSFER)
    portal.submit(laboratory.seal(bundle("Л-1", value="73.10", status="corrected")))
    settle_log(portal)
    document = pdf_of(ledger, report_id, anna)
    found = proven(ledger, document.receipt)
    assert [one.status for one in found.versions] == ["final", "held"] and found.shown == found.current == 1
    assert b"73.10" not in document.receipt and "corrected" not in document.receipt.decode()


def test_what_no_checkpoint_covers_is_a_promise_and_says_so(portal: Portal, laboratory: Laboratory) -> None:
    ledger = portal.opened.ledger
    anna, report_id = result(portal, laboratory, "72.50", settles=False)
    document = pdf_of(ledger, report_id, anna)
    assert document.tree_size == 0 and "пока обещание" in re.sub(r"\s+", " ", words_of(document.content))
    found = proven(ledger, document.receipt)
    assert found.tree is None and found.versions[0].index is None
    settle_log(portal)
    assert pdf_of(ledger, report_id, anna).tree_size, "and later there is the proof"
    again = pdf_of(ledger, report_id, anna, as_of=document.position, tree_size=0)
    assert again.content == document.content


# The signature


def test_the_signature_holds_and_the_file_is_the_same_each_time(
    portal: Portal, laboratory: Laboratory, tmp_path: object
) -> None:
    ledger = portal.opened.ledger
    anna, report_id = result(portal, laboratory, "72.50")
    document = pdf_of(ledger, report_id, anna)
    again = pdf_of(ledger, report_id, anna, as_of=document.position, tree_size=document.tree_size)
    assert again.content == document.content and again.receipt == document.receipt
    (signature,) = PdfFileReader(io.BytesIO(document.content)).embedded_signatures
    trusted = ValidationContext(trust_roots=[signature.signer_cert], allow_fetching=False)
    status = validate_pdf_signature(signature, trusted)
    assert status.intact and status.valid and status.coverage.name == "ENTIRE_FILE"
    assert signature.sig_object["/SubFilter"] == "/ETSI.CAdES.detached"
    (row,) = cabinet.reports_of(ledger, anna)
    assert abs((signature.self_reported_timestamp or AT_NO_TIME) - row.received_at).total_seconds() < 1
    with pikepdf.open(io.BytesIO(document.content)) as pdf:
        assert not pdf.check_pdf_syntax() and pdf.open_metadata()["pdfaid:conformance"] == "A"


def test_a_byte_that_is_changed_breaks_the_signature(portal: Portal, laboratory: Laboratory) -> None:
    ledger = portal.opened.ledger
    anna, report_id = result(portal, laboratory, "72.50")
    content = bytearray(pdf_of(ledger, report_id, anna).content)
    content[content.index(b"/CreationDate") + 18] ^= 1
    (signature,) = PdfFileReader(io.BytesIO(bytes(content))).embedded_signatures
    trusted = ValidationContext(trust_roots=[signature.signer_cert], allow_fetching=False)
    assert not validate_pdf_signature(signature, trusted).intact


@pytest.mark.skipif(shutil.which("pdfsig") is None, reason="poppler-utils is not here")
def test_other_peoples_tools_agree(
    portal: Portal, laboratory: Laboratory, tmp_path_factory: pytest.TempPathFactory
) -> None:
    anna, report_id = result(portal, laboratory, "72.50")
    path = tmp_path_factory.mktemp("pdf") / "result.pdf"
    path.write_bytes(pdf_of(portal.opened.ledger, report_id, anna).content)

    def told(*command: str) -> str:
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout

    signature = told("pdfsig", str(path))
    assert "Signature is Valid" in signature and "Total document signed" in signature
    fonts = told("pdffonts", str(path)).splitlines()[2:]
    assert fonts and all(line.split()[-5] == "yes" for line in fonts), "every font is inside"
    text = told("pdftotext", "-layout", str(path), "-")
    assert "72,50" in text and "Соколова Анна" in text and "Квитанция" in text
    assert "receipt.json" in told("pdfdetach", "-list", str(path))
