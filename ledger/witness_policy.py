"""Whose word is enough: logs, witnesses and the quorum, as one text file (C2SP tlog-policy).

    log <vkey> [<url>]
    witness <name> <vkey> [<url>]
    group <name> all|any|<k> <name>...
    quorum <name>|none

One line each, a newline at its end, words parted by spaces and tabs; empty lines and lines that begin with # are
passed over. A name is defined before it is used, once, and is a member of one group at most, so that nobody counts
twice; for the same reason no two lines hold one public key. The names are the file's own: they are compared byte
for byte and say nothing outside it. There is one quorum line. What may go wrong is refused with the line's number.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NoReturn, TypeAlias

from ledger import cosignature, note
from ledger.checkpoint import Checkpoint, InvalidCheckpointError
from ledger.checkpoint import parse as parse_checkpoint
from ledger.cosignature import CosignatureVerifier
from ledger.note import InvalidKeyError, InvalidNoteError, Verifier

# Far above the 32 of each that an implementation should take.
LINES_MAX = 1000
SIZE_BYTES_MAX = 1_000_000
NO_QUORUM = "none"

# A log's checkpoints carry an Ed25519 signature (0x01); beside it, under the same origin, they may carry one of
# ML-DSA-44 (0x06), and each of the two keys has a line of its own.
LogKey: TypeAlias = Verifier | CosignatureVerifier


class InvalidPolicyError(Exception):
    """The file is not a policy as C2SP tlog-policy has it."""


class QuorumNotMetError(InvalidNoteError):
    """The log signed the checkpoint, but too few of the witnesses that the policy names cosigned it."""


# The policy.


@dataclass(frozen=True, slots=True)
class Log:
    """A log by one of its keys, whose name is the log's origin, and where it can be read."""

    key: LogKey
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Witness:
    """A witness by one of its keys, and the prefix under which it takes checkpoints."""

    name: str
    key: CosignatureVerifier
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """A group has witnessed what at least `threshold` of its members have."""

    name: str
    threshold: int
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy that was read: its lines in their order, and the name of the quorum, None if none is asked."""

    logs: tuple[Log, ...]
    witnesses: tuple[Witness, ...]
    groups: tuple[Group, ...]
    quorum: str | None

    def log_keys(self, origin: str) -> tuple[LogKey, ...]:
        """The keys that may sign for this origin."""
        return tuple(log.key for log in self.logs if log.key.name == origin)

    def is_met_by(self, names: Iterable[str]) -> bool:
        """Whether these witnesses together are a quorum."""
        if self.quorum is None:
            return True
        witnessed = set(names)
        for group in self.groups:  # members come before their group
            if sum(member in witnessed for member in group.members) >= group.threshold:
                witnessed.add(group.name)
        return self.quorum in witnessed


def parse(content: bytes) -> Policy:
    """The policy of a file."""
    reading = _Reading()
    if len(content) > SIZE_BYTES_MAX:
        _refuse(0, "the file is too large")
    # Whatever is not UTF-8 stays what it was, byte for byte: names are opaque.
    *lines, rest = content.decode("utf-8", "surrogateescape").split("\n")
    if rest:
        _refuse(len(lines) + 1, "the last line does not end in a newline")
    if len(lines) > LINES_MAX:
        _refuse(LINES_MAX + 1, "the file has too many lines")
    for number, line in enumerate(lines, 1):
        try:
            reading.take(line)
        except (InvalidPolicyError, InvalidKeyError) as error:
            _refuse(number, str(error))
    if not reading.quorums:
        _refuse(len(lines), "there is no quorum line")
    return Policy(
        tuple(reading.logs),
        tuple(reading.witnesses),
        tuple(reading.groups),
        None if reading.quorums == [NO_QUORUM] else reading.quorums[0],
    )


_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f]")
_BLANKS = re.compile("[ \t]+")
_THRESHOLD = re.compile("[1-9][0-9]{0,5}")


@dataclass(slots=True)
class _Reading:
    """What was read so far, and which names and keys it took."""

    logs: list[Log] = field(default_factory=list)
    witnesses: list[Witness] = field(default_factory=list)
    groups: list[Group] = field(default_factory=list)
    quorums: list[str] = field(default_factory=list)
    free: dict[str, bool] = field(default_factory=dict)  # each name; False once it is a member of a group

    def take(self, line: str) -> None:
        if _CONTROL.search(line):
            _require(False, "there is a control character")
        words = _BLANKS.split(line.strip(" \t"))
        match words:
            case [""]:
                pass
            case [first, *_] if first.startswith("#"):
                pass
            case ["log", vkey, *url]:
                self.logs.append(Log(self._new_log_key(vkey), _url(url)))
            case ["witness", name, vkey, *url]:
                key = self._new_witness_key(vkey)
                self.witnesses.append(Witness(self._new_name(name), key, _url(url)))
            case ["group", name, threshold, *members]:
                self._group(name, threshold, members)
            case ["quorum", name]:
                _require(not self.quorums, "there is a second quorum line")
                _require(name == NO_QUORUM or name in self.free, f"{name} is not defined before it is used")
                self.quorums.append(name)
            case _:
                _require(False, "this is not a line of a log, a witness, a group or a quorum")

    def _group(self, name: str, threshold: str, members: Sequence[str]) -> None:
        for member in members:
            _require(self.free.get(member) is not None, f"{member} is not defined before it is used")
            _require(self.free[member], f"{member} is a member already: it would count twice")
            self.free[member] = False
        words = {"all": len(members), "any": 1}
        is_number = _THRESHOLD.fullmatch(threshold) is not None
        _require(threshold in words or is_number, "the threshold is not all, any or a number from 1 on")
        count = words[threshold] if threshold in words else int(threshold)
        _require(1 <= count <= len(members), "the group has too few members for its threshold")
        self.groups.append(Group(self._new_name(name), count, tuple(members)))

    def _new_name(self, name: str) -> str:
        _require(name != NO_QUORUM and name not in self.free, f"the name {name} is taken")
        self.free[name] = True
        return name

    def _new_log_key(self, vkey: str) -> LogKey:
        key = log_key(vkey)
        _require(
            key.public_key not in {log.key.public_key for log in self.logs}, "another line has this log's key"
        )
        return key

    def _new_witness_key(self, vkey: str) -> CosignatureVerifier:
        key = CosignatureVerifier.from_vkey(vkey)
        taken = {witness.key.public_key for witness in self.witnesses}
        _require(key.public_key not in taken, "another line has this witness's key")
        return key


def log_key(vkey: str) -> LogKey:
    """A log's key: of type 0x01 (Ed25519), or of type 0x06 (ML-DSA-44) beside it."""
    try:
        return Verifier.from_vkey(vkey)
    except InvalidKeyError:
        key = CosignatureVerifier.from_vkey(vkey)
        if key.kind is not cosignature.Kind.ML_DSA_44:
            reason = "a log's key is of signature type 1 (Ed25519) or 6 (ML-DSA-44)"
            raise InvalidKeyError(reason) from None
        return key


