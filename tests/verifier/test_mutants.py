"""Nothing that was changed is accepted: by the stand-alone verifier, nor by our own readers, and they agree."""

from argparse import Namespace
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from ledger import completeness, proof, result_receipt, witness_policy
from ledger.merkle import InvalidProofError
from ledger.note import InvalidNoteError, Verifier
from tests.verifier.evidence import (
    FILES,
    LOG,
    LOG_ML_DSA,
    POLICY,
    RECEIPTS,
    TREE,
    VKEYS,
    golden,
    golden_keys,
)
from tests.verifier.mutants import MUTATORS, mutants
from tests.verifier.standalone import fresh, verifier

SEED = 7
# Of these the policy asks for witnesses; the others are signed by one key, so that their bytes are always the same.
WITNESSED = {"checkpoint", "proof", "consistency"}


class Reader:
    """The stand-alone verifier with everything pinned that an auditor pins."""

    def __init__(self, module: ModuleType, folder: Path) -> None:
        self.module = module
        old = folder / "old"
        old.write_bytes(TREE.published(6))
        self.options: dict[str, Any] = dict.fromkeys(
            ("leaf", "event", "content", "proof", "state", "patient")
        )
        self.options |= {"consistency": [], "old": old, "show": False}
        self.policy = module.policy_from(POLICY.encode())
        self.keys = [module.key_from(vkey) for vkey in dict.fromkeys([*VKEYS, *golden_keys()])]
        self.beside = {".leaf": TREE.entries[9], ".event": golden("certificate-differs.event")()}

    def accepts(self, kind: str, content: bytes, **beside: bytes) -> bool:
        case = self.module.Case(Namespace(**self.options))
        case.options.consistency = []
        case.keys = [*self.keys, *self.policy.witnesses.values()]
        case.policy = self.policy if kind in WITNESSED else None
        case.beside = ({**self.beside, **{f".{name}": held for name, held in beside.items()}}).get
        # A proof of consistency that is good is remembered.
        case.is_proved = lambda *_: False
        return bool(self.module.examine("-", kind, content, case).verdict == "good")


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Reader:
    return Reader(verifier(), tmp_path_factory.mktemp("reader"))


def ours_of_checkpoint(content: bytes) -> object:
    policy = witness_policy.parse(POLICY.encode())
    return witness_policy.satisfied(content, policy, logs=[LOG_ML_DSA.verifier])


def ours_of_proof(content: bytes) -> object:
    ours_of_checkpoint(proof.parse(content).checkpoint)
    return proof.verify(content, TREE.entries[9], LOG.verifier)


OURS: dict[str, Callable[[bytes], object]] = {
    "checkpoint": ours_of_checkpoint,
    "proof": ours_of_proof,
    "receipt": lambda content: result_receipt.verify(content, log=LOG.verifier, receipts=RECEIPTS.verifier),
    "completeness": lambda content: completeness.verify(
        content, log=Verifier.from_vkey(golden("completeness.vkey")().decode().strip())
    ),
}
REFUSALS = (
    InvalidNoteError,
    InvalidProofError,
    result_receipt.InvalidReceiptError,
    completeness.InvalidCompletenessError,
)


def ours_accept(kind: str, content: bytes) -> bool:
    try:
        OURS[kind](content)
    except REFUSALS:
        return False
    return True


@pytest.mark.parametrize("kind", FILES)
def test_what_was_handed_out_is_accepted(reader: Reader, kind: str) -> None:
    content = FILES[kind]()
    assert reader.accepts(kind, content)
    assert kind not in OURS or ours_accept(kind, content)


@pytest.mark.parametrize("kind", FILES)
def test_no_mutant_is_accepted_and_all_readers_agree(reader: Reader, kind: str) -> None:
    tried = Counter[str]()
    for name, mutant in mutants(FILES[kind](), SEED):
        assert not reader.accepts(kind, mutant), (name, mutant)
        assert kind not in OURS or not ours_accept(kind, mutant), (name, mutant)
        tried[name] += 1
    assert set(tried) >= set(MUTATORS) - {"numbers"}, "a mutator had nothing to change"


