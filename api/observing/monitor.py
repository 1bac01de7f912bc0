"""`letopis monitor`: watch a log that somebody else keeps, and never take its word for the past.

One look: what others saw, then what the log shows; who signed it; does its tree begin with the tree seen last; are the
entries, if they are read, the ones under the root; is it fresh; does it agree with what others saw. What is found is
named, and what convicts the log is kept as evidence that needs no trust in the monitor.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import NamedTuple

from api.observing.log_source import LogSource, SourceAwayError, entries_of, read_checkpoint, tile_reader
from api.observing.monitor_memory import MonitorMemory, MonitorMemoryDamagedError
from ledger import cosignature, leaf, merkle, note, tiles, witness_policy
from ledger.checkpoint import Checkpoint
from ledger.cosignature import CosignatureVerifier
from ledger.fork_evidence import Fork
from ledger.leaf import LeafMalformedError
from ledger.merkle import InvalidProofError, OutsideTreeError, Subtree
from ledger.note import InvalidNoteError
from ledger.tiles import InvalidTileError
from ledger.witness_policy import LogKey, Policy

# A log publishes at least every ten minutes, however idle it is; one miss is not an alarm.
AGE_SECONDS_MAX = 20 * 60
CLOCK_AHEAD_SECONDS_MAX = 5 * 60
NO_POLICY = Policy((), (), (), None)


class Verdict(IntEnum):
    """How bad it is. The values are exit codes; 2 is for a monitor that was set up wrongly."""

    WELL = 0
    ALARM = 1
    UNSURE = 3


class What(StrEnum):
    """What was found."""

    # The log contradicts itself.
    FORK = "fork"  # the tree does not begin with the tree that this monitor saw before
    SPLIT_VIEW = "split-view"  # the log showed somebody else another tree
    ROLLED_BACK = "rolled-back"  # the log shows a smaller tree than before
    NOT_SIGNED = "not-signed"  # the checkpoint is malformed, or its signature or a cosignature is wrong
    TREE_WRONG = "tree-wrong"  # the tiles are not those of the signed root
    ENTRY_WRONG = "entry-wrong"  # an entry is not the one under the root, or not a leaf of this log
    # Nothing is proved; a person should look.
    AWAY = "away"
    QUORUM_NOT_MET = "quorum-not-met"
    STALE = "stale"
    CLOCK = "clock"  # a cosignature from the future
    WITHHELD = "withheld"  # somebody else saw a larger tree than the log shows now
    OTHER_AWAY = "other-away"
    OTHER_NOT_SIGNED = "other-not-signed"


_UNSURE = frozenset(
    {
        What.AWAY,
        What.QUORUM_NOT_MET,
        What.STALE,
        What.CLOCK,
        What.WITHHELD,
        What.OTHER_AWAY,
        What.OTHER_NOT_SIGNED,
    }
)


class Finding(NamedTuple):
    """One thing that is not well, and where its evidence is kept: nowhere, if there is none or too much already."""

    what: What
    detail: str
    evidence: str = ""


@dataclass(slots=True)
class Look:
    """What one look showed."""

    findings: list[Finding] = field(default_factory=list)
    checkpoint: Checkpoint | None = None
    cosigned: dict[str, int] = field(default_factory=dict)
    # The time of the newest signature that bears one, of a witness or of the log itself.
    newest: int | None = None
    entries: int = 0

    @property
    def verdict(self) -> Verdict:
        if any(finding.what not in _UNSURE for finding in self.findings):
            return Verdict.ALARM
        return Verdict.UNSURE if self.findings else Verdict.WELL

    def find(self, what: What, detail: str, evidence: str = "") -> None:
        self.findings.append(Finding(what, detail, evidence))


class _Seen(NamedTuple):
    """A checkpoint that the log signed, as the note it came in."""

    signed: bytes
    checkpoint: Checkpoint


class _Other(NamedTuple):
    """What somebody else saw, and where it was asked."""

    place: str
    source: LogSource
    seen: _Seen


@dataclass(frozen=True, slots=True)
class Monitor:
    """How a log is watched: where it is, by which keys it is known, with whom it is compared."""

    source: LogSource
    memory: MonitorMemory
    # All of one origin.
    logs: Sequence[LogKey]
    policy: Policy = NO_POLICY
    # Each with its name: sources whose `checkpoint` is what another monitor, a mirror or a witness saw.
    others: Sequence[tuple[str, LogSource]] = ()
    reads_entries: bool = False
    age_seconds_max: int = AGE_SECONDS_MAX

    def look(self, *, now: int) -> Look:
        """Once. The memory goes on only over trees that were found consistent."""
        look = Look()
        held = self._held()
        # Others first: what they have seen by now, the log has to show now.
        others = self._ask_others(look)
        try:
            signed = read_checkpoint(self.source)
        except SourceAwayError as error:
            look.find(What.AWAY, str(error))
            return look
        shown = self._judge(look, signed, now)
        if shown is None:
            return look
        try:
            self._follow(look, shown, held)
            for other in others:
                self._compare(look, shown, other)
        except SourceAwayError as error:
            look.find(What.AWAY, str(error))
        except _WRONG_TREE as error:
            look.find(What.TREE_WRONG, str(error) or type(error).__name__)
        return look

    def _held(self) -> _Seen | None:
        held = self.memory.checkpoint()
        if held is None:
            return None
        try:
            return _Seen(held, witness_policy.judge(held, NO_POLICY, logs=self.logs).checkpoint)
        except InvalidNoteError:
            raise MonitorMemoryDamagedError from None

    def _ask_others(self, look: Look) -> list[_Other]:
        found = list[_Other]()
        for place, source in self.others:
            try:
                signed = read_checkpoint(source)
            except SourceAwayError as error:
                look.find(What.OTHER_AWAY, str(error))
                continue
            try:
                checkpoint = witness_policy.judge(signed, NO_POLICY, logs=self.logs).checkpoint
            except InvalidNoteError as error:
                look.find(What.OTHER_NOT_SIGNED, f"{place}: {error}", self.memory.keep_note(signed))
                continue
            found.append(_Other(place, source, _Seen(signed, checkpoint)))
        return found

    def _judge(self, look: Look, signed: bytes, now: int) -> _Seen | None:
        """The checkpoint, if the log signed it; whether enough witnesses did, and when."""
        try:
            standing = witness_policy.judge(signed, self.policy, logs=self.logs)
        except InvalidNoteError as error:
            look.find(What.NOT_SIGNED, str(error), self.memory.keep_note(signed))
            return None
        look.checkpoint, look.cosigned = standing.checkpoint, dict(standing.cosigned)
        if not standing.is_met:
            look.find(What.QUORUM_NOT_MET, f"cosigned by {', '.join(standing.cosigned) or 'nobody'}")
        own = (key for key in self.logs if isinstance(key, CosignatureVerifier))
        times = [*standing.cosigned.values(), *cosignature.verify_all(note.parse(signed), own).values()]
        if times:
            look.newest = max(times)
            age = now - look.newest
            if age > self.age_seconds_max:
                look.find(What.STALE, f"the newest signature is {age} seconds old")
            if age < -CLOCK_AHEAD_SECONDS_MAX:
                look.find(What.CLOCK, f"a signature is {-age} seconds in the future")
        return _Seen(signed, standing.checkpoint)

    def _follow(self, look: Look, shown: _Seen, held: _Seen | None) -> None:
        """From the tree that was seen last to the one that is shown."""
        size = shown.checkpoint.tree_size
        if held is not None and size < held.checkpoint.tree_size:
            evidence = self._contradiction_if_readable(shown, held, self.source)
            detail = f"{size} entries are shown, {held.checkpoint.tree_size} were before"
            if evidence is None:
                look.find(What.ROLLED_BACK, detail, self.memory.keep_note(shown.signed))
            else:
                look.find(What.FORK, detail, evidence)
            return
        evidence = self._contradiction(held, shown, self.source) if held else None
        if held is not None and evidence is not None:
            detail = f"the tree does not begin with the {held.checkpoint.tree_size} entries seen before"
            look.find(What.FORK, detail, evidence)
            return
        if merkle.read_root(size, _tree(self.source, size)) != shown.checkpoint.root_hash:
            raise InvalidTileError("the tiles lead to another root")
        if self.reads_entries and not self._read_entries(look, shown.checkpoint):
            return
        self.memory.keep_checkpoint(shown.signed)

    def _compare(self, look: Look, shown: _Seen, other: _Other) -> None:
        """What is shown here with what was shown to somebody else."""
        here, there = shown.checkpoint.tree_size, other.seen.checkpoint.tree_size
        if there <= here:
            evidence = self._contradiction(other.seen, shown, self.source)
        else:
            # Tiles of the larger tree may be where the other is, if that is a mirror, or here already.
            evidence = self._contradiction_if_readable(shown, other.seen, other.source)
            if evidence is None:
                evidence = self._contradiction_if_readable(shown, other.seen, self.source)
        if evidence is not None:
            look.find(
                What.SPLIT_VIEW, f"{other.place} saw another tree ({there} entries, {here} here)", evidence
            )
        elif there > here:
            kept = self.memory.keep_note(other.seen.signed)
            look.find(What.WITHHELD, f"{other.place} saw {there} entries, {here} are shown here", kept)

    def _contradiction(self, first: _Seen, second: _Seen, source: LogSource) -> str | None:
        """Where the evidence is, if the larger tree does not begin with the one that is not larger. Where the tiles of the
        larger tree lead to another root than its own, they show nothing: that is raised."""
        old, new = first.checkpoint, second.checkpoint
        if old.tree_size == new.tree_size:
            root, proof = new.root_hash, list[bytes]()
        else:
            read = _tree(source, new.tree_size)
            root = merkle.read_root(old.tree_size, read)
            proof = merkle.prove_consistency(old.tree_size, new.tree_size, read)
            merkle.check_consistency(
                proof,
                old_size=old.tree_size,
                old_root=root,
                new_size=new.tree_size,
                new_root=new.root_hash,
            )
        if root == old.root_hash:
            return None
        return self.memory.keep_fork(Fork(first.signed, second.signed, root, tuple(proof)))

    def _contradiction_if_readable(self, first: _Seen, second: _Seen, source: LogSource) -> str | None:
        try:
            return self._contradiction(first, second, source)
        except (SourceAwayError, *_WRONG_TREE):
            return None

    def _read_entries(self, look: Look, checkpoint: Checkpoint) -> bool:
        """Read on from where the entries were read to; whether all are the ones under the root."""
        frontier = self.memory.frontier()
        if frontier.size > checkpoint.tree_size:
            raise MonitorMemoryDamagedError
        read_tile = tile_reader(self.source)
        full, width = divmod(checkpoint.tree_size, tiles.TILE_WIDTH)
        for index in range(frontier.size // tiles.TILE_WIDTH, full + (width > 0)):
            bundle = tiles.BundleId(index, tiles.TILE_WIDTH if index < full else width)
            first = frontier.size - index * tiles.TILE_WIDTH
            entries = entries_of(self.source, bundle)[first:]
            hashes = [merkle.leaf_hash(entry) for entry in entries]
            tile = read_tile(0, index, bundle.width)[first * merkle.HASH_SIZE_BYTES :]
            for place, (entry, hashed) in enumerate(zip(entries, hashes, strict=True)):
                start = place * merkle.HASH_SIZE_BYTES
                is_under_root = tile[start : start + merkle.HASH_SIZE_BYTES] == hashed
                if not is_under_root or not _is_leaf(entry, checkpoint.origin):
                    look.find(What.ENTRY_WRONG, f"the entry of index {frontier.size + place}")
                    return False
            frontier = frontier.extend(hashes)
            look.entries += len(entries)
        if frontier.root() != checkpoint.root_hash:
            raise InvalidTileError("the entries lead to another root")
        self.memory.keep_frontier(frontier)
        return True


_WRONG_TREE = (InvalidTileError, InvalidProofError, OutsideTreeError)


def _tree(source: LogSource, size: int) -> Subtree:
    return tiles.subtree_reader(size, tile_reader(source))


def _is_leaf(entry: bytes, origin: str) -> bool:
    """Whether it is a leaf of Letopis, and of this log."""
    try:
        return leaf.parse(entry).origin == origin
    except LeafMalformedError:
        return False
