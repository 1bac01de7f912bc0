"""What people take away from here holds by the stand-alone verifier, with three pinned keys and nothing else of ours."""

from pathlib import Path

import pytest

from api.archives import archive_of, asked_now
from ledger.receipt import signer_of
from projections import transparency
from projections.export import export_log
from tests.api.cast import Laboratory, Portal, bundle
from tests.api.test_result_receipts import ZONE, pdf_of, result, settle_log
from tests.verifier.standalone import asked


@pytest.fixture
def keys(portal: Portal, tmp_path: Path) -> Path:
    ledger = portal.opened.ledger
    path = tmp_path / "keys"
    pinned = (
        transparency.log_verifier(ledger),
        transparency.log_cosigner(ledger),
        signer_of(ledger).verifier,
    )
    path.write_text("".join(f"{one.vkey}\n" for one in pinned))
    return path


def test_what_is_taken_away_is_verified(
    portal: Portal, laboratory: Laboratory, keys: Path, tmp_path: Path
) -> None:
    """A result's PDF, an archive, a laboratory's receipt with its proof, and the log that all of them are in."""
    ledger = portal.opened.ledger
    anna, report_id = result(portal, laboratory, "72.50", "73.10")
    answer = portal.submit(sent := laboratory.seal(bundle("Л-2", value="5.10"))).json()
    settle_log(portal)
    files = {
        "result.pdf": pdf_of(ledger, report_id, anna).content,
        "archive.zip": b"".join(
            archive_of(
                asked_now(ledger, anna, [report_id], locale="ru", time_zone=ZONE), record=lambda _: None
            )
        ),
        "receipt.note": answer["receipt"].encode(),
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    proof = portal.machine.get(f"/v1/submissions/{answer['submission_id']}/proof").content
    (tmp_path / "a.tlog-proof").write_bytes(proof)
    (tmp_path / "sent").write_bytes(sent)
    code, said = asked(tmp_path / "receipt.note", "--keys", keys, "--proof", tmp_path / "a.tlog-proof")
    assert code == 0, said
    export_log(ledger, tmp_path / "log")
    code, said = asked(tmp_path / "log", tmp_path / "result.pdf", tmp_path / "archive.zip", "--keys", keys)
    assert code == 0, said
    kinds = [one["kind"] for one in said["files"]]
    assert kinds[:2] == ["log", "pdf"] and {"pdf", "receipt"} <= set(kinds[2:])
