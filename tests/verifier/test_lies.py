"""Lies that a dishonest operator, who holds every key of his own, tells the stand-alone verifier; and files that are to
end it with an error, or to write a line of its report."""

import json
import os
import shutil
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from ledger import completeness, note
from tests.verifier.evidence import (
    FILES,
    GOLDEN,
    LOG,
    ORIGIN,
    POLICY,
    RECEIPTS,
    REPORT,
    SIZE,
    TREE,
    VKEYS,
    Tree,
    entry,
    golden,
    golden_keys,
    result,
    submission,
)
from tests.verifier.standalone import FILE, asked, fresh, run, verifier


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    path = tmp_path / "keys.txt"
    path.write_text("\n".join(dict.fromkeys([*VKEYS, *golden_keys()])) + "\n")
    return path


@pytest.fixture
def export(tmp_path: Path) -> Path:
    return shutil.copytree(GOLDEN / "export", tmp_path / "export")


def put(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def signed_anew(export: Path, name: str, changed: bytes, more: Callable[[str], str] = str) -> None:
    """The file as the operator would rather have it, under a manifest with its size and digest."""
    (export / name).write_bytes(changed)
    text = (export / "manifest").read_text().partition("\n\n")[0] + "\n"
    said = next(line for line in text.splitlines() if line.startswith(f"file {name}"))
    words = said.split(" ")
    words[2], words[-1] = str(len(changed)), f"sha256:{note.encode_base64(sha256(changed).digest())}"
    (export / "manifest").write_bytes(note.sign(more(text.replace(said, " ".join(words))), RECEIPTS))


# Exports: what others read of a row is what was proved.

FORGED = '"circumstances":{"actor":"staff:innocent"},"data":{"purpose":"forged"}'


def _row(line: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(line)
    return found


LIES: dict[str, Callable[[str], str]] = {
    "a member twice, of which the last is read": lambda line: line.replace("}\n", f",{FORGED}}}\n"),
    "what was proved put into a member of its own": lambda line: (
        '{"proved":{'
        + line[line.index('"circumstances":') : -1]
        + ","
        + line[1 : line.index('"circumstances":')]
        + FORGED
        + "}\n"
    ),
    "an event in clear with a dash for a key": lambda line: (
        line[: line.index('"circumstances":')].replace('"key_id":null', '"key_id":"-"') + FORGED + "}\n"
    ),
    "a member that nobody proved": lambda line: line.replace('"salt":', '"reason":"good","salt":'),
    "a number as text": lambda line: line.replace('"version":1', '"version":"1"'),
    "blanks": lambda line: line.replace('"name":', '"name": '),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_row_says_what_was_proved_and_nothing_else(lie: str, export: Path, keys: Path) -> None:
    path = export / "events-00001.ndjson"
    lines = path.read_text().splitlines(keepends=True)
    changed = "".join(LIES[lie](line) if '"key_id":null' in line else line for line in lines).encode()
    assert changed != path.read_bytes()
    signed_anew(export, path.name, changed)
    assert asked(export, "--keys", keys)[0] == 1


def test_a_sealed_row_says_nothing_that_nobody_can_check(export: Path, keys: Path) -> None:
    path = export / "events-00001.ndjson"
    lines = path.read_text().splitlines(keepends=True)
    assert '"data":null' in lines[0]
    changed = "".join([lines[0].replace('"data":null', '"data":{"result":"positive"}'), *lines[1:]])
    signed_anew(export, path.name, changed.encode())
    assert asked(export, "--keys", keys)[0] == 1


def as_csv(lines: list[str], header: str = "") -> bytes:
    """The rows of NDJSON as CSV, made by hand."""
    names = list(_row(lines[0]))

    def cell(value: Any, text: str) -> str:
        shown = "" if value is None else text
        guarded = f"'{shown}" if shown[:1] in tuple("=+-@\t\r'") else shown
        return '"' + guarded.replace('"', '""') + '"'

    rows = [header or ",".join(names)]
    for line in lines:
        row = _row(line)
        at, end = line.index('"circumstances":') + 16, line.index(',"data":')
        stored = {"circumstances": line[at:end], "data": line[end + 8 : -2]}
        rows.append(",".join(cell(row[name], stored.get(name, str(row[name]))) for name in names))
    return "\r\n".join([*rows, ""]).encode()


def test_a_csv_says_what_was_proved_and_nothing_else(export: Path, keys: Path) -> None:
    names = ["events-00001.ndjson", "events-00002.ndjson"]
    lines = {name: (export / name).read_text().splitlines(keepends=True) for name in names}

    def judged(make: Callable[[list[str]], bytes]) -> int:
        text = (export / "manifest").read_text().partition("\n\n")[0] + "\n"
        text = text.replace("form ndjson", "form csv").replace(".ndjson ", ".csv ")
        text = text.replace("beside erased.csv", "beside erased.ndjson")
        (export / "manifest").write_bytes(note.sign(text, RECEIPTS))
        for name in names:
            (export / name).unlink(missing_ok=True)
            signed_anew(export, name.replace(".ndjson", ".csv"), make(lines[name]))
        return asked(export, "--keys", keys)[0]

    columns = ",".join(_row(lines[names[0]][0]))
    assert judged(as_csv) == 0
    assert judged(lambda rows: as_csv(rows, columns.replace("salt", "data"))) == 1
    assert judged(lambda rows: as_csv(rows).replace(b"\r\n", b",more\r\n")) == 1
    assert judged(lambda rows: as_csv(rows).replace(b'"ReportReceived"', b'"\'ReportReceived"')) == 1
    assert judged(as_csv) == 0


def test_an_export_of_all_events_has_its_proof(export: Path, keys: Path) -> None:
    def without(text: str) -> str:
        lines = [line for line in text.split("\n") if not line.startswith("beside proof")]
        return "\n".join("range -" if line.startswith("range") else line for line in lines)

    path = export / "events-00001.ndjson"
    (export / "proof.tlog-range").unlink()
    signed_anew(export, path.name, path.read_bytes().replace(b'"data":{', b'"data":{"more":1,'), without)
    assert asked(export, "--keys", keys)[0] == 1


def test_a_folder_with_pipes_and_devices_is_not_read_without_end(
    export: Path, keys: Path, tmp_path: Path
) -> None:
    def instead(name: str, make: Callable[[Path], None]) -> int:
        folder = shutil.copytree(export, tmp_path / f"{name}-{make.__name__}")
        (folder / name).unlink()
        make(folder / name)
        return asked("export", folder, "--keys", keys)[0]

    def device(path: Path) -> None:
        path.symlink_to("/dev/zero")

    def pipe(path: Path) -> None:
        os.mkfifo(path)

    for make in (device, pipe):
        assert instead("events-00001.ndjson", make) == 1
    assert instead("manifest", pipe) == 2
    log = TREE.write(tmp_path / "log", SIZE)
    (log / "checkpoint").unlink()
    pipe(log / "checkpoint")
    assert asked(log, "--keys", keys)[0] == 2


# Proofs of another log.


def test_an_entry_of_another_log_proves_nothing_here(keys: Path, tmp_path: Path) -> None:
    other = Tree((entry(1).replace(ORIGIN.encode(), b"elsewhere.example/log"), entry(2)))
    proof = put(tmp_path, "a.tlog-proof", other.proof(0, 2))
    put(tmp_path, "a.leaf", other.entries[0])
    code, said = asked(proof, "--keys", keys)
    assert (code, said["files"][0]["reason"]) == (1, "a leaf of another log")


def test_the_promise_of_one_log_is_not_kept_by_another(keys: Path, tmp_path: Path) -> None:
    signer = note.Signer("elsewhere.example/log", bytes(32))
    other = Tree(TREE.entries, origin=signer.verifier.name, signer=signer)
    proof = put(tmp_path, "proof", other.proof(5, SIZE))
    arguments = (put(tmp_path, "file", submission()), "--keys", keys, "--vkey", signer.verifier.vkey)
    assert asked(*arguments, "--proof", put(tmp_path, "right", TREE.proof(5, SIZE)))[0] == 0
    assert asked(*arguments, "--proof", proof)[0] == 1


# Completeness: one patient, one stream of commitments.


def test_the_list_of_another_patient_is_not_passed_off(keys: Path, tmp_path: Path) -> None:
    path = put(tmp_path, "list.json", golden("completeness-1.json")())
    patient = json.loads(path.read_bytes())["patient"]
    code, said = asked(path, "--keys", keys, "--patient", patient)
    facts = said["files"][0]["facts"]
    assert code == 0 and ["patient", patient] in facts
    assert [name for name, _ in facts].count("not compared") == 1  # nothing was kept of them
    other = patient[:-1] + ("0" if patient[-1] != "0" else "1")
    code, said = asked(path, "--keys", keys, "--patient", other)
    assert (code, said["files"][0]["reason"].split(" ")[3]) == (1, "another")


def test_the_results_of_a_list_are_named_to_be_compared_with_those_in_hand(
    keys: Path, tmp_path: Path
) -> None:
    path = put(tmp_path, "list.json", golden("completeness-1.json")())
    key = note.Verifier.from_vkey(golden("completeness.vkey")().decode().strip())
    reports = completeness.verify(path.read_bytes(), log=key).reports
    facts = asked(path, "--keys", keys)[1]["files"][0]["facts"]
    assert reports and [value.split(" ")[0] for name, value in facts if name == "result"] == list(
        map(str, reports)
    )


def committed(index: int, *, stream: int, version: int) -> bytes:
    return entry(
        index,
        stream=UUID(int=0x8000_4000_8000_0000_0003_0000 + stream),
        version=version,
        name="ChainsCommitted",
    )


def test_no_patient_has_a_stream_of_commitments_of_their_own(keys: Path, tmp_path: Path) -> None:
    one = [entry(0), committed(1, stream=1, version=1), entry(2), committed(3, stream=1, version=2)]
    assert asked(Tree(tuple(one)).write(tmp_path / "one", 4), "--keys", keys)[0] == 0
    two = [*one, committed(4, stream=2, version=1)]
    code, said = asked(Tree(tuple(two)).write(tmp_path / "two", 5), "--keys", keys)
    assert (code, said["files"][0]["index"]) == (1, 4)


def test_an_older_commitment_is_told_from_the_newest_in_the_log() -> None:
    module = verifier()
    case = module.Case(module.options_of(["x"]))
    tree = module.Checkpoint(ORIGIN, 4, bytes(32))
    assert module.compare_commitment({"stream": "a", "version": "1"}, tree, case) is None
    case.log = module.Log(Path(), tree)
    case.log.versions, case.log.commitments = {"a": 2}, "a"
    assert module.compare_commitment({"stream": "a", "version": "2"}, tree, case) is True
    assert module.compare_commitment({"stream": "a", "version": "1"}, tree, case) is False
    with pytest.raises(module.Bad):
        module.compare_commitment({"stream": "b", "version": "1"}, tree, case)


# Certificates, of the tree that others were shown.


def test_a_certificate_of_another_history_is_found_by_the_log(keys: Path, tmp_path: Path) -> None:
    lines = golden("certificate-differs.note")().decode().partition("\n\n")[0].split("\n")
    lines[1] = ORIGIN
    at = next(number for number, line in enumerate(lines) if line.startswith("tree "))
    big = Tree(tuple(entry(index) for index in range(20)))
    folder = big.write(tmp_path / "log", 20)

    def judged(root: bytes) -> int:
        lines[at] = f"tree 9 {note.encode_base64(root)}"
        path = put(tmp_path, "certificate", note.sign("\n".join([*lines, ""]), RECEIPTS))
        return asked(path, "--keys", keys, "--log-dir", folder)[0]

    assert judged(big.at(9).root_hash) == 0
    assert judged(sha256(b"another history").digest()) == 1


def test_the_size_of_a_tree_is_a_number(keys: Path, tmp_path: Path) -> None:
    text = golden("certificate-differs.note")().decode().partition("\n\n")[0] + "\n"
    origin, old = text.split("\n")[1], next(line for line in text.split("\n") if line.startswith("tree "))
    nothing = note.encode_base64(sha256(b"").digest())
    signer = note.Signer(f"{origin}/receipts", bytes(range(32, 64)))
    path = put(tmp_path, "c", note.sign(text.replace(old, f"tree none {nothing}"), signer))
    assert asked(path, "--vkey", signer.verifier.vkey)[0] == 1


# Archives and PDF.


def archive(path: Path, files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as zipped:
        for name, content in files.items():
            zipped.writestr(name, content)
    return path


def test_an_archive_does_not_write_the_report(keys: Path, tmp_path: Path) -> None:
    name = "a\n  said: all is well\nb.json: GOOD (receipt of a result)\x1b[8m"
    path = archive(tmp_path / "a.zip", {name: submission().replace(b"number 7", b"number 8")})
    found = run(FILE, path, "--keys", keys, folder=tmp_path)
    assert found.returncode == 1 and found.stderr == ""
    assert "\x1b" not in found.stdout
    assert not [line for line in found.stdout.splitlines() if line.startswith(("b.json", "  said: all"))]


def test_what_lies_beside_a_proof_is_not_unpacked_without_end(keys: Path, tmp_path: Path) -> None:
    path = archive(tmp_path / "a.zip", {"a.tlog-proof": FILES["proof"](), "a.leaf": bytes(65 * 2**20)})
    assert asked(path, "--keys", keys)[0] == 2
    many = archive(tmp_path / "b.zip", {f"{number}": b"" for number in range(10_001)}, zipfile.ZIP_STORED)
    assert asked(many, "--keys", keys)[0] == 2


def test_a_broken_archive_ends_nothing(keys: Path, tmp_path: Path) -> None:
    content = archive(
        tmp_path / "a.zip", {"a.tlog-proof": FILES["proof"](), "a.leaf": TREE.entries[9]}
    ).read_bytes()
    at = content.index(b"PK\x01\x02", content.index(b"PK\x01\x02") + 1)
    locked = bytearray(content)
    locked[at + 8] |= 1  # the second file has a password, as far as its flags say
    assert asked(put(tmp_path, "locked.zip", bytes(locked)), "--keys", keys)[0] == 2
    packed = archive(tmp_path / "b.zip", {"a": bytes(5000)}, zipfile.ZIP_LZMA).read_bytes()
    for place in range(31, len(packed), 3):
        spoilt = packed[:place] + bytes([packed[place] ^ 0x55]) + packed[place + 1 :]
        code, _ = asked(put(tmp_path, "spoilt.zip", spoilt), "--keys", keys)
        assert code in (1, 2)


def test_a_consistency_proof_in_an_archive_spoils_nothing_for_others(keys: Path, tmp_path: Path) -> None:
    big = Tree(tuple(entry(index) for index in range(20)))
    old, state = put(tmp_path, "old", big.signed(6)), tmp_path / "state"
    path = archive(tmp_path / "a.zip", {"going-on": big.consistency(6, 9)})
    later = put(tmp_path, "later", big.consistency(9, 20))
    assert asked(old, "--keys", keys, "--state", state)[0] == 0
    code, said = asked(path, later, "--keys", keys, "--state", state)
    assert (code, {one["verdict"] for one in said["files"]}) == (0, {"good"})


def test_what_an_archive_has_besides_is_not_passed_over_in_silence(keys: Path, tmp_path: Path) -> None:
    good = {"1/receipt.json": result(), "README.txt": b"hello"}
    code, said = asked(archive(tmp_path / "a.zip", good), "--keys", keys)
    assert (code, said["files"][-1]["facts"]) == (0, [["checked", 1], ["passed over", 1]])
    inner = archive(tmp_path / "inner.zip", {"receipt.json": result()}).read_bytes()
    for name, content in {
        "2/receipt.json": result().replace(b"result-receipt@v1", b"result-receipt@v9"),
        "2/a.tlog-proof": b"spoilt",
        "completeness.json": b"{",
        "more.zip": inner,
        "export/manifest": (GOLDEN / "export/manifest").read_bytes(),
    }.items():
        assert asked(archive(tmp_path / "b.zip", {**good, name: content}), "--keys", keys)[0] == 2, name


def test_a_result_that_was_shown_and_is_in_no_list_is_named(keys: Path, tmp_path: Path) -> None:
    files = {"receipt.json": result(), "completeness.json": golden("completeness-1.json")()}
    code, said = asked(archive(tmp_path / "a.zip", files), "--keys", keys)
    last = said["files"][-1]
    assert (code, last["verdict"]) == (2, "can't tell") and str(REPORT) in last["reason"]
    listed = [
        value.split(" ")[0] for one in said["files"] for name, value in one["facts"] if name == "result"
    ]
    assert [value for name, value in last["facts"] if name == "no receipt here of"] == listed


def test_a_pdf_has_one_receipt_however_it_is_packed(keys: Path, tmp_path: Path) -> None:
    def stream(content: bytes) -> bytes:
        return b"1 0 obj <<>>\nstream\n" + content + b"\nendstream endobj\n"

    good = stream(zlib.compress(result()))
    assert asked(put(tmp_path, "a.pdf", b"%PDF-1.7\n" + good), "--keys", keys)[0] == 0
    plain = stream(result().replace(b'"current":2', b'"current":1'))
    assert asked(put(tmp_path, "a.pdf", b"%PDF-1.7\n" + good + plain), "--keys", keys)[0] == 1
    bomb = stream(zlib.compress(b'{"checkpoint":' + bytes(19 * 2**20), 9))
    module = fresh()
    inflated = [0]

    class Counting:
        """Counts what is inflated: of many bombs only the first may be."""

        def __init__(self) -> None:
            self._inner = zlib.decompressobj()
            self.eof = False

        def decompress(self, content: bytes, limit: int) -> bytes:
            made = self._inner.decompress(content, limit)
            inflated[0] += len(made)
            self.eof = self._inner.eof
            return made

    module.zlib = type("Zlib", (), {"decompressobj": Counting, "error": zlib.error})
    with pytest.raises(module.Bad):
        module.receipts_in(b"%PDF-1.7\n" + bomb * 200)
    assert inflated[0] < 2 * module.RECEIPT_MAX


# The program.


def test_that_the_state_cannot_be_kept_makes_no_bad_file_better(keys: Path, tmp_path: Path) -> None:
    bad = put(tmp_path, "bad", submission().replace(b"number 7", b"number 8"))
    code, said = asked(bad, "--keys", keys, "--state", tmp_path / "nowhere" / "state")
    assert code == 1 and [one["verdict"] for one in said["files"]] == ["bad", "can't tell"]


@pytest.mark.parametrize(
    "state",
    [
        b"[]",
        b"{}",
        b"\xff",
        b'{"format":"letopis/verifier-state@v1","checkpoints":{"ledger.example/analyses":7},"completeness":{}}',
        b'{"format":"letopis/verifier-state@v1","checkpoints":{"ledger.example/analyses":"x"},"completeness":{}}',
        b'{"format":"letopis/verifier-state@v1","checkpoints":{},"completeness":{"a":{}}}',
    ],
)
def test_a_spoilt_state_is_no_bad_file(state: bytes, keys: Path, tmp_path: Path) -> None:
    path = put(tmp_path, "file", TREE.published(SIZE))
    assert asked(path, "--keys", keys, "--state", put(tmp_path, "state", state))[0] == 2


def test_a_spoilt_key_beside_a_good_log_is_no_bad_log(tmp_path: Path) -> None:
    folder = TREE.write(tmp_path / "log", SIZE)
    file = put(tmp_path, "file", TREE.published(SIZE))
    assert asked(file, "--vkey", "x+y+z", "--log-dir", folder)[0] == 2


def test_signatures_that_it_cannot_check_are_not_passed_over(tmp_path: Path) -> None:
    module = fresh()

    class Lacking:
        @staticmethod
        def from_public_bytes(_: bytes) -> Any:
            raise module.UnsupportedAlgorithm("ML-DSA-44")

    module.MLDSA44PublicKey = Lacking
    checkpoint = put(tmp_path, "checkpoint", TREE.published(SIZE))
    policy = put(tmp_path, "policy", POLICY.encode())
    assert asked(checkpoint, "--policy", policy, module=module)[0] == 2


def test_a_terminal_of_another_alphabet_ends_nothing(keys: Path, tmp_path: Path) -> None:
    path = put(tmp_path, "file", submission())
    found = subprocess.run(
        [sys.executable, str(FILE), str(path), "--keys", str(keys), "--lang", "ru"],
        env={"PYTHONIOENCODING": "ascii"},
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert (found.returncode, found.stderr) == (0, b"")


HOSTILE = {
    "deep": b'{"format":"letopis/result-receipt@v1","a":' + b"[" * 200_000,
    "a huge number": b'{"format":"letopis/completeness@v1","a":' + b"9" * 1_000_000 + b"}",
    "not a number": b'{"format":"letopis/completeness@v1","a":NaN}\n',
    "half a letter": b'{"format":"letopis/destruction-act@v1","a":"\\ud800"}\n',
    "another alphabet": '{"format":"letopis/completeness@v1"}'.encode("utf-16-le"),
    "a long line": b"c2sp.org/tlog-proof@v1\nindex " + b"1" * 5_000_000 + b"\n\n",
    "a number of letters": b"old \xd9\xa1\n\n",
    "lines without end": b"letopis/export@v1\n" + b"\n" * 900_000,
    "signatures without end": LOG.verifier.name.encode()
    + b"\n1\n\n"
    + "\u2014 a AAAAAAA=\n".encode() * 5_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_refused_at_once(name: str, keys: Path, tmp_path: Path) -> None:
    path = put(tmp_path, "file", HOSTILE[name])
    for arguments in ([path], *([kind, path] for kind in verifier().CHECKS)):
        assert asked(*arguments, "--keys", keys)[0] in (1, 2)
