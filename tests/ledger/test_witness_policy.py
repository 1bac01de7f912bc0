"""A policy says whose word is enough; it is read in one spelling, and nobody in it counts twice (C2SP tlog-policy)."""

import pytest

from ledger import cosignature, note, witness_policy
from ledger.cosignature import Cosigner, Kind
from ledger.note import InvalidNoteError, Signer
from ledger.witness_policy import InvalidPolicyError, QuorumNotMetError, Standing
from tests.small_log import LOG, LOG_ML_DSA, ORIGIN, SmallLog

AT = 1_700_000_000
NAMES = ("X1", "X2", "X3", "Y1", "Y2", "Y3")
WITNESSES = {
    name: Cosigner(f"witness.example/{name}", bytes([number]) * 32, Kind.ED25519)
    for number, name in enumerate(NAMES, 1)
}
LINES = "".join(f"witness {name} {one.verifier.vkey}\n" for name, one in WITNESSES.items())
# The example of the specification.
EXAMPLE = (
    f"log {LOG.verifier.vkey}\n\n{LINES}group X-witnesses 2 X1 X2 X3\ngroup Y-witnesses any Y1 Y2 Y3\n\n"
    "group X-and-Y all X-witnesses Y-witnesses\nquorum X-and-Y\n"
)
TREE = SmallLog(5)


def cosigned(*names: str, at: int = AT) -> bytes:
    return TREE.signed(at=AT, by=()) if not names else _with(names, at)


def _with(names: tuple[str, ...], at: int) -> bytes:
    text = note.parse(TREE.signed()).text
    lines = [cosignature.cosign(text, cosigner=WITNESSES[name], at=at) for name in names]
    return cosignature.with_lines(TREE.signed(), lines)


def satisfied(signed: bytes, policy: str = EXAMPLE) -> Standing:
    return witness_policy.satisfied(signed, witness_policy.parse(policy.encode()))


# The quorum.


@pytest.mark.parametrize("names", [("X1", "X2", "Y1"), ("Y3", "X3", "X1"), NAMES])
def test_enough_of_each_group_are_a_quorum(names: tuple[str, ...]) -> None:
    standing = satisfied(cosigned(*names))
    assert standing.cosigned == dict.fromkeys(names, AT)
    assert standing.checkpoint == TREE.checkpoint()


@pytest.mark.parametrize(
    "names", [(), ("X1",), ("X1", "X2"), ("X1", "Y1"), ("Y1", "Y2", "Y3"), ("X1", "X2", "X3")]
)
def test_too_few_are_no_quorum_and_who_counted_is_said(names: tuple[str, ...]) -> None:
    with pytest.raises(QuorumNotMetError) as refusal:
        satisfied(cosigned(*names))
    assert all(name in str(refusal.value) for name in names)
    standing = witness_policy.judge(cosigned(*names), witness_policy.parse(EXAMPLE.encode()))
    assert (standing.is_met, set(standing.cosigned)) == (False, set(names))


def test_without_a_quorum_the_log_alone_is_enough() -> None:
    assert satisfied(cosigned(), f"log {LOG.verifier.vkey}\nquorum none\n").is_met


def test_a_single_witness_may_be_the_quorum() -> None:
    policy = f"log {LOG.verifier.vkey}\n{LINES}quorum Y2\n"
    assert satisfied(cosigned("Y2"), policy).is_met
    with pytest.raises(QuorumNotMetError):
        satisfied(cosigned("Y1"), policy)


def test_a_stranger_does_not_count() -> None:
    stranger = Cosigner("witness.example/X1", bytes(32), Kind.ED25519)
    line = cosignature.cosign(note.parse(TREE.signed()).text, cosigner=stranger, at=AT)
    with pytest.raises(QuorumNotMetError):
        satisfied(cosignature.with_lines(cosigned("X2", "Y1"), [line]))


def test_one_witness_twice_is_refused() -> None:
    for spoilt in (
        cosigned("X1", "X1", "Y1"),
        cosigned("X1", "X2", "Y1") + cosigned("X1", at=AT + 1).split(b"\n\n")[1].split(b"\n")[1] + b"\n",
    ):
        with pytest.raises(InvalidNoteError) as refusal:
            satisfied(spoilt)
        assert "twice" in str(refusal.value)