def test_there_are_more_than_two_thousand_mutants() -> None:
    assert sum(1 for made in FILES.values() for _ in mutants(made(), SEED)) >= 2000


def test_no_mutant_of_what_lies_beside_is_accepted(reader: Reader) -> None:
    for _, mutant in mutants(TREE.entries[9], SEED):
        assert not reader.accepts("proof", FILES["proof"](), leaf=mutant), mutant
    for _, mutant in mutants(golden("certificate-differs.event")(), SEED):
        assert not reader.accepts("certificate", FILES["certificate"](), event=mutant), mutant


def test_what_no_signature_covers_is_accepted_by_both(reader: Reader) -> None:
    """Lines of signers whom nobody knows, and the `extra` line: the specifications want them passed over."""
    whole = FILES["proof"]()
    unknown = "— somebody.example AAAAAAE=\n".encode()
    for harmless in (whole + unknown, whole.replace(b"\nindex", b"\nextra b3JkZXI=\nindex")):
        assert reader.accepts("proof", harmless)
        assert ours_accept("proof", harmless)


# The harness can fail: without any one of these checks it finds a mutant that passes.

# Which refusal is taken away, of which kind of file, and by mutants of which mutator that is seen.
PLANTED = [
    ("JSON in a second spelling", "receipt", "blanks"),
    ("JSON in a second spelling", "completeness", "appended"),
    ("a file of another kind", "proof", "other_evidence"),
    ("a line is missing", "consistency", "flipped"),
    ("a member is missing or too many", "receipt", "spelled_otherwise"),
    ("a number in another form", "proof", "numbers"),
    ("a proof from another size", "consistency", "numbers"),
    ("a signature is wrong", "checkpoint", "flipped"),
    ("a signature is wrong", "submission", "flipped"),
    ("a signature line in another form", "submission", "flipped"),
    ("base64 in a second spelling", "proof", "loose_bits"),
    ("it contradicts what the log has signed before: the history was changed", "consistency", "flipped"),
    ("not signed by the pinned key of", "checkpoint", "flipped"),
    ("one key signed twice", "checkpoint", "doubled"),
    ("the content is not what was recorded", "receipt", "flipped"),
    ("the event is not what its leaf says", "act", "flipped"),
    ("the list is not what was committed to", "completeness", "flipped"),
    ("the proof leads to another root: this entry is not there", "proof", "flipped"),
    ("the receipt is not what was signed", "consent", "flipped"),
    ("the statement says something else", "receipt", "flipped"),
    ("the witnesses of the policy did not sign", "checkpoint", "dropped"),
]


def without(module: ModuleType, text: str) -> None:
    """The module does not refuse for this reason any more."""
    needed, refused = module.need, module.refuse
    if text == "a signature is wrong":
        module.verify = lambda *_: None
    if text == "the witnesses of the policy did not sign":
        module.Policy.holds = lambda *_: True
    if text == "not signed by the pinned key of":
        module.Case.signers = lambda case, note, _: module.signers_of(note, case.keys)
    module.need = lambda condition, said, *rest, **named: (
        None if said == text else needed(condition, said, *rest, **named)
    )
    module.refuse = lambda said, *rest: None if said == text else refused(said, *rest)


@pytest.mark.parametrize(("text", "kind", "name"), PLANTED)
def test_the_harness_finds_a_verifier_without_a_check(
    text: str, kind: str, name: str, tmp_path: Path
) -> None:
    weakened = fresh()
    without(weakened, text)
    reader = Reader(weakened, tmp_path)
    of_mutator = [mutant for made_by, mutant in mutants(FILES[kind](), SEED) if made_by == name]
    assert any(reader.accepts(kind, mutant) for mutant in of_mutator)
