"""The stand-alone verifier as somebody uses it: by its file, with pinned keys, a kept state and exit codes."""

import ast
import io
import json
import shutil
import sys
import zipfile
import zlib
from hashlib import sha256
from pathlib import Path
from random import Random

import pytest

from api import log_server
from api.command_line.verifier import verifier as given_out
from ledger import completeness, note
from ledger.note import Verifier
from tests.verifier.evidence import (
    FILES,
    GOLDEN,
    LOG,
    LOG_ML_DSA,
    OTHER,
    POLICY,
    RECEIPTS,
    SIZE,
    TREE,
    VKEYS,
    WITNESSES,
    Tree,
    entry,
    golden,
    golden_keys,
    result,
    submission,
)
from tests.verifier.standalone import FILE, asked, fresh, run, verifier

BIG = Tree(tuple(entry(index) for index in range(602)))


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    path = tmp_path / "keys.txt"
    path.write_text("# pinned\n" + "\n".join(dict.fromkeys([*VKEYS, *golden_keys()])) + "\n")
    return path


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    path = tmp_path / "policy"
    path.write_text(POLICY)
    return path


def put(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


# The file.


def test_the_file_stands_alone() -> None:
    """Of what is not in the standard library it asks for `cryptography` and nothing else; it is one file, not short."""
    imported = set()
    for node in ast.walk(ast.parse(FILE.read_text())):
        if isinstance(node, ast.Import):
            imported |= {name.name.split(".")[0] for name in node.names}
        if isinstance(node, ast.ImportFrom):
            imported.add(str(node.module).split(".")[0])
    assert imported - set(sys.stdlib_module_names) == {"cryptography"}


def test_it_runs_in_an_empty_folder_by_itself(tmp_path: Path) -> None:
    shutil.copy(FILE, tmp_path / "v.py")
    put(tmp_path, "a.tlog-proof", FILES["proof"]())
    put(tmp_path, "a.leaf", TREE.entries[9])
    good = run("v.py", "a.tlog-proof", "--vkey", VKEYS[0], folder=tmp_path)
    assert (good.returncode, good.stderr) == (0, "")
    assert "a.tlog-proof: GOOD (proof of an entry)" in good.stdout and "not shown: " in good.stdout
    put(tmp_path, "a.leaf", TREE.entries[8])
    bad = run("v.py", "a.tlog-proof", "--vkey", VKEYS[0], "--lang", "ru", folder=tmp_path)
    assert bad.returncode == 1
    assert "a.tlog-proof: НЕВЕРНО" in bad.stdout and "другому корню" in bad.stdout
    unsure = run("v.py", "a.tlog-proof", folder=tmp_path)
    assert unsure.returncode == 2 and "no public key is pinned for" in unsure.stdout


def test_everything_that_it_says_is_there_in_russian_too() -> None:
    words = set()
    for node in ast.walk(ast.parse(FILE.read_text())):
        if isinstance(node, ast.Call):
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            place = 1 if name == "need" else 0
            if name in ("need", "refuse", "Bad", "Unsure", "tell"):
                said = node.args[place : 2 if name == "tell" else place + 1]
                words |= {one.value for one in said if isinstance(one, ast.Constant) and one.value}
    module = verifier()
    words |= {text for _, name, not_shown in module.CHECKS.values() for text in (name, not_shown)}
    words |= {module.FORK, module.NOT_COMPARED, "GOOD", "BAD", "CAN'T TELL"}
    assert sorted(words - set(module.RUSSIAN)) == []


# Each kind says what it is, and is judged.


@pytest.mark.parametrize("kind", FILES)
def test_each_kind_is_known_by_itself(kind: str, keys: Path, tmp_path: Path) -> None:
    path = put(tmp_path, "file.x", FILES[kind]())
    put(tmp_path, "file.leaf", TREE.entries[9])
    old = put(tmp_path, "old", TREE.signed(6))
    code, said = asked(path, "--keys", keys, "--old", old)
    assert code == 0, said
    assert said["files"][0]["kind"] == kind and said["files"][0]["not_shown"]
    assert said["verdict"] == "good" and said["format"] == "letopis/verifier-report@v1"


def test_a_kind_that_was_asked_for_is_the_one_that_it_must_be(keys: Path, tmp_path: Path) -> None:
    path = put(tmp_path, "file", submission())
    assert asked("submission", path, "--keys", keys)[0] == 0
    assert asked("certificate", path, "--keys", keys)[0] == 1


def test_what_is_of_no_known_kind_or_not_there_cannot_be_told(keys: Path, tmp_path: Path) -> None:
    for content in (b"", b"hello\n", b"{}", b"[1]", b"\xff\xfe"):
        assert asked(put(tmp_path, "file", content), "--keys", keys)[0] == 2
    assert asked(tmp_path / "none", "--keys", keys)[0] == 2
    assert asked(tmp_path / "none", "--keys", tmp_path / "no-keys")[0] == 2
    assert asked(tmp_path / "none", "--vkey", "x+y+z")[0] == 2


def test_one_bad_file_among_good_ones_is_told(keys: Path, tmp_path: Path) -> None:
    good, bad = (
        put(tmp_path, "good", submission()),
        put(tmp_path, "bad", submission().replace(b"number 7", b"number 8")),
    )
    code, said = asked(good, bad, "--keys", keys)
    assert code == 1
    assert [one["verdict"] for one in said["files"]] == ["good", "bad"]


def test_a_promise_is_proved_by_a_proof_of_its_leaf(keys: Path, tmp_path: Path) -> None:
    path, content = put(tmp_path, "file", submission()), put(tmp_path, "sent", b"sealed envelope")
    right, wrong = put(tmp_path, "right", TREE.proof(5, SIZE)), put(tmp_path, "wrong", TREE.proof(4, SIZE))
    assert asked(path, "--keys", keys, "--proof", right, "--content", content)[0] == 0
    assert asked(path, "--keys", keys, "--proof", wrong)[0] == 1
    assert asked(path, "--keys", keys, "--content", right)[0] == 1


@pytest.mark.parametrize("kind", ["submission", "receipt", "consent", "certificate", "act"])
def test_a_receipt_bears_one_signature(kind: str, keys: Path, tmp_path: Path) -> None:
    stranger, content = "— somebody.example AAAAAAE=\n", FILES[kind]().decode()
    added = content + stranger
    if content.startswith("{"):
        added = content.replace('=\\n"}', "=\\n" + stranger.replace("\n", "\\n") + '"}')
        added = added.replace('=\\n"\n}', "=\\n" + stranger.replace("\n", "\\n") + '"\n}')
        added = added.replace('=\\n","versions"', "=\\n" + stranger.replace("\n", "\\n") + '","versions"')
    assert added != content
    code, said = asked(put(tmp_path, "file", added.encode()), "--keys", keys)
    assert (code, said["files"][0]["reason"]) == (1, "more than one signature")


# Witnesses.


def test_the_quorum_of_the_policy_must_have_signed(policy: Path, tmp_path: Path) -> None:
    assert asked(put(tmp_path, "both", TREE.published(SIZE)), "--policy", policy)[0] == 0
    lines = TREE.published(SIZE).decode().splitlines(keepends=True)
    for missing in (-1, -2):
        short = "".join(line for at, line in enumerate(lines) if at != len(lines) + missing).encode()
        assert asked(put(tmp_path, "one", short), "--policy", policy)[0] == 1
    assert asked(put(tmp_path, "none", TREE.signed(SIZE)), "--policy", policy)[0] == 1
    assert asked(put(tmp_path, "none", TREE.signed(SIZE)), "--vkey", VKEYS[0])[0] == 0


def test_a_receipt_is_under_the_witnesses_by_the_log_that_goes_on_from_it(
    policy: Path, keys: Path, tmp_path: Path
) -> None:
    path = put(tmp_path, "receipt", result())
    assert asked(path, "--keys", keys, "--policy", policy)[0] == 2
    longer = Tree((*TREE.entries, *(entry(index) for index in range(20, 320))))
    folder = longer.write(tmp_path / "log", 313)
    assert asked(path, "--keys", keys, "--policy", policy, "--log-dir", folder)[0] == 0
    fork = Tree((entry(900), *longer.entries[1:])).write(tmp_path / "fork", 313)
    code, said = asked(path, "--keys", keys, "--policy", policy, "--log-dir", fork)
    assert (code, said["files"][0]["reason"]) == (1, verifier().FORK)


@pytest.mark.parametrize(
    "spoilt",
    [
        POLICY.replace("quorum both\n", ""),
        POLICY + "quorum none\n",
        POLICY[:-1],
        POLICY.replace("group both all w1 w2", "group both 3 w1 w2"),
        POLICY.replace("group both all w1 w2", "group both 0 w1 w2"),
        POLICY.replace("group both all w1 w2", "group both 02 w1 w2"),
        POLICY.replace("group both all w1 w2", "group both all w1 w1"),
        POLICY.replace("group both all w1 w2", "group both all w1 both"),
        POLICY.replace("group both", "group other any w1\ngroup both"),
        POLICY.replace("quorum both", "quorum w3"),
        POLICY.replace("witness w2", "witness w1"),
        POLICY.replace(WITNESSES[1].verifier.vkey, WITNESSES[0].verifier.vkey),
        POLICY.replace(WITNESSES[1].verifier.vkey, LOG.verifier.vkey),
        POLICY.replace("quorum", "Quorum"),
        POLICY.replace("\n", "\r\n"),
    ],
)
def test_a_policy_that_is_none_is_refused(spoilt: str, tmp_path: Path) -> None:
    checkpoint = put(tmp_path, "checkpoint", TREE.published(SIZE))
    assert asked(checkpoint, "--policy", put(tmp_path, "policy", spoilt.encode()))[0] == 2


def test_without_ml_dsa_it_says_so_instead_of_passing_it_over(tmp_path: Path) -> None:
    module = fresh()
    module.MLDSA44PublicKey = None
    checkpoint = put(tmp_path, "checkpoint", TREE.published(SIZE))
    arguments = (checkpoint, "--policy", put(tmp_path, "policy", POLICY.encode()))
    code, said = asked(*arguments, module=module)
    assert code == 2 and "ML-DSA-44" in said["files"][0]["reason"]
    assert LOG_ML_DSA.verifier.vkey in VKEYS


# The kept state.


def test_what_was_seen_must_be_continued(keys: Path, tmp_path: Path) -> None:
    state = tmp_path / "state.json"

    def shown(content: bytes, *more: object) -> int:
        return asked(put(tmp_path, "now", content), "--keys", keys, "--state", state, *more)[0]

    assert shown(BIG.signed(300)) == 0
    assert shown(BIG.signed(300)) == 0
    assert shown(BIG.signed(299)) == 1  # rolled back
    fork = Tree((entry(700), *BIG.entries[1:]))
    assert shown(fork.signed(300)) == 1  # another history of the same size
    assert shown(BIG.signed(400)) == 2  # larger, and nothing shows that it goes on
    going_on = put(tmp_path, "going-on", BIG.consistency(300, 400))
    assert shown(BIG.published(400), "--consistency", going_on) == 0
    assert shown(BIG.signed(300)) == 1
    assert asked(put(tmp_path, "next", BIG.consistency(400, 500)), "--keys", keys, "--state", state)[0] == 0
    assert shown(BIG.signed(400)) == 1
    folder, forked = BIG.write(tmp_path / "log", 602), fork.write(tmp_path / "fork", 602)
    assert asked(forked, "--keys", keys, "--state", state)[0] == 1
    assert asked(folder, "--keys", keys, "--state", state)[0] == 0
    assert str(json.loads(state.read_text())["checkpoints"]).count("602") == 1


def test_checkpoints_of_several_sizes_may_be_judged_together(keys: Path, tmp_path: Path) -> None:
    files = [put(tmp_path, f"at-{size}", BIG.signed(size)) for size in (300, 400, 200)]
    assert asked(*files, "--keys", keys)[0] == 0
    fork = put(tmp_path, "fork", Tree((entry(700), *BIG.entries[1:])).signed(400))
    assert asked(*files, fork, "--keys", keys)[0] == 1  # but not two trees of one size


def test_a_file_that_is_bad_leaves_no_trace_in_the_state(keys: Path, tmp_path: Path) -> None:
    state = tmp_path / "state.json"
    proof = put(tmp_path, "a.tlog-proof", TREE.proof(9, SIZE))
    put(tmp_path, "a.leaf", b"another")
    assert asked(proof, "--keys", keys, "--state", state)[0] == 1
    assert json.loads(state.read_text())["checkpoints"] == {}


def test_completeness_is_held_against_what_was_kept(keys: Path, tmp_path: Path) -> None:
    state = tmp_path / "state.json"
    files = [put(tmp_path, name, golden(name)()) for name in ("completeness-1.json", "completeness-2.json")]
    shorter = put(tmp_path, "shorter.json", golden("completeness-3-shorter.json")())
    assert asked(shorter, "--keys", keys)[0] == 0
    assert asked(*files, "--keys", keys, "--state", state)[0] == 0
    code, said = asked(shorter, "--keys", keys, "--state", state)
    assert code == 1 and "something was dropped" in said["files"][0]["reason"]
    assert asked(files[0], "--keys", keys, "--state", state)[0] == 1
    key = Verifier.from_vkey(golden("completeness.vkey")().decode().strip())
    kept = completeness.verify(files[1].read_bytes(), log=key).kept
    (held,) = json.loads(state.read_text())["completeness"].values()
    assert held == json.loads(completeness.kept_to_bytes(kept))


# The log as files.


@pytest.fixture(scope="module")
def log_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return BIG.write(tmp_path_factory.mktemp("log"), 602)


def test_a_log_is_computed_anew(log_folder: Path, keys: Path, policy: Path) -> None:
    code, said = asked(log_folder, "--keys", keys, "--policy", policy)
    assert code == 0
    assert ["entries", 602] in said["files"][0]["facts"]


EDITS: dict[str, tuple[str, int, int | None]] = {
    "a byte of an entry": ("tile/entries/001", 1000, 260),
    "a length of an entry": ("tile/entries/000", 0, 0),
    "a byte of the last bundle": ("tile/entries/002.p/90", 5000, 536),
    "a hash of a full tile": ("tile/0/001", 34 * 32, 290),
    "a hash of the partial tile": ("tile/0/002.p/90", 5 * 32 + 7, 517),
    "a hash of the row above": ("tile/1/000.p/2", 40, 256),
    "a byte of the signature": ("checkpoint", 120, None),
    "a digit of the size": ("checkpoint", len("ledger.example/analyses\n60"), None),
}


@pytest.mark.parametrize("name", EDITS)
def test_an_edited_file_is_found_at_its_first_leaf(
    name: str, log_folder: Path, keys: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(log_folder, tmp_path / "log")
    file, at, expected = EDITS[name]
    content = bytearray((folder / file).read_bytes())
    content[at] ^= 1
    (folder / file).write_bytes(content)
    code, said = asked(folder, "--keys", keys)
    assert (code, said["files"][0]["index"]) == (1, expected)


@pytest.mark.parametrize(
    ("file", "expected"),
    [("tile/entries/001", 256), ("tile/0/002.p/90", 512), ("tile/1/000.p/2", 0), ("checkpoint", None)],
)
def test_a_missing_or_longer_file_is_found(
    file: str, expected: int | None, log_folder: Path, keys: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(log_folder, tmp_path / "log")
    content = (folder / file).read_bytes()
    (folder / file).write_bytes(content + b"\x00")
    assert asked("log", folder, "--keys", keys)[0] == 1
    (folder / file).unlink()
    code, said = asked("log", folder, "--keys", keys)
    assert code == (2 if file == "checkpoint" else 1)
    assert said["files"][0]["index"] == expected


def test_a_log_that_grew_meanwhile_and_dropped_narrow_tiles_is_good(keys: Path, tmp_path: Path) -> None:
    grown = Tree((*BIG.entries, *(entry(index) for index in range(602, 800))))
    folder = grown.write(tmp_path / "log", 800)
    put(folder, "checkpoint", BIG.signed(602))
    assert asked(folder, "--keys", keys)[0] == 1  # narrow tiles of row 1 are not there, nor is a full one
    BIG.write(tmp_path / "log", 602)
    shutil.rmtree(folder / "tile/0/002.p")
    shutil.rmtree(folder / "tile/entries/002.p")
    assert asked(folder, "--keys", keys)[0] == 0


def test_a_history_rewritten_by_a_thief_of_the_log_key_is_found_by_what_was_kept(
    keys: Path, policy: Path, tmp_path: Path
) -> None:
    state = tmp_path / "state.json"
    honest = BIG.write(tmp_path / "log", 500)
    assert asked(honest, "--keys", keys, "--state", state)[0] == 0
    rewritten = Tree((*BIG.entries[:100], entry(900), *BIG.entries[101:])).write(tmp_path / "forged", 602)
    assert asked(rewritten, "--keys", keys)[0] == 0  # it agrees with itself, and the log's key signed it
    assert asked(rewritten, "--keys", keys, "--state", state)[0] == 1
    (rewritten / "checkpoint").write_bytes(
        (rewritten / "checkpoint").read_bytes().rpartition("— w".encode())[0]
    )
    assert asked(rewritten, "--policy", policy)[0] == 1  # without the witnesses, whose keys the thief has not


def test_a_gap_in_a_stream_is_named(keys: Path, tmp_path: Path) -> None:
    stream = entry(1).decode().split("\n")[3]
    entries = [entry(0), entry(1), entry(2).replace(entry(2).split(b"\n")[3], stream.encode())]
    code, said = asked(Tree(tuple(entries)).write(tmp_path / "log", 3), "--keys", keys)
    assert (code, said["files"][0]["index"]) == (1, 2)


def test_a_log_of_another_key_is_bad(keys: Path, tmp_path: Path) -> None:
    folder = Tree(BIG.entries[:5], signer=OTHER).write(tmp_path / "log", 5)
    assert asked(folder, "--keys", keys)[0] == 1
    assert asked(folder, "--vkey", RECEIPTS.verifier.vkey)[0] == 2


# Exports.


@pytest.fixture
def export(tmp_path: Path) -> Path:
    return shutil.copytree(GOLDEN / "export", tmp_path / "export")


def test_an_export_is_compared_with_the_log_row_by_row(export: Path, keys: Path) -> None:
    code, said = asked(export, "--keys", keys)
    assert code == 0
    assert not [fact for fact in said["files"][0]["facts"] if fact[0] == "not against the log"]


def test_any_change_of_an_export_is_found(export: Path, keys: Path, tmp_path: Path) -> None:
    for path in sorted(export.iterdir()):
        content = path.read_bytes()
        # The last: of a sealed event's row, what no leaf speaks of, with the size as it was.
        spots = (content[:20] + b"x" + content[21:], content.replace(b'"staff:a', b'"staff:c', 1))
        for changed in (content + b" ", content[:-1], *spots):
            if changed != content and path.name != "keys.txt":
                path.write_bytes(changed)
                # With another origin in the manifest there is no key for it: 2.
                assert asked("export", export, "--keys", keys)[0] in (1, 2), path
        path.write_bytes(content)
    added = put(export, "events-00003.ndjson", b"")
    assert asked(export, "--keys", keys)[0] == 1
    added.unlink()
    assert asked(export, "--keys", keys)[0] == 0


ROWS = {
    "a row dropped": lambda lines: lines[:1] + lines[2:],
    "two rows swapped": lambda lines: [lines[1], lines[0], *lines[2:]],
    "a row twice": lambda lines: [lines[0], *lines],
    "a field of a leaf": lambda lines: [lines[0].replace('"ReportReceived"', '"ReportRevised"'), *lines[1:]],
    "what an event in clear says": lambda lines: [
        line.replace('"data":{', '"data":{"more":1,') for line in lines
    ],
    "who caused it": lambda lines: [line.replace('"actor":"', '"actor":"x', 1) for line in lines],
}


@pytest.mark.parametrize("name", ROWS)
def test_who_holds_the_key_of_receipts_cannot_change_a_row(name: str, export: Path, keys: Path) -> None:
    """The manifest is signed anew, with right sizes and digests: the log contradicts it all the same."""
    path = export / "events-00001.ndjson"
    lines = path.read_text().splitlines(keepends=True)
    changed = "".join(ROWS[name](lines)).encode()
    if name == "who caused it":
        changed = "".join(line if '"key_id":"' in line else ROWS[name]([line])[0] for line in lines).encode()
    assert changed != path.read_bytes()
    path.write_bytes(changed)
    manifest = export / "manifest"
    text = manifest.read_text().partition("\n\n")[0] + "\n"
    count, total = changed.count(b"\n"), changed.count(b"\n") + 3
    said = next(line for line in text.splitlines() if line.startswith(f"file {path.name}"))
    words = said.split(" ")
    digest = note.encode_base64(sha256(changed).digest())
    text = text.replace(
        said, f"file {path.name} {len(changed)} {count} {words[4]} {words[5]} sha256:{digest}"
    )
    manifest.write_bytes(note.sign(text.replace("rows 7\n", f"rows {total}\n"), RECEIPTS))
    assert asked(export, "--keys", keys)[0] == 1


# Files that hold others.


def pdf(*attached: bytes) -> bytes:
    streams = [
        b"1 0 obj << /Filter /FlateDecode >>\nstream\n" + zlib.compress(one) + b"\nendstream endobj\n"
        for one in attached
    ]
    return b"%PDF-1.7\n" + b"".join([b"2 0 obj <<>>\nstream\nBT ET\nendstream\n", *streams]) + b"%%EOF\n"


def test_the_receipt_in_a_pdf_is_found(keys: Path, tmp_path: Path) -> None:
    assert asked(put(tmp_path, "a.pdf", pdf(b"page", result())), "--keys", keys)[0] == 0
    assert (
        asked(put(tmp_path, "a.pdf", pdf(result().replace(b'"current":2', b'"current":1'))), "--keys", keys)[
            0
        ]
        == 1
    )
    assert asked(put(tmp_path, "a.pdf", pdf(result(), result())), "--keys", keys)[0] == 1
    assert asked(put(tmp_path, "a.pdf", pdf(b"page")), "--keys", keys)[0] == 2


def test_the_receipt_in_a_pdf_is_found_behind_long_code_tables() -> None:
    """Found with a real result: its letters were so many that a hundred packed bytes held none of them."""
    letters = [byte for byte in range(35, 256) for _ in range(3 << byte * 13 % 7)]
    Random(1).shuffle(letters)
    content = b'{"checkpoint":' + bytes(letters)
    assert zlib.decompressobj().decompress(zlib.compress(content)[:100], 14) == b"", "the tables are long"
    assert verifier().receipts_in(pdf(b"page", content)) == [content]


def test_every_proof_in_an_archive_is_judged(keys: Path, tmp_path: Path) -> None:
    spoilt = result().replace(b'"current":2', b'"current":1')

    def archive(**files: bytes) -> int:
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as zipped:
            for name, content in files.items():
                zipped.writestr(name.replace("__", "/").replace("_", "."), content)
        return asked(put(tmp_path, "a.zip", packed.getvalue()), "--keys", keys)[0]

    proof = {"proofs__a_tlog-proof": FILES["proof"](), "proofs__a_leaf": TREE.entries[9]}
    assert archive(README_txt=b"hello", r1__receipt_json=result(), r1__a_pdf=pdf(result()), **proof) == 0
    assert archive(r1__receipt_json=spoilt, r2__receipt_json=result()) == 1
    assert archive(r1__receipt_json=result(), r1__a_pdf=pdf(spoilt)) == 1
    assert archive(**{**proof, "proofs__a_leaf": TREE.entries[8]}) == 1
    assert archive(README_txt=b"hello") == 2
    assert asked(put(tmp_path, "b.zip", b"PK\x03\x04 broken"), "--keys", keys)[0] == 1


# Handed out.


def test_the_file_is_handed_out_by_the_program_and_by_the_server(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given_out(tmp_path)
    content = FILE.read_bytes()
    assert (tmp_path / FILE.name).read_bytes() == content
    assert sha256(content).hexdigest() in capsys.readouterr().out
    assert log_server.verifier().body == content