def test_a_wrong_line_of_a_known_witness_is_refused_even_if_others_are_enough() -> None:
    name, key_id = WITNESSES["X3"].name, WITNESSES["X3"].verifier.key_id
    with pytest.raises(InvalidNoteError):
        satisfied(
            cosignature.with_lines(cosigned("X1", "X2", "Y1"), [note.Signature(name, key_id, bytes(72))])
        )


# The log.


def test_another_log_is_refused_and_so_is_another_key() -> None:
    for key in (Signer("ledger.example/other", LOG.seed), Signer(ORIGIN, bytes(32))):
        with pytest.raises(InvalidNoteError):
            satisfied(cosigned(*NAMES), EXAMPLE.replace(LOG.verifier.vkey, key.verifier.vkey))


def test_either_key_of_the_log_signs_for_it_but_a_wrong_line_of_either_is_refused() -> None:
    signed = TREE.signed(at=AT)
    both = (
        f"log {LOG.verifier.vkey}\nlog {LOG_ML_DSA.verifier.vkey} https://ledger.example/log/\nquorum none\n"
    )
    assert satisfied(signed, both).is_met
    assert satisfied(signed, f"log {LOG_ML_DSA.verifier.vkey}\nquorum none\n").is_met
    assert witness_policy.parse(both.encode()).logs[1].url == "https://ledger.example/log"
    ml_dsa, ed25519 = (
        note.Signature(ORIGIN, LOG_ML_DSA.verifier.key_id, bytes(2428)),
        note.Signature(ORIGIN, LOG.verifier.key_id, bytes(64)),
    )
    for spoilt in (ml_dsa, ed25519):
        with pytest.raises(InvalidNoteError):
            satisfied(cosignature.with_lines(TREE.signed(), [spoilt]), both)


def test_a_policy_without_logs_is_completed_by_whoever_knows_the_log() -> None:
    policy = witness_policy.parse(f"{LINES}quorum X1\n".encode())
    assert witness_policy.satisfied(cosigned("X1"), policy, logs=[LOG.verifier]).is_met
    with pytest.raises(InvalidNoteError):
        witness_policy.satisfied(cosigned("X1"), policy)


# The file.


def test_blanks_comments_and_bytes_that_are_not_utf_8_are_taken() -> None:
    policy = (
        b"# \xff\xfe\n\t \n  witness\t\xff  "
        + WITNESSES["X1"].verifier.vkey.encode()
        + b" http://a \t\nquorum \xff\n"
    )
    read = witness_policy.parse(policy)
    assert read.is_met_by([read.witnesses[0].name])
    assert not read.is_met_by(["X1"])
    assert read.witnesses[0].url == "http://a"


X1, X2 = (f"witness {name} {WITNESSES[name].verifier.vkey}\n" for name in ("X1", "X2"))
AGAIN = Cosigner("another.example", WITNESSES["X1"].seed, Kind.ED25519)


@pytest.mark.parametrize(
    ("policy", "line"),
    {
        "": 0,
        X1: 1,
        f"{X1}quorum X1": 2,  # no newline at the end
        f"{X1}quorum X1\nquorum X1\n": 3,
        f"{X1}quorum none\nquorum X1\n": 3,
        "quorum X1\n" + X1: 1,
        f"{X1}{X1.replace('X1', 'X9')}quorum X1\n": 2,  # one key, two names in the file
        f"{X1}witness X9 {AGAIN.verifier.vkey}\nquorum X1\n": 2,  # one key, two key names
        f"{X1}{X2.replace('X2', 'X1', 1)}quorum X1\n": 2,
        f"{X1}witness none {WITNESSES['X2'].verifier.vkey}\nquorum X1\n": 2,
        f"{X1}group X1 any X1\nquorum X1\n": 2,
        f"{X1}group g any\nquorum g\n": 2,
        f"{X1}group g any g\nquorum g\n": 2,
        f"{X1}group g any none\nquorum g\n": 2,
        f"{X1}group g 0 X1\nquorum g\n": 2,
        f"{X1}group g 2 X1\nquorum g\n": 2,
        f"{X1}group g 01 X1\nquorum g\n": 2,
        f"{X1}group g ١ X1\nquorum g\n": 2,
        f"{X1}group g all X1 X1\nquorum g\n": 2,
        f"{X1}group g all X1\ngroup h all X1\nquorum g\n": 3,
        f"{X1}quorum X2\n": 2,
        f"{X1}quorum\n": 2,
        f"{X1}quorum X1 X1\n": 2,
        f"{X1.removesuffix(chr(10))} http://a http://b\nquorum X1\n": 1,
        f"{X1}\rquorum X1\n": 2,
        f"{X1}quorum X1\x7f\n": 2,
        f"{X1}quorum\u00a0X1\n": 2,
        f"Log {LOG.verifier.vkey}\nquorum none\n": 1,
        f"log {LOG.verifier.vkey}\nlog {LOG.verifier.vkey}\nquorum none\n": 2,
        f"log {WITNESSES['X1'].verifier.vkey}\nquorum none\n": 1,  # a witness's key is no log's
        f"witness X1 {LOG.verifier.vkey}\nquorum X1\n": 1,
        f"{X1.replace('A', 'B', 1)}quorum X1\n": 1,
    }.items(),
)
def test_anything_else_is_refused_with_its_line(policy: str, line: int) -> None:
    with pytest.raises(InvalidPolicyError) as refusal:
        witness_policy.parse(policy.encode())
    if line:
        assert str(refusal.value).startswith(f"line {line}: ")