def _url(words: Sequence[str]) -> str | None:
    _require(len(words) <= 1, "there are too many words")
    return words[0].rstrip("/") if words else None


# The judgement.


@dataclass(frozen=True, slots=True)
class Standing:
    """What a note is worth under a policy: the checkpoint, who of the policy's witnesses cosigned it and when (in
    POSIX seconds), and whether they are a quorum."""

    checkpoint: Checkpoint
    cosigned: Mapping[str, int]
    is_met: bool


def judge(signed: bytes, policy: Policy, *, logs: Iterable[LogKey] = ()) -> Standing:
    """Which cosigners count. A policy that names no log is completed by `logs`.

    InvalidNoteError if no known log signed it, a line of a known key, log or witness, is wrong, or a witness
    stands there twice. A quorum that isn't met is no error here: see `satisfied`.
    """
    opened = note.parse(signed)
    checkpoint = parse_checkpoint(opened.text)
    keys = [*policy.log_keys(checkpoint.origin), *(key for key in logs if key.name == checkpoint.origin)]
    verify_log(opened, keys)
    by_key = {witness.key: witness.name for witness in policy.witnesses}
    cosigned = {by_key[key]: at for key, at in cosignature.verify_all(opened, by_key).items()}
    return Standing(checkpoint, cosigned, policy.is_met_by(cosigned))


def satisfied(signed: bytes, policy: Policy, *, logs: Iterable[LogKey] = ()) -> Standing:
    """As `judge`, but QuorumNotMetError if too few witnesses cosigned."""
    standing = judge(signed, policy, logs=logs)
    if not standing.is_met:
        names = ", ".join(standing.cosigned) or "nobody"
        raise QuorumNotMetError(f"cosigned by {names}; the quorum is {policy.quorum}")
    return standing


def verify_log(opened: note.Note, keys: Sequence[LogKey]) -> None:
    """That one of the keys of this origin signed, and that no line of one of them is wrong."""
    if not keys:
        reason = "the checkpoint is of another log"
        raise InvalidCheckpointError(reason)
    classical = {(key.name, key.key_id): key for key in keys if isinstance(key, Verifier)}
    lines = [line for line in opened.signatures if (line.name, line.key_id) in classical]
    is_single = len({(line.name, line.key_id) for line in lines}) == len(lines)
    if not is_single or not all(
        classical[line.name, line.key_id].verify(opened.text, line.signature) for line in lines
    ):
        reason = "the signature of a known key is wrong"
        raise InvalidNoteError(reason)
    others = cosignature.verify_all(opened, (key for key in keys if isinstance(key, CosignatureVerifier)))
    if not lines and not others:
        reason = "no known key signed the note"
        raise InvalidNoteError(reason)


# What a quorum is good for.

# All of their subsets are tried.
WITNESSES_WEIGHED_MAX = 14


@dataclass(frozen=True, slots=True)
class Strength:
    """How many witnesses, by key names, have to cosign at least, and whether any two quorums have one in common:
    only then one honest witness can't be got around by showing two histories to two halves of them."""

    smallest: int
    prevents_forks: bool


def strength(policy: Policy) -> Strength | None:
    """None if there are too many witnesses to try. Several keys of one key name are one witness: whoever has one of
    them has all, so that they together must not look like two."""
    if policy.quorum is None:
        return Strength(0, prevents_forks=False)
    keys_of = dict[str, list[str]]()
    for witness in policy.witnesses:
        keys_of.setdefault(witness.key.name, []).append(witness.name)
    owners = list(keys_of.values())
    if len(owners) > WITNESSES_WEIGHED_MAX:
        return None
    subsets = range(1 << len(owners))
    met = [
        policy.is_met_by(name for place, names in enumerate(owners) if subset >> place & 1 for name in names)
        for subset in subsets
    ]
    smallest = min(subset.bit_count() for subset in subsets if met[subset])
    # Who meets a quorum, meets it with more beside: two that are disjoint are there if a set and its rest both are.
    return Strength(smallest, not any(met[subset] and met[subsets[-1] ^ subset] for subset in subsets))


def _require(condition: bool, reason: str) -> None:
    if not condition:
        raise InvalidPolicyError(reason)


def _refuse(line: int, reason: str) -> NoReturn:
    raise InvalidPolicyError(f"line {line}: {reason}") from None