def test_a_file_too_large_to_be_a_policy_is_refused() -> None:
    for content in (b"#" * 1_000_001, b"#\n" * 1_001):
        with pytest.raises(InvalidPolicyError):
            witness_policy.parse(content)


def test_a_policy_holds_many_of_each() -> None:
    keys = [Signer(f"log.example/{number}", bytes([number]) * 32).verifier.vkey for number in range(32)]
    many = [
        Cosigner(f"w{number}", bytes([number, 1]) * 16, Kind.ED25519).verifier.vkey for number in range(32)
    ]
    lines = [f"log {key}\n" for key in keys] + [
        f"witness {number} {key}\n" for number, key in enumerate(many)
    ]
    groups = ["group g0 all 0\n"] + [
        f"group g{number} all g{number - 1} {number}\n" for number in range(1, 32)
    ]
    policy = witness_policy.parse("".join([*lines, *groups, "quorum g31\n"]).encode())
    assert policy.is_met_by(map(str, range(32)))
    assert not policy.is_met_by(map(str, range(31)))


# What a quorum is good for.


def strength(rules: str) -> tuple[int, bool]:
    found = witness_policy.strength(witness_policy.parse(f"{LINES}{rules}".encode()))
    assert found is not None
    return found.smallest, found.prevents_forks


@pytest.mark.parametrize(
    ("rules", "smallest", "prevents_forks"),
    [
        ("quorum none\n", 0, False),
        ("quorum X1\n", 1, True),
        ("group g any X1 X2\nquorum g\n", 1, False),
        ("group g all X1 X2\nquorum g\n", 2, True),
        ("group g 2 X1 X2 X3\nquorum g\n", 2, True),
        ("group g 2 X1 X2 X3 Y1\nquorum g\n", 2, False),
        ("group g 3 X1 X2 X3 Y1\nquorum g\n", 3, True),
        ("group x 2 X1 X2 X3\ngroup y any Y1 Y2 Y3\ngroup g all x y\nquorum g\n", 3, True),
        ("group x any X1 X2 X3\ngroup y any Y1 Y2 Y3\ngroup g all x y\nquorum g\n", 2, False),
    ],
)
def test_a_quorum_prevents_forks_if_any_two_share_a_witness(
    rules: str, smallest: int, prevents_forks: bool
) -> None:
    assert strength(rules) == (smallest, prevents_forks)


def test_two_keys_of_one_witness_are_one_witness() -> None:
    second = Cosigner(WITNESSES["X1"].name, bytes(32), Kind.ML_DSA_44).verifier.vkey
    assert strength(f"witness X1b {second}\ngroup g any X1 X1b\nquorum g\n") == (1, True)
    assert strength(f"witness X1b {second}\ngroup g 2 X1 X1b X2\nquorum g\n") == (1, True)
    assert strength(f"witness X1b {second}\ngroup h any X1 X1b\ngroup g 2 h X2 X3\nquorum g\n") == (2, True)
