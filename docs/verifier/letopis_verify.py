#!/usr/bin/env python3
"""letopis_verify.py: checks what a Letopis hands out, without Letopis, without its database and without a network.

It is one file on purpose: the standard library of Python 3.9 or later and `cryptography` (pyca), nothing else. It was
written from the public specifications (C2SP signed-note, tlog-checkpoint, tlog-cosignature, tlog-policy, tlog-proof,
tlog-tiles, tlog-witness; RFC 6962, RFC 9162) and docs/evidence/*.md, not from our server's program, so that a mistake
there is not repeated here.

    letopis_verify.py --keys KEYS [--policy POLICY] [--state STATE] [COMMAND] FILE...

COMMAND says what the files must be; without it each file says so itself. Nothing in a file is ever a source of trust:
public keys are pinned by you (--vkey, --keys, --policy), got once from a place you believe. What has been seen is kept
in STATE: a later answer that does not continue it is refused.

Exit: 0 all good; 1 something is bad; 2 nothing is bad, but something can't be told (no key, unreadable, not compared).
Order of the file: words; keys and notes; checkpoints and witnesses; the tree; the log; proofs; receipts; completeness;
certificates, acts, exports; PDF and ZIP; the program; its words in Russian.
"""

from __future__ import annotations

import argparse
import base64
import csv
import hashlib
import hmac
import json
import os
import re
import sys
import time
import zipfile
import zlib
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, NoReturn, Optional, Tuple

try:
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
except ImportError:
    sys.exit("letopis_verify.py needs the package `cryptography`: pip install cryptography")
try:
    from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey
except ImportError:  # an older one, or without a library that has it
    MLDSA44PublicKey = None  # type: ignore[assignment,misc]

NUMBER_MAX = 2**63 - 1
NOTE_MAX, FILE_MAX, ENTRY_MAX, RECEIPT_MAX = 1_000_000, 512 * 2**20, 65_535, 20 * 2**20
COMPLETENESS_MAX, ROW_MAX = 50_000_000, 64 * 2**20
SIGNATURES_MAX, PATH_MAX = 100, 63
# Of one archive: files, bytes of one file, bytes of all.
MEMBERS_MAX, MEMBER_MAX, UNPACKED_MAX = 10_000, 64 * 2**20, 2**30

# Words. Everything is said in English here; the Russian is at the end of the file.


class Bad(Exception):
    """Proven wrong. `index` is the first bad place, where there is one; `detail` says of what it is."""

    def __init__(self, text: str, index: Optional[int] = None, detail: str = "") -> None:
        super().__init__(text)
        self.text, self.index, self.detail = text, index, detail


class Unsure(Bad):
    """Not proven wrong, and not proven right."""


def need(condition: bool, text: str, index: Optional[int] = None, detail: str = "") -> None:
    if not condition:
        raise Bad(text, index, detail)


def refuse(text: str, detail: str = "") -> NoReturn:
    raise Bad(text, None, detail)


FORK = "it contradicts what the log has signed before: the history was changed"
NOT_COMPARED = "with what was seen before: give --log-dir or --consistency"

# One spelling of everything.


def from_base64(text: str) -> bytes:
    """Standard base64 with padding; no blanks, no loose bits in the last digit: one value, one spelling."""
    try:
        found = base64.b64decode(text.encode("ascii"), validate=True)
    except ValueError:
        refuse("this is not base64")
    need(to_base64(found) == text, "base64 in a second spelling")
    return found


def to_base64(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")


def digest(content: bytes) -> str:
    return to_base64(hashlib.sha256(content).digest())


def hash_from(text: Any) -> bytes:
    need(type(text) is str, "a hash is no text")
    found = from_base64(text)
    need(len(found) == 32, "a hash has not 32 bytes")
    return found


def number_from(text: str) -> int:
    """ASCII digits without sign or leading zero, below 2^63."""
    need(re.fullmatch("0|[1-9][0-9]{0,18}", text) is not None, "a number in another form")
    need(int(text) <= NUMBER_MAX, "a number is too large")
    return int(text)


def text_from(raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        refuse("this is not UTF-8")


def canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def as_stored(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def json_from(raw: bytes, write: Callable[[Any], str], end: bytes = b"") -> Any:
    """JSON in the one spelling that `write` gives: no second key of a name, no other order, no other blanks."""
    try:
        found = json.loads(text_from(raw))
        is_same = write(found).encode() + end == raw
    except (ValueError, RecursionError):
        refuse("this is not JSON")
    need(is_same, "JSON in a second spelling")
    return found


def shaped(value: Any, **kinds: Any) -> Any:
    """An object with exactly these members, each of its kind (of one of several); numbers are whole and not negative."""
    need(isinstance(value, dict) and set(value) == set(kinds), "a member is missing or too many")
    for name, kind in kinds.items():
        found = value[name]
        fits = type(found) in (kind if isinstance(kind, tuple) else (kind,))
        need(fits and (type(found) is not int or 0 <= found <= NUMBER_MAX), "a value of another kind", detail=name)
    return value


UUID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
FORMS = {
    "uuid": UUID,
    "who": f"-|{UUID}",
    "number": "0|[1-9][0-9]{0,18}",
    "word": "[a-z-]+",
    "text": ".+",
    "hash": "[A-Za-z0-9+/]{43}=",
    "sha256": "sha256:[A-Za-z0-9+/]{43}=",
    "time": r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{6})?\+00:00",
    "stamp": r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z",
    "range": "-|(?:0|[1-9][0-9]{0,18}) [1-9][0-9]{0,18}",
}


def fields(lines: List[str], forms: str) -> Dict[str, str]:
    """Lines of `name value`, exactly those of the forms (`name=form ...`), in their order."""
    wanted = [one.split("=") for one in forms.split(" ")]
    need(len(lines) == len(wanted), "lines are missing or too many")
    found = {}
    for line, (name, form) in zip(lines, wanted):
        match = re.fullmatch(f"{name} ({FORMS[form]})", line)
        need(match is not None, "a line in another form", detail=line[:60])
        found[name] = match.group(1) if match else ""
        if form in ("hash", "sha256"):
            found[name] = found[name][-44:]
            hash_from(found[name])
    return found


# Keys and signed notes (C2SP signed-note).

ED25519, COSIGN_ED25519, COSIGN_ML_DSA = 1, 4, 6
KEY_BYTES = {ED25519: 32, COSIGN_ED25519: 32, COSIGN_ML_DSA: 1312}


class Key(NamedTuple):
    """A public key under its name: <name>+<8 hex of the id>+<base64(kind || key)>."""

    name: str
    kind: int
    public: bytes

    @property
    def id(self) -> bytes:
        return hashlib.sha256(self.name.encode() + b"\n" + bytes([self.kind]) + self.public).digest()[:4]

    @property
    def vkey(self) -> str:
        return f"{self.name}+{self.id.hex()}+{to_base64(bytes([self.kind]) + self.public)}"


def key_from(vkey: str) -> Key:
    parts = vkey.split("+", 2)
    need(len(parts) == 3, "this is not a public key (vkey)")
    content = from_base64(parts[2])
    need(KEY_BYTES.get(content[0] if content else 0) == len(content) - 1, "a key of an unknown kind")
    key = Key(parts[0], content[0], content[1:])
    need(is_key_name(key.name) and key.vkey == vkey, "the id of a key is not its own")
    return key


def is_key_name(name: str) -> bool:
    return bool(name) and "+" not in name and not any(c.isspace() or c < " " for c in name)


class Note(NamedTuple):
    """A text, and the lines under it: (name of the key, its id, signature). Nothing of it is verified yet."""

    text: str
    signatures: List[Tuple[str, bytes, bytes]]


def note_from(raw: bytes) -> Note:
    need(len(raw) <= NOTE_MAX, "the note is too large")
    whole = text_from(raw)
    need(not any(c < " " and c != "\n" for c in whole), "a control character in a signed note")
    text, gap, tail = whole.rpartition("\n\n")
    need(bool(gap) and tail.endswith("\n"), "the note has no signatures")
    need(tail.count("\n") <= SIGNATURES_MAX, "too many signatures")
    found = []
    for line in tail[:-1].split("\n"):
        parts = line.split(" ")
        form = len(parts) == 3 and parts[0] == "\N{EM DASH}" and is_key_name(parts[1])
        need(form, "a signature line in another form")
        signed = from_base64(parts[2])
        need(len(signed) > 4, "a signature is too short")
        found.append((parts[1], signed[:4], signed[4:]))
    return Note(text + "\n", found)


Signers = Dict[Key, Optional[int]]


def signers_of(note: Note, keys: List[Key]) -> Signers:
    """Which of these keys signed, and when (cosigners say it). Lines of unknown keys are ignored, as the specification
    asks; a line of a known key must be right, and there may be one only."""
    known = {(key.name, key.id): key for key in keys}
    found: Signers = {}
    for name, key_id, signature in note.signatures:
        key = known.get((name, key_id))
        if key is not None:
            need(key not in found, "one key signed twice", detail=name)
            found[key] = verified_time(note, key, signature)
    return found


def verified_time(note: Note, key: Key, signature: bytes) -> Optional[int]:
    """Verifies one signature; the time in it, if its kind has one (C2SP tlog-cosignature)."""
    at = int.from_bytes(signature[:8], "big")
    if key.kind == ED25519:
        verify(key, signature, note.text.encode())
        return None
    need(at <= NUMBER_MAX, "a time is out of range")
    if key.kind == COSIGN_ED25519:
        message = f"cosignature/v1\ntime {at}\n{note.text}".encode()
    else:
        seen = checkpoint_in(note)
        start, end = bytes(8), seen.size.to_bytes(8, "big")
        parts = (short(key.name), at.to_bytes(8, "big"), short(seen.origin), start, end, seen.root)
        message = b"subtree/v1\n\0" + b"".join(parts)
    verify(key, signature[8:], message)
    return at


def short(name: str) -> bytes:
    content = name.encode()
    need(1 <= len(content) <= 255, "a name is too long")
    return bytes([len(content)]) + content


def verify(key: Key, signature: bytes, message: bytes) -> None:
    if key.kind == COSIGN_ML_DSA and MLDSA44PublicKey is None:
        raise Unsure("this `cryptography` has no ML-DSA-44: take a newer one")
    kind: Any = MLDSA44PublicKey if key.kind == COSIGN_ML_DSA else Ed25519PublicKey
    try:
        kind.from_public_bytes(key.public).verify(signature, message)
    except InvalidSignature:
        refuse("a signature is wrong", key.name)
    except UnsupportedAlgorithm:  # what it is built on does not have it
        raise Unsure("this `cryptography` has no such signatures: take a newer one", detail=key.name) from None


# Checkpoints (C2SP tlog-checkpoint), witnesses and their quorum (C2SP tlog-policy).


class Checkpoint(NamedTuple):
    """The log `origin` had `size` entries, and `root` was the root of their tree."""

    origin: str
    size: int
    root: bytes
    raw: bytes = b""

    def __str__(self) -> str:
        return f"{self.size} {to_base64(self.root)}"


def checkpoint_in(note: Note) -> Checkpoint:
    lines = note.text[:-1].split("\n")
    need(len(lines) >= 3 and all(lines), "this is not a checkpoint")
    found = Checkpoint(lines[0], number_from(lines[1]), hash_from(lines[2]))
    need(found.size > 0 or found.root == EMPTY, "the root of an empty log is another")
    return found


class Policy(NamedTuple):
    """Who are the logs and the witnesses, and which of them must have signed. A group: how many of which members."""

    logs: List[Key]
    witnesses: Dict[str, Key]
    groups: Dict[str, Tuple[int, List[str]]]
    quorum: List[str]

    def holds(self, signers: Signers, name: str) -> bool:
        if name in self.witnesses:
            return self.witnesses[name] in signers
        count, members = self.groups.get(name, (0, []))  # `none` asks for nobody
        return sum(self.holds(signers, member) for member in members) >= count


def policy_from(raw: bytes) -> Policy:
    policy, names = Policy([], {}, {}, []), ["none"]
    used: List[str] = []
    need(re.search(rb"[\x00-\x08\x0b-\x1f\x7f]", raw) is None and raw.endswith(b"\n"), "this is not a policy")
    for line in raw.decode("utf-8", "surrogateescape").split("\n"):
        words = [word for word in re.split("[ \t]", line) if word]
        if not words or words[0].startswith("#"):
            continue
        verb, args = words[0], words[1:]
        if verb in ("witness", "group"):
            need(bool(args) and args[0] not in names, "a name stands twice", detail=line)
            names.append(args[0])
        if verb == "log" and len(args) in (1, 2):
            policy.logs.append(key_from(args[0]))
        elif verb == "witness" and len(args) in (2, 3):
            policy.witnesses[args[0]] = key_from(args[1])
        elif verb == "group" and len(args) >= 3:
            members = args[2:]
            named = (
                len(set(members)) == len(members) and not set(used) & set(members) and set(members) <= set(names[1:-1])
            )
            need(named, "members are named before, and once", detail=line)
            count = number_from({"any": "1", "all": str(len(members))}.get(args[1], args[1]))
            need(1 <= count <= len(members), "another count", detail=line)
            policy.groups[args[0]] = (count, members)
            used += members
        elif verb == "quorum" and len(args) == 1 and not policy.quorum and args[0] in names:
            policy.quorum.append(args[0])
        else:
            refuse("not a line of a policy", line)
    need(len(policy.quorum) == 1, "the policy has no quorum")
    witnesses = list(policy.witnesses.values())
    for keys, wrong in ((policy.logs, COSIGN_ED25519), (witnesses, ED25519)):
        single = len({key.public for key in keys}) == len(keys) and all(key.kind != wrong for key in keys)
        need(single, "a key twice, or of a wrong kind")
    return policy


class Case:
    """What is pinned, what was seen before, and what is found of one file."""

    def __init__(self, options: Any) -> None:
        self.options = options
        self.keys: List[Key] = []
        self.policy: Optional[Policy] = None
        self.state: Dict[str, Any] = {"checkpoints": {}, "completeness": {}, "format": STATE}
        self.log: Optional[Log] = None
        self.roots: Dict[Tuple[str, int], bytes] = {}  # of this run: two trees of one size are a fork
        self.proofs: List[bytes] = [read(path) for path in options.consistency]
        self.facts: List[Tuple[str, Any]] = []
        self.listed: Dict[str, None] = {}  # reports of lists of completeness, and those of receipts, of this run
        self.received: Dict[str, None] = {}
        self.now: Optional[Path] = None
        self.beside: Callable[[str], Optional[bytes]] = lambda _: None

    def tell(self, name: str, value: Any) -> None:
        self.facts.append((name, value))

    def signers(self, note: Note, name: str) -> Signers:
        """Who signed; a key of this name must be pinned, and be one of them."""
        keys = [key for key in self.keys if key.name == name and key.kind != COSIGN_ED25519]
        if not keys:
            raise Unsure("no public key is pinned for", detail=name)
        found = signers_of(note, self.keys)
        need(any(key in found for key in keys), "not signed by the pinned key of", detail=name)
        return found

    def receipt(self, raw: bytes, first_line: str, forms: str = "") -> Tuple[str, List[str], Dict[str, str]]:
        """A note that the key of receipts signed, `<origin>/receipts`, and nobody else: its origin, the lines behind it,
        and their fields if it has fixed ones."""
        note = note_from(raw)
        lines = note.text[:-1].split("\n")
        need(lines[0] == first_line and len(lines) > 2, "a file of another kind", detail=first_line)
        self.signers(note, lines[1] + "/receipts")
        need(len(note.signatures) == 1, "more than one signature")
        self.tell("origin", lines[1])
        return lines[1], lines[2:], fields(lines[2:], forms) if forms else {}

    def checkpoint(self, raw: bytes, *, single: bool = False, fresh: bool = False) -> Checkpoint:
        """A checkpoint that the log signed, with the quorum of the policy, and that continues what was seen. `single`:
        a receipt's, which the log alone signs, so that its bytes are always the same; `fresh`: it may not be older."""
        note = note_from(raw)
        seen = checkpoint_in(note)._replace(raw=raw)
        signers = self.signers(note, seen.origin)
        self.tell("checkpoint", f"{seen.origin}, {seen}")
        need(not single or len(note.signatures) == 1, "more than one signature")
        for key, at in signers.items():
            if at is not None and key.name != seen.origin:
                self.tell("witness", f"{key.name}, {utc(at)}")
        if self.policy is not None and not self.policy.holds(signers, self.policy.quorum[0]):
            need(single, "the witnesses of the policy did not sign")
            # A receipt has the witnesses' word by the log folder, whose checkpoint they signed and which continues it.
            if self.log is None or self.log.seen.origin != seen.origin or seen.size > self.log.seen.size:
                raise Unsure("a receipt has no witnesses: give --log-dir")
        self.connect(seen, fresh=fresh)
        return seen

    def connect(self, seen: Checkpoint, *, fresh: bool) -> None:
        """Against --log-dir, and against the largest checkpoint that was kept of this log."""
        log = self.log if self.log is not None and self.log.seen.origin == seen.origin else None
        fresh = fresh and self.options.state is not None  # of several files of one run, any may be the older one
        self.compare_tree(seen)
        kept_raw = self.state["checkpoints"].get(seen.origin)
        if kept_raw is not None:
            kept = checkpoint_in(note_from(kept_raw.encode()))
            need(not fresh or seen.size >= kept.size, "older than what was seen before", detail=str(kept.size))
            if kept.size == seen.size:
                need(kept.root == seen.root, FORK)
            elif log is not None and log.seen.size >= max(seen.size, kept.size):
                need(log.continues(kept), FORK)
            elif not self.is_proved(kept, seen):
                if fresh:
                    raise Unsure("not compared " + NOT_COMPARED)
                self.tell("not compared", NOT_COMPARED)
                return
            if seen.size <= kept.size:
                return
        self.state["checkpoints"][seen.origin] = seen.raw.decode()

    def compare_tree(self, seen: Checkpoint) -> None:
        """Against the trees of one size that this run has seen, and against --log-dir."""
        need(self.roots.setdefault((seen.origin, seen.size), seen.root) == seen.root, FORK)
        log = self.log if self.log is not None and self.log.seen.origin == seen.origin else None
        need(log is None or seen.size > log.seen.size or log.continues(seen), FORK)
        raw = self.state["checkpoints"].get(seen.origin)
        kept = checkpoint_in(note_from(raw.encode())) if raw else None
        need(kept is None or kept.size != seen.size or kept.root == seen.root, FORK)

    def is_proved(self, kept: Checkpoint, seen: Checkpoint) -> bool:
        for proof in self.proofs:
            old, hashes, raw = consistency_from(proof)
            proved = checkpoint_in(note_from(raw))
            if (old, proved.origin, proved.size, proved.root) == (kept.size, seen.origin, seen.size, seen.root):
                check_continues(kept, seen, hashes)
                return True
        return False


def utc(seconds: int) -> str:
    try:
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
    except (ValueError, OverflowError, OSError):  # a signed time may lie behind the last year of the calendar
        return f"{seconds} s"


# The Merkle tree (RFC 6962 section 2.1, RFC 9162 section 2.1).

EMPTY = hashlib.sha256(b"").digest()


def leaf_hash(entry: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + entry).digest()


def node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def root_of(row: List[bytes]) -> bytes:
    """MTH: neighbours are joined, and a last one without a neighbour goes up as it is."""
    while len(row) > 1:
        last = [row[-1]] if len(row) % 2 else []
        row = [node(left, right) for left, right in zip(row[::2], row[1::2])] + last
    return row[0] if row else EMPTY


def climb(index: int, size: int, start: Tuple[bytes, bytes], hashes: List[bytes]) -> Tuple[bytes, bytes]:
    """From a node of a row of `size` up to the root, by the rule that RFC 9162 gives for both proofs (2.1.3.2, 2.1.4.2).
    Of the pair, the first takes its left neighbours only: so it becomes the root of the older tree."""
    fn, sn, (fr, sr) = index, size - 1, start
    for c in hashes:
        need(sn > 0, "the proof is too long")
        if fn & 1 or fn == sn:
            fr, sr = node(c, fr), node(c, sr)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            sr = node(sr, c)
        fn, sn = fn >> 1, sn >> 1
    need(sn == 0, "the proof is too short")
    return fr, sr


def check_inclusion(leaf: bytes, index: int, hashes: List[bytes], tree: Checkpoint) -> None:
    """RFC 9162, 2.1.3.2."""
    need(index < tree.size, "the index is outside the tree")
    _, root = climb(index, tree.size, (leaf, leaf), hashes)
    need(root == tree.root, "the proof leads to another root: this entry is not there")


def check_continues(old: Checkpoint, new: Checkpoint, hashes: List[bytes]) -> None:
    """RFC 9162, 2.1.4.2: the old tree is the beginning of the new one."""
    need(old.origin == new.origin and old.size <= new.size, "the older tree is of another log, or larger")
    if old.size in (0, new.size):
        need(not hashes, "the proof is too long")
        need(old.size == 0 or old.root == new.root, FORK)
        return
    path = [old.root, *hashes] if old.size & (old.size - 1) == 0 else hashes
    need(len(path) > 0, "the proof is too short")
    index, last = old.size - 1, new.size - 1
    while index & 1:
        index, last = index >> 1, last >> 1
    need(climb(index, last + 1, (path[0], path[0]), path[1:]) == (old.root, new.root), FORK)


# Leaves: what the log says of one event. Public, and without anything personal.

LEAF_FIRST = "letopis/leaf@v1"
LEAF_LINES = {
    "origin": "[A-Za-z0-9._/-]{1,200}",
    "event": UUID,
    "stream": UUID,
    "version": "[1-9][0-9]{0,18}",
    "name": "[A-Za-z]+@[1-9][0-9]{0,18}",
    "recorded": r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z",
    "key": f"-|{UUID}",
    "digest": "[A-Za-z0-9+/]{43}=",
    "commitment": "-|[A-Za-z0-9+/]{43}=",
}
LEAF = re.compile("\n".join([LEAF_FIRST, *(f"(?P<{name}>{form})" for name, form in LEAF_LINES.items()), ""]))


def leaf_from(entry: bytes) -> Dict[str, str]:
    match = LEAF.fullmatch(text_from(entry))
    need(match is not None, "this is not a leaf of a Letopis")
    found = match.groupdict() if match else {}
    hash_from(found["digest"])
    hash_from(found["digest"] if found["commitment"] == "-" else found["commitment"])
    return found


class Clear(NamedTuple):
    """An event that is not sealed: its leaf, the leaf's fields, who caused it, and what it says, also as it is stored."""

    entry: bytes
    leaf: Dict[str, str]
    actor: str
    data: Any
    body: bytes


def event_in_clear(stored: bytes, name: str) -> Clear:
    """From its stored bytes: the leaf, an empty line between, and what the leaf's digest is of."""
    head, gap, rest = stored.partition(b"\n\n")
    entry, parts = head + b"\n", rest.split(b"\n")
    leaf = leaf_from(entry)
    need(bool(gap) and leaf["name"] == name and leaf["key"] == "-" == leaf["commitment"], "another event", detail=name)
    need(digest(rest) == leaf["digest"], "the event is not what its leaf says")
    need(len(parts) == 3, "an event in another form")
    return Clear(entry, leaf, json.loads(parts[1])["actor"], json.loads(parts[2]), parts[2])


# The log as files (C2SP tlog-tiles): everything is computed anew from its entries.


class Log:
    """A folder whose entries make exactly the tree that its checkpoint signs, once `check` has passed. Kept of it are the
    roots of full tiles (32 bytes for 256 entries) and the folder, for the root at any smaller size."""

    WIDTH = 256

    def __init__(self, folder: Path, seen: Checkpoint) -> None:
        self.folder, self.seen = folder, seen
        self.roots: List[bytes] = []
        self.versions: Dict[str, int] = {}
        self.commitments: Optional[str] = None  # the one stream of ChainsCommitted

    def check(self) -> None:
        """Every entry, every hash of every tile, and the root. The first leaf under what does not fit is named."""
        rows: List[List[bytes]] = [[]]
        for start in range(0, self.seen.size, self.WIDTH):
            rows[0], level = self.leaf_hashes(start // self.WIDTH, min(self.WIDTH, self.seen.size - start)), 0
            while len(rows[level]) == self.WIDTH:
                if level:
                    self.compare(level, start // self.WIDTH ** (level + 1), rows[level])
                else:
                    self.roots.append(root_of(rows[0]))
                if level + 1 == len(rows):
                    rows.append([])
                rows[level + 1].append(self.roots[-1] if level == 0 else root_of(rows[level]))
                rows[level], level = [], level + 1
        whole: List[bytes] = []
        for level, row in enumerate(rows):
            if level and row:
                self.compare(level, self.seen.size // self.WIDTH ** (level + 1), row)
            whole = [root_of(row + whole)] if row + whole else []
        need(root_of(whole) == self.seen.root, "entries and tiles make another root than was signed")

    def file(self, level: str, index: int, width: int) -> Tuple[bytes, bool]:
        """A tile or bundle, and whether it is a wider one: a narrower may be gone once the wider is there, of which it
        is the beginning."""
        digits = f"{index:,}".split(",")
        place = "/".join([f"x{part.zfill(3)}" for part in digits[:-1]] + [digits[-1].zfill(3)])
        path = self.folder / "tile" / level / place
        partial = path.with_name(f"{path.name}.p") / str(width)
        if width < self.WIDTH and partial.is_file():
            return read(partial), False
        first = index * self.WIDTH ** (1 if level == "entries" else int(level) + 1)
        need(path.is_file(), "a file is missing", first, f"tile/{level}/{place}")
        return read(path), width < self.WIDTH

    def hashes(self, level: int, index: int, width: int) -> List[bytes]:
        """The hashes of a tile; those that are missing are short."""
        raw, is_wider = self.file(str(level), index, width)
        first = (index * self.WIDTH + width) * self.WIDTH**level
        need(len(raw) <= 32 * (self.WIDTH if is_wider else width), "a tile is too long", first)
        return [raw[at : at + 32] for at in range(0, 32 * width, 32)]

    def leaf_hashes(self, index: int, width: int) -> List[bytes]:
        """Of one bundle of entries, each compared with its tile."""
        tile, (raw, is_wider), at = self.hashes(0, index, width), self.file("entries", index, width), 0
        for place, number in enumerate(range(index * self.WIDTH, index * self.WIDTH + width)):
            end = at + 2 + int.from_bytes(raw[at : at + 2], "big")
            fits = at + 2 <= len(raw) and end <= len(raw) and leaf_hash(raw[at + 2 : end]) == tile[place]
            need(fits, "an entry is not what its tile says", number)
            self.read_leaf(raw[at + 2 : end], number)
            at = end
        need(is_wider or at == len(raw), "a bundle is too long", index * self.WIDTH + width)
        return tile

    def read_leaf(self, entry: bytes, number: int) -> None:
        """One of ours must be well formed, of this log, and the next version of its stream."""
        if entry.startswith(LEAF_FIRST.encode()):
            try:
                leaf = leaf_from(entry)
            except Bad as error:
                raise Bad(error.text, number) from None
            need(leaf["origin"] == self.seen.origin, "a leaf of another log", number)
            version = self.versions.get(leaf["stream"], 0) + 1
            need(int(leaf["version"]) == version, "a version of a stream is missing", number)
            self.versions[leaf["stream"]] = version
            if leaf["name"].startswith("ChainsCommitted@"):
                self.commitments = self.commitments or leaf["stream"]
                need(self.commitments == leaf["stream"], "commitments of two streams", number)

    def compare(self, level: int, index: int, row: List[bytes]) -> None:
        for place, (stored, made) in enumerate(zip(self.hashes(level, index, len(row)), row)):
            first = (index * self.WIDTH + place) * self.WIDTH**level
            need(stored == made, "a tile is not what its leaves make", first, f"{level}/{index}")

    def continues(self, older: Checkpoint) -> bool:
        """Whether the tree of this size was the beginning of the log's."""
        full, rest = divmod(older.size, self.WIDTH)
        row = self.roots[:full]
        if rest:
            hashes = self.hashes(0, full, min(self.WIDTH, self.seen.size - full * self.WIDTH))
            row = [*row, root_of(hashes[:rest])]
        return root_of(row) == older.root


def log_of(folder: Path, case: Case) -> Log:
    """The folder, verified: its checkpoint, every entry, every tile."""
    note = note_from(read(folder / "checkpoint"))
    log = Log(folder, checkpoint_in(note))
    case.signers(note, log.seen.origin)
    log.check()
    return log


def check_log(folder: Path, case: Case) -> None:
    outer, case.log = case.log, log_of(folder, case)
    try:
        case.tell("entries", case.checkpoint(read(folder / "checkpoint"), fresh=True).size)
    finally:
        case.log = outer


# Proofs (C2SP tlog-proof; for two checkpoints the body of C2SP tlog-witness).


def check_checkpoint(raw: bytes, case: Case) -> None:
    case.checkpoint(raw, fresh=case.now is not None)  # one in an archive is as old as the archive


def headed(raw: bytes, lines: List[str], name: str) -> Tuple[int, List[bytes], bytes]:
    """A line `<name> <number>`, hashes, and behind an empty line the checkpoint."""
    need(bool(lines) and lines[0].startswith(f"{name} "), "a line is missing", detail=name)
    need(len(lines) <= PATH_MAX + 1, "the proof has too many hashes")
    number = number_from(lines[0][len(name) + 1 :])
    return number, [hash_from(line) for line in lines[1:]], raw.partition(b"\n\n")[2]


def proof_from(raw: bytes) -> Tuple[int, List[bytes], bytes]:
    lines = text_from(raw.partition(b"\n\n")[0]).split("\n")
    need(lines.pop(0) == "c2sp.org/tlog-proof@v1", "a file of another kind")
    if lines and lines[0].startswith("extra "):  # no signature covers it: only its form is looked at
        need(0 < len(from_base64(lines.pop(0)[6:])) <= 65536, "extra bytes out of bounds")
    return headed(raw, lines, "index")


def consistency_from(raw: bytes) -> Tuple[int, List[bytes], bytes]:
    return headed(raw, text_from(raw.partition(b"\n\n")[0]).split("\n"), "old")


def check_proof(raw: bytes, case: Case) -> None:
    entry = read(case.options.leaf) if case.options.leaf else case.beside(".leaf")
    if entry is None:
        raise Unsure("the entry is not there: give --leaf")
    need(len(entry) <= ENTRY_MAX, "the entry is too large")
    tree = prove_leaf(leaf_hash(entry), raw, case)
    if entry.startswith(LEAF_FIRST.encode()):
        leaf = leaf_from(entry)
        need(leaf["origin"] == tree.origin, "a leaf of another log")
        case.tell("event", f"{leaf['name']} {leaf['event']}, {leaf['recorded']}")


def prove_leaf(leaf: bytes, raw: bytes, case: Case) -> Checkpoint:
    index, hashes, checkpoint = proof_from(raw)
    tree = case.checkpoint(checkpoint)
    check_inclusion(leaf, index, hashes, tree)
    case.tell("index", index)
    return tree


def prove_promise(leaf: str, origin: str, case: Case) -> None:
    """With --proof: that the log of this origin holds the leaf whose hash was promised."""
    if case.options.proof:
        tree = prove_leaf(hash_from(leaf), read(case.options.proof), case)
        need(tree.origin == origin, "a checkpoint of another log")
    else:
        case.tell("promise", "the log is to hold this leaf; give --proof")


def check_consistency(raw: bytes, case: Case) -> None:
    size, hashes, checkpoint = consistency_from(raw)
    new = checkpoint_in(note_from(checkpoint))
    kept = case.state["checkpoints"].get(new.origin)
    old_raw = read(case.options.old) if case.options.old else kept.encode() if kept else None
    if old_raw is None:
        raise Unsure("the older checkpoint is not there: give --old")
    note = note_from(old_raw)
    case.signers(note, new.origin)
    old = checkpoint_in(note)
    need(old.size == size, "a proof from another size")
    check_continues(old, new, hashes)
    case.proofs.append(raw)
    case.checkpoint(checkpoint, fresh=True)
    case.tell("continues", old.size)


# Receipts: of a result, of a submission, of a consent.


def prove_entry(one: Dict[str, Any], tree: Optional[Checkpoint]) -> Tuple[Any, str]:
    """Place and leaf hash of an entry, proved in its tree; without a tree it is a promise."""
    leaf = leaf_hash(one["leaf"].encode())
    if tree is None:
        need(one["index"] is None and not one["hashes"], "a proof without a checkpoint")
        return "-", to_base64(leaf)
    need(one["index"] is not None, "an entry has no place in the log")
    check_inclusion(leaf, one["index"], [hash_from(text) for text in one["hashes"]], tree)
    return one["index"], to_base64(leaf)


def rising(numbers: List[Any]) -> bool:
    known = [int(number) for number in numbers if number is not None]
    return all(a < b for a, b in zip(known, known[1:]))


def check_result_receipt(raw: bytes, case: Case) -> None:
    need(len(raw) <= RECEIPT_MAX, "the file is too large")
    found = json_from(raw, canonical, b"\n")
    shaped(found, checkpoint=str, content=dict, current=int, format=str, statement=str, versions=list)
    content = shaped(found["content"], data=str, key=str, version=int)
    origin, lines, _ = case.receipt(found["statement"].encode(), "letopis/result-receipt@v1")
    tree = case.checkpoint(found["checkpoint"].encode(), single=True) if found["checkpoint"] else None
    versions, shown, current, chain, leaves = found["versions"], content["version"], found["current"], "", []
    for number, one in enumerate(versions, 1):
        shaped(one, hashes=list, index=(int, type(None)), leaf=str, status=str)
        leaf = leaf_from(one["leaf"].encode())
        named = leaf["name"].split("@")[0] == ("ReportReceived" if number == 1 else "ReportRevised")
        need(named and leaf["origin"] == origin, "an event is no version of a report of this log", number)
        place, hashed = prove_entry(one, tree)
        chain += f"{number} {one['status']} {place} {hashed}\n"
        leaves.append(leaf)
    need(1 <= shown <= len(leaves) and 1 <= current <= len(leaves), "a version is not in the list")
    ordered = rising([leaf["version"] for leaf in leaves]) and rising([one["index"] for one in versions])
    need(ordered and len({leaf["stream"] for leaf in leaves}) == 1, "versions out of order, or of another report")
    need(tree is None or tree.origin == origin, "a checkpoint of another log")
    stated = [f"report {leaves[0]['stream']}", f"shown {shown}", f"current {current}", f"versions {len(leaves)}"]
    stated += [f"chain sha256:{digest(chain.encode())}", f"tree {tree or '-'}"]
    need(found["format"] == "letopis/result-receipt@v1" and lines == stated, "the statement says something else")
    made = hmac.new(hash_from(content["key"]), content["data"].encode(), hashlib.sha256).digest()
    need(to_base64(made) == leaves[shown - 1]["commitment"], "the content is not what was recorded")
    for line in stated[:3]:
        case.tell("said", line)
    for number, (one, leaf) in enumerate(zip(versions, leaves), 1):
        case.tell("version", f"{number} {one['status']}, {leaf['recorded']}")
    if tree is None:
        case.tell("promise", "no checkpoint yet: take the receipt again")
    case.received[leaves[0]["stream"]] = None
    if case.options.show:
        case.tell("content", content["data"])


def check_submission_receipt(raw: bytes, case: Case) -> None:
    forms = "submission=uuid laboratory=uuid number=number content=sha256 received=time leaf=hash"
    origin, lines, said_there = case.receipt(raw, "letopis/receipt@v1", forms)
    for line in lines[:5]:
        case.tell("said", line)
    if case.options.content:
        need(digest(read(case.options.content)) == said_there["content"], "what was submitted is another")
    prove_promise(said_there["leaf"], origin, case)


def check_consent_receipt(raw: bytes, case: Case) -> None:
    found = json_from(raw, lambda value: json.dumps(value, indent=2, ensure_ascii=False))
    receipt = shaped(found, receipt=dict, note=str)["receipt"]
    forms = "consent=uuid kind=word document=text given=time leaf=hash content=sha256"
    origin, lines, said_there = case.receipt(found["note"].encode(), "letopis/consent-receipt@v1", forms)
    need(digest(canonical(receipt).encode()) == said_there["content"], "the receipt is not what was signed")
    named = receipt["document"]
    document = (named["kind"], f"{named['version']} {named['language']} sha256:{named['sha256']}")
    stated = (receipt["consentReceiptID"], *document, receipt["leafHash"], receipt["origin"])
    signed = (*(said_there[name] for name in ("consent", "kind", "document", "leaf")), origin)
    need(stated == signed, "the receipt is not what was signed")
    for line in lines[:4]:
        case.tell("said", line)
    prove_promise(said_there["leaf"], origin, case)


# Completeness of a patient's results: one list at each commitment, and nothing dropped since what was kept.

FAMILIES = [
    "ReportReceived ReportRevised ReportMatched ReportVersionsHeld ReportVersionsReleased ReportUnmatched ReportRekeyed"
    " ReportDestroyed",
    "ConsentGranted ConsentWithdrawn ConsentExpired",
    "OrganisationLinked OrganisationAwaited DepartmentChosen OrganisationConnected OrganisationUnlinked",
    "ReceivingSettingsChanged AutomaticTransferTurnedOff AutomaticTransferTurnedOn NoticeHoursChosen",
    "ErasureOrdered ErasureConfirmed ErasureCalledOff ErasureHeld HoldReleased PatientErased ErasureCompleted"
    " DestructionActDrawn",
]
FAMILY = {name: number for number, names in enumerate(FAMILIES) for name in names.split(" ")}


def check_completeness(raw: bytes, case: Case) -> None:
    need(len(raw) <= COMPLETENESS_MAX, "the file is too large")
    found = json_from(raw, canonical, b"\n")
    kinds = {"checkpoint": str, "commitment": dict, "format": str, "links": list, "nonce": str, "patient": str}
    shaped(found, **kinds, siblings=list)
    shaped(found["commitment"], event=str, hashes=list, index=int)
    is_one = found["format"] == "letopis/completeness@v1" and re.fullmatch(UUID, found["patient"]) is not None
    need(is_one, "a file of another kind")
    tree = case.checkpoint(found["checkpoint"].encode())
    commitment = event_in_clear(found["commitment"]["event"].encode(), "ChainsCommitted@1")
    stated = shaped(json_from(commitment.body, as_stored), position=int, root=str, patients=int)
    need(list(stated) == ["position", "root", "patients"], "JSON in a second spelling")
    need(commitment.leaf["origin"] == tree.origin, "a leaf of another log")
    prove_entry({**found["commitment"], "leaf": commitment.entry.decode()}, tree)
    label = hashlib.sha256(f"letopis/patient-label@v1\n{tree.origin}\n{found['patient']}\n".encode()).digest()
    heads, theirs = chain_of(found["links"], tree.origin, label)
    # The patient's place in the map of all: from the root on, the bits of the label say left or right.
    length = len(found["links"]).to_bytes(8, "big")
    made = hashlib.sha256(b"\x03" + label + length + heads[-1] + hash_from(found["nonce"])).digest()
    siblings = [hash_from(text) for text in found["siblings"]]
    need(len(siblings) < 256, "the proof has too many hashes")
    for depth in range(len(siblings) - 1, -1, -1):
        is_right = label[depth // 8] >> (7 - depth % 8) & 1
        made = hashlib.sha256(b"\x04" + (siblings[depth] + made if is_right else made + siblings[depth])).digest()
    need(made.hex() == stated["root"], "the list is not what was committed to")
    expected = case.options.patient
    need(expected in (None, found["patient"]), "the list of another patient", detail=found["patient"])
    is_newest = compare_commitment(commitment.leaf, tree, case)
    continue_kept(found["patient"], commitment.leaf, made, heads, tree, case)
    case.tell("patient", found["patient"])
    case.tell("events", len(found["links"]))
    case.tell("results", len(theirs))
    for report, versions in theirs.items():
        case.tell("result", f"{report} {versions}")
        case.listed[report] = None
    case.tell("as of", f"{commitment.leaf['recorded']} (№ {commitment.leaf['version']})")
    if is_newest is not None:
        case.tell("commitment", "the newest in the log folder" if is_newest else "NOT the newest in the log folder")


def compare_commitment(commitment: Dict[str, str], tree: Checkpoint, case: Case) -> Optional[bool]:
    """With a log folder: commitments are of one stream, so that no patient has one of their own; whether this is its
    newest. None without a folder, or if it ends before."""
    if case.log is None or case.log.seen.origin != tree.origin or case.log.seen.size < tree.size:
        return None
    need(case.log.commitments == commitment["stream"], "commitments of another stream")
    return case.log.versions[commitment["stream"]] == int(commitment["version"])


def chain_of(links: List[Any], origin: str, label: bytes) -> Tuple[List[bytes], Dict[str, int]]:
    """The heads after each event, and the reports that are the patient's, each with how many events it has; of no
    stream a version is left out."""
    heads, versions, families, theirs = [label], {}, {}, {}  # type: ignore[var-annotated]
    need(bool(links), "the list is empty")
    for number, text in enumerate(links):
        leaf = leaf_from(text.encode())
        name, stream = leaf["name"].split("@")[0], leaf["stream"]
        need(leaf["origin"] == origin and name in FAMILY, "an event of another kind or log", number)
        need(families.setdefault(stream, FAMILY[name]) == FAMILY[name], "a stream of two kinds", number)
        versions[stream] = versions.get(stream, 0) + 1
        need(int(leaf["version"]) == versions[stream], "a version of a stream is missing", number)
        heads.append(hashlib.sha256(b"\x02" + heads[-1] + leaf_hash(text.encode())).digest())
        if name in ("ReportMatched", "ReportUnmatched"):
            theirs[stream] = name == "ReportMatched"
    return heads, {stream: versions[stream] for stream, is_theirs in theirs.items() if is_theirs}


def continue_kept(
    patient: str, commitment: Dict[str, str], root: bytes, heads: List[bytes], tree: Checkpoint, case: Case
) -> None:
    """What was kept of an older proof (letopis/completeness-kept@v1) is the beginning of this one."""
    now: Dict[str, Any] = {
        "commitments": commitment["stream"],
        "format": "letopis/completeness-kept@v1",
        "head": to_base64(heads[-1]),
        "length": len(heads) - 1,
        "map_root": to_base64(root),
        "number": int(commitment["version"]),
        "origin": tree.origin,
        "patient": patient,
        "tree_root": to_base64(tree.root),
        "tree_size": tree.size,
    }
    kept = case.state["completeness"].get(f"{tree.origin} {patient}")
    if kept is None:
        # Somebody who was shown one pseudonym until now may be shown another, with a shorter list.
        case.tell("not compared", "nothing was kept of this patient: the first list that is seen of them")
        kept = now
    need(now["commitments"] == kept["commitments"], "commitments of another stream")
    need(now["number"] >= kept["number"], "older than what was seen before", detail=str(kept["number"]))
    need(now["number"] > kept["number"] or now["map_root"] == kept["map_root"], "two commitments of one number")
    need(now["length"] >= kept["length"], "the list is shorter than it was: something was dropped")
    need(to_base64(heads[kept["length"]]) == kept["head"], "what was there is missing, changed or moved")
    need(now["tree_size"] >= kept["tree_size"], "older than what was seen before", detail=str(kept["tree_size"]))
    need(now["tree_size"] > kept["tree_size"] or now["tree_root"] == kept["tree_root"], FORK)
    case.state["completeness"][f"{tree.origin} {patient}"] = now


# Replay certificates.

VIEW = r"view ([a-z][a-z0-9_]*) [0-9a-f]{64} (0|[1-9][0-9]{0,18})( rebuilt [0-9a-f]{64} (?:-|0|[1-9][0-9]{0,18}))?"
DECISIONS = r"decisions (?:0|[1-9][0-9]{0,18}) (0|[1-9][0-9]{0,18}) (?:0|[1-9][0-9]{0,18}) (?:-|0|[1-9][0-9]{0,18})"


def check_certificate(raw: bytes, case: Case) -> None:
    origin, lines, _ = case.receipt(raw, "letopis/replay-certificate@v1")
    need(len(lines) >= 10, "lines are missing or too many")
    forms = "event=uuid leaf=hash number=number recorded=time position=number release=text tree=text log=text"
    said_there = fields(lines[:8], forms)
    size, _, root = said_there["tree"].partition(" ")
    tree = Checkpoint(origin, number_from(size), hash_from(root))
    need(tree.root == EMPTY or tree.size > 0, "the root of an empty log is another")
    case.compare_tree(tree)
    sound = said_there["log"] == "sound"
    formed = sound or re.fullmatch("broken (?:-|0|[1-9][0-9]{0,18}) .+", said_there["log"]) is not None
    views, decided = [re.fullmatch(VIEW, line) for line in lines[8:-2]], re.fullmatch(DECISIONS, lines[-2])
    names = [view.group(1) for view in views if view]
    need(formed and all(views) and decided is not None and names == sorted(set(names)), "a line in another form")
    clean = sound and all(view and view.group(2) == "0" and not view.group(3) for view in views)
    word = "clean" if clean and decided and decided.group(1) == "0" else "differs"
    need(lines[-1] == f"verdict {word}", "the verdict does not follow")
    stored = read(case.options.event) if case.options.event else case.beside(".event")
    if stored is not None:
        event = event_in_clear(stored, "HistoryReplayed@1")
        at = event.leaf["recorded"][:-1].replace(".000000", "") + "+00:00"
        stated = [f"event {event.leaf['event']}", f"leaf {to_base64(leaf_hash(event.entry))}"]
        stated += [f"number {event.leaf['version']}", f"recorded {at}", *replayed_lines(event.data)]
        need(lines[:-1] == stated, "the event says something else")
    for line in (*lines[2:5], lines[7], *lines[-2:]):
        case.tell("said", line)
    prove_promise(said_there["leaf"], origin, case)


def replayed_lines(data: Dict[str, Any]) -> List[str]:
    """What a certificate must say of this event, from `position` to `decisions`."""

    def place(found: Dict[str, Any], name: str) -> Any:
        return "-" if found.get(name) is None else found[name]

    lines = [f"position {data['position']}", f"release {data['release']}"]
    lines.append(f"tree {data['tree_size']} {to_base64(bytes.fromhex(data['root']))}")
    finding = data.get("finding")
    lines.append("log sound" if finding is None else f"log broken {place(data, 'finding_index')} {finding}")
    for view in sorted(data["views"], key=lambda one: str(one["name"])):
        rebuilt = f" rebuilt {view['rebuilt_sha256']} {place(view, 'differs_at')}" if view.get("rebuilt_sha256") else ""
        lines.append(f"view {view['name']} {view['sha256']} {view['parked']}{rebuilt}")
    made = data["decisions"]
    return [*lines, f"decisions {made['same']} {made['differing']} {made['erased']} {place(made, 'differs_at')}"]


# Acts of destruction.


def check_act(raw: bytes, case: Case) -> None:
    found = json_from(raw, canonical, b"\n")
    shaped(found, act=dict, checkpoint=str, events=list, extract=dict, format=str, statement=str)
    origin, lines, _ = case.receipt(found["statement"].encode(), "letopis/destruction-act@v1")
    tree = case.checkpoint(found["checkpoint"].encode(), single=True) if found["checkpoint"] else None
    epochs = ["KeyEpochDestroyed"] * (len(found["events"]) - 4)
    names = ["ErasureOrdered", "PatientErased", *epochs, "ErasureCompleted", "DestructionActDrawn"]
    need(len(names) == len(found["events"]), "an event is missing")
    chain, events = "", []
    for one, name in zip(found["events"], names):
        shaped(one, hashes=list, index=(int, type(None)), leaf=str, rest=str)
        events.append(event_in_clear(f"{one['leaf']}\n{one['rest']}".encode(), f"{name}@1"))
        need(events[-1].leaf["origin"] == origin, "a leaf of another log")
        place, leaf = prove_entry(one, tree)
        chain += f"{name} {place} {leaf}\n"
    need(rising([one["index"] for one in found["events"]]), "the events are out of order")
    patients = {one.data["patient_id"] for one in (events[0], events[1], *events[-2:])}
    destroyed = sorted(one.data["epoch"] for one in events[2:-2])
    need(len(patients) == 1 and destroyed == sorted(events[1].data["epochs"]), "the events do not belong together")
    drawn, positions = events[-1].data, [one["position"] for one in found["extract"]["entries"]]
    act = act_of(events, origin)
    need(found["act"] == act, "the act is not what the events say")
    need(found["extract"] == extract_of(events, act, positions), "the extract is not what the events say")
    sums = {part: hashlib.sha256(canonical(found[part]).encode()) for part in ("act", "extract")}
    recorded = (drawn["act_sha256"], drawn["extract_sha256"], drawn["number"])
    number = f"{events[1].leaf['recorded'][:4]}-{positions[1]}"
    need(recorded == (sums["act"].hexdigest(), sums["extract"].hexdigest(), number), "another act was recorded")
    stated = [f"number {number}", f"patient {events[1].data['patient_id']}"]
    stated += [f"{part} sha256:{to_base64(one.digest())}" for part, one in sums.items()]
    stated += [f"events {len(events)}", f"chain sha256:{digest(chain.encode())}", f"tree {tree or '-'}"]
    is_one = found["format"] == "letopis/destruction-act@v1" and (tree is None or tree.origin == origin)
    need(is_one and lines == stated, "the statement says something else")
    for line in (*stated[:2], f"destroyed {act['destroyed_at']}", f"completed {act['completed_at']}"):
        case.tell("said", line)
    if tree is None:
        case.tell("promise", "no checkpoint yet: take the act again")


def act_of(events: List[Clear], origin: str) -> Dict[str, Any]:
    """The act, computed again from the events that it rests on."""
    ordered, erased, completed, drawn = events[0], events[1], events[-2], events[-1].data
    return {
        "categories": sorted(drawn["purposes"]),
        "completed_at": completed.leaf["recorded"],
        "counts": {name: erased.data["destroyed"][name] for name in ("documents", "keys", "marks", "reports")},
        "destroyed_at": erased.leaf["recorded"],
        "destroyed_by": erased.actor,
        "due": ordered.data["due"],
        "epochs": sorted(erased.data["epochs"]),
        "ground": erased.data["ground"],
        "method": "crypto-erasure",
        "number": drawn["number"],
        "operator": {"address": drawn["operator_address"], "name": drawn["operator_name"]},
        "ordered_at": ordered.leaf["recorded"],
        "processor": None,
        "reference": ordered.data.get("reference"),
        "subject": {"patient": erased.data["patient_id"]},
        "system": origin,
    }


def extract_of(events: List[Clear], act: Dict[str, Any], positions: List[Any]) -> Dict[str, Any]:
    """The extract of the journal. Positions are informative: no leaf holds them."""
    names = ("categories", "destroyed_at", "ground", "number", "subject", "system")
    entries = []
    for one, position in zip(events[:-1], positions):
        name, entry = one.leaf["name"].split("@")[0], {"actor": one.actor, "position": position}
        entries.append({**entry, "event": name, "event_id": one.leaf["event"], "recorded_at": one.leaf["recorded"]})
    return {**{name: act[name] for name in names}, "entries": entries}


# Exports: a folder of files, and a signed manifest of them.

PLACE = "(-|0|[1-9][0-9]{0,18})"
COUNT = "(0|[1-9][0-9]{0,18})"
FILE_LINE = rf"file ([A-Za-z](?:[A-Za-z0-9-]*[A-Za-z0-9])?\.[a-z]+) {COUNT} {COUNT} {PLACE} {PLACE} sha256:(.+)"
BESIDE_LINE = rf"beside ([a-z][a-z-]*\.[a-z-]+) {COUNT} sha256:(.+)"
EXPORT_FORMS = (
    "export=uuid records=word form=word patient=who after=number until=number rows=number taken=stamp leaf=hash"
    " tree=text range=range"
)


def check_export(folder: Path, case: Case) -> None:
    origin, lines, _ = case.receipt(read(folder / "manifest"), "letopis/export@v1")
    head = fields(lines[:11], EXPORT_FORMS)
    files = [match for match in (re.fullmatch(FILE_LINE, line) for line in lines[11:]) if match]
    others = [match for match in (re.fullmatch(BESIDE_LINE, line) for line in lines[11 + len(files) :]) if match]
    names = [match.group(1) for match in files + others]
    expected = ["erased.ndjson"] + ["proof.tlog-range"] * (head["range"] != "-")
    formed = len(names) == len(lines) - 11 == len(set(names)) and [match.group(1) for match in others] == expected
    need(formed, "the list of files is another")
    need(sum(int(match.group(3)) for match in files) == int(head["rows"]), "another number of rows")
    is_proved = head["records"] == "events" and head["patient"] == "-" and head["rows"] != "0"
    need((head["range"] != "-") == is_proved, "the proof is missing, or does not belong there")
    for match in files + others:
        compare_file(folder / match.group(1), int(match.group(2)), match.groups()[-1])
    allowed = {*names, "manifest", "export.json", "parts.ndjson", "keys.txt"}
    left_over = sorted(path.name for path in folder.iterdir() if path.name not in allowed)
    need(not left_over, "a file that nobody signed", detail=", ".join(left_over))
    for line in (*lines[1:8], *lines[9:11]):
        case.tell("said", line)
    after, until = number_from(head["after"]), number_from(head["until"])
    for match in files:
        count = int(match.group(3))
        bounds = [after] * 2 if count == 0 else [number_from(match.group(4)) - 1, number_from(match.group(5))]
        need(after <= bounds[0] <= bounds[1] <= until, "a position is outside", detail=match.group(1))
        if head["form"] != "parquet":
            found = sum(1 for _ in rows_in(folder / match.group(1)))
            need(found == count, "another number of rows", detail=match.group(1))
    if head["range"] == "-":
        case.tell("not against the log", "only the signature, sizes and digests")
    elif head["form"] == "parquet":
        raise Unsure("rows of Parquet are not read: export NDJSON or CSV")
    else:
        parts = [match.group(1) for match in files]
        check_range(folder, leaves_in(folder, parts, origin, head), origin, head, case)
    if case.options.proof:
        prove_promise(head["leaf"], origin, case)


def compare_file(path: Path, size: int, sha256: str) -> None:
    need(path.is_file(), "a file is missing", detail=path.name)  # nor a pipe or a device, which have no end
    made, count = hashlib.sha256(), 0
    with path.open("rb") as file:
        for block in iter(lambda: file.read(2**20), b""):
            made.update(block)
            count += len(block)
    need((count, to_base64(made.digest())) == (size, sha256), "a file was changed", detail=path.name)


def rows_in(path: Path) -> Iterator[Tuple[Dict[str, Any], str]]:
    """The rows of NDJSON, each with its line, or of CSV, whose guard against formulas is taken off."""
    is_csv = path.suffix == ".csv"
    with path.open(encoding="utf-8-sig" if is_csv else "utf-8", newline="" if is_csv else "\n") as file:
        if is_csv:
            csv.field_size_limit(ROW_MAX)
            lines = csv.reader(file, strict=True)
            names = next(lines, [])
            need(
                bool(names) and len(set(names)) == len(names), "a column is missing, or stands twice", detail=path.name
            )
            for cells in lines:
                need(len(cells) == len(names), "a row in another form", detail=path.name)
                yield {name: unguarded(cell) or None for name, cell in zip(names, cells)}, ""
            return
        for line in iter(lambda: file.readline(ROW_MAX), ""):
            found = json.loads(line)
            need(line.endswith("\n") and isinstance(found, dict), "a row in another form", detail=path.name)
            yield found, line


def unguarded(cell: str) -> str:
    """One apostrophe before what a spreadsheet might take for a formula, and before nothing else."""
    text = cell.removeprefix("'")
    need((text[:1] in tuple("=+-@\t\r'")) == cell.startswith("'"), "a cell without its guard, or with one too many")
    return text


# The columns of `events`, in order.
EVENT_ROW = ["leaf_index", "position", "event_id", "stream_id", "version", "name", "schema_version", "recorded_at"]
EVENT_ROW += ["key_id", "digest", "commitment", "salt", "circumstances", "data"]


def leaves_in(folder: Path, names: List[str], origin: str, head: Dict[str, str]) -> Iterator[bytes]:
    """The leaf hashes of exported events. Of events in clear the whole row is compared with the leaf's digest; of sealed
    ones a row has nothing that could be: no salt and no data."""
    index, last, until = int(head["range"].split(" ")[0]), int(head["after"]), int(head["until"])
    for name in names:
        for row, line in rows_in(folder / name):
            need(list(row) == EVENT_ROW, "a row in another form", index)
            position = number_from(str(row["position"]))
            ordered = str(row["leaf_index"]) == str(index) and last < position <= until
            need(ordered, "a row is missing, or out of order", index)
            values = [row["event_id"], row["stream_id"], row["version"], f"{row['name']}@{row['schema_version']}"]
            values += [row["recorded_at"], or_dash(row["key_id"]), row["digest"], or_dash(row["commitment"])]
            entry = ("\n".join([LEAF_FIRST, origin, *map(str, values)]) + "\n").encode()
            leaf_from(entry)
            stored = stored_text(row, line)
            if row["key_id"] is None:
                need(digest(f"{row['salt']}\n{stored}".encode()) == row["digest"], "a row in clear was changed", index)
            else:
                need(row["salt"] is None and row["data"] is None, "a sealed row says what it can't", index)
            yield leaf_hash(entry)
            index, last = index + 1, position


def or_dash(value: Any) -> str:
    """As a leaf writes it. A dash itself would be a second spelling, which those who ask for None take for a key."""
    need(value is None or (isinstance(value, str) and value not in ("", "-")), "a row in another form")
    return "-" if value is None else str(value)


def stored_text(row: Dict[str, Any], line: str) -> str:
    """Circumstances and data as they are stored: of NDJSON the very characters of the line, which has nothing else: a
    member twice, or one more, would be read by others than what is proved here."""
    if not line:
        return f"{row['circumstances']}\n{row['data']}"
    numbers = [row[name] for name in ("leaf_index", "position", "version", "schema_version")]
    need(all(type(one) is int for one in numbers), "a row in another form")
    start = as_stored({name: row[name] for name in EVENT_ROW[:-2]})[:-1] + ',"circumstances":'
    need(line.startswith(start), "a row in another form")
    _, end = json.JSONDecoder().raw_decode(line, len(start))
    need(line.startswith(',"data":', end), "a row in another form")
    _, last = json.JSONDecoder().raw_decode(line, end + 8)
    need(line[last:] == "}\n", "a row in another form")
    return f"{line[len(start) : end]}\n{line[end + 8 : last]}"


def check_range(folder: Path, inside: Iterator[bytes], origin: str, head: Dict[str, str], case: Case) -> None:
    """The rows are exactly the leaves a..b-1 of the tree: their hashes and those of the proof make its root."""
    a, b = (number_from(part) for part in head["range"].split(" "))
    top, _, raw = read(folder / "proof.tlog-range").partition(b"\n\n")
    lines = text_from(top).split("\n")
    need(lines[:2] == ["letopis/tlog-range@v1", f"range {head['range']}"], "the proof is of another range")
    tree = case.checkpoint(raw)
    right = (tree.origin, str(tree)) == (origin, head["tree"]) and a < b <= tree.size and b - a == int(head["rows"])
    need(right, "the proof is of another range")
    outside = iter([hash_from(line) for line in lines[2:]])

    def take(source: Iterator[bytes]) -> bytes:
        found = next(source, None)
        return found if found is not None else refuse("hashes or rows are missing or left over")

    def root(start: int, end: int) -> bytes:
        if end <= a or start >= b:
            return take(outside)
        if a <= start and end <= b and end - start <= 65536:
            return root_of([take(inside) for _ in range(end - start)])
        middle = start + (1 << ((end - start - 1).bit_length() - 1))
        left = root(start, middle)
        return node(left, root(middle, end))

    need(root(0, tree.size) == tree.root, "the rows are not what the log holds")
    need(next(outside, None) is None and next(inside, None) is None, "hashes or rows are missing or left over")


# Files that hold others.


# So many bytes of a packed file are sure to hold its first letters: the code tables before them may take 570 (RFC 1951).
PACKED_START = 1024


def receipts_in(pdf: bytes) -> List[bytes]:
    """The receipts that are attached: whatever stream of the file inflates to one. Nothing else of PDF is read."""
    found, start = [], b'{"checkpoint":'
    for match in re.finditer(rb"(?<!end)stream\r?\n", pdf):
        try:
            if pdf.startswith(start, match.end()):
                refuse("the receipt in the PDF is not packed as ours are")
            if zlib.decompressobj().decompress(pdf[match.end() : match.end() + PACKED_START], len(start)) == start:
                need(not found, "the PDF has more than one receipt")
                whole = zlib.decompressobj()
                found.append(whole.decompress(pdf[match.end() :], RECEIPT_MAX))
                need(whole.eof, "the receipt in the PDF is cut or too large")
        except zlib.error:
            continue
    return found


def check_pdf(raw: bytes, case: Case) -> None:
    found = receipts_in(raw)
    if not found:
        raise Unsure("the PDF has a password" if b"/Encrypt" in raw else "the PDF has no receipt in it")
    need(case.beside("receipt.json") in (None, found[0]), "another receipt lies beside it")
    check_result_receipt(found[0], case)


# The program.

STATE = "letopis/verifier-state@v1"
# What is checked by what, its name, and what it does not show.
CHECKS: Dict[str, Tuple[Any, str, str]] = {}
for _kind, _check, _name, _not_shown in (
    ("checkpoint", check_checkpoint, "checkpoint", "what the entries say; without witnesses, that others see the same"),
    ("proof", check_proof, "proof of an entry", "that what the event says is true; what was never recorded"),
    ("consistency", check_consistency, "proof of continuation", "what the entries say"),
    ("log", check_log, "log folder", "what sealed events say; without witnesses, that others see the same"),
    ("receipt", check_result_receipt, "receipt of a result", "that the laboratory measured right; what came later"),
    ("submission", check_submission_receipt, "receipt of a submission", "without --proof, that the log holds it"),
    ("consent", check_consent_receipt, "receipt of a consent", "that it was not withdrawn since"),
    ("completeness", check_completeness, "completeness of results", "what came later; what no laboratory sent"),
    ("certificate", check_certificate, "replay certificate", "that the replay was done: it is the operator's word"),
    ("act", check_act, "act of destruction", "that no copy was kept outside: it is the operator's word"),
    ("export", check_export, "export", "that nothing was left out, unless rows are compared with the log"),
    ("pdf", check_pdf, "PDF of a result", "what the pages show: only the attached receipt was checked (--show)"),
    ("zip", None, "archive", "files of other kinds"),
):
    CHECKS[_kind] = (_check, _name, _not_shown)
FIRST_LINES = {
    b"c2sp.org/tlog-proof@v1\n": "proof",
    b"letopis/receipt@v1\n": "submission",
    b"letopis/replay-certificate@v1\n": "certificate",
    b"letopis/export@v1\n": "export",
    b"old ": "consistency",
    b"%PDF-": "pdf",
    b"PK\x03\x04": "zip",
}
FORMATS = {"result-receipt@v1": "receipt", "completeness@v1": "completeness", "destruction-act@v1": "act"}


def kind_of(raw: bytes) -> Optional[str]:
    """What a file says that it is."""
    for start, kind in FIRST_LINES.items():
        if raw.startswith(start):
            return kind
    try:
        if raw[:1] != b"{":
            return "checkpoint" if checkpoint_in(note_from(raw)) else None
        found = json.loads(raw)
        return (
            "consent"
            if set(found) == {"receipt", "note"}
            else FORMATS.get(str(found["format"]).replace("letopis/", ""))
        )
    except (Bad, ValueError, KeyError, RecursionError):
        return None


class Result(NamedTuple):
    """What is said of one file."""

    file: str
    kind: Optional[str]
    error: Optional[Bad] = None
    facts: Tuple[Tuple[str, Any], ...] = ()

    @property
    def verdict(self) -> str:
        return "good" if self.error is None else "can't tell" if isinstance(self.error, Unsure) else "bad"


def read(path: Any) -> bytes:
    try:
        if Path(path).is_fifo() and not str(path).startswith("/dev/"):
            raise Unsure("not readable", detail=f"{path}: a pipe")
        with Path(path).open("rb") as file:
            content = file.read(FILE_MAX + 1)
    except OSError as error:
        raise Unsure("not readable", detail=f"{path}: {error.strerror}") from None
    if len(content) > FILE_MAX:
        raise Unsure("the file is too large", detail=str(path))
    return content


def examine(name: str, kind: Optional[str], content: Any, case: Case) -> Result:
    """One file. What it adds to the kept state stays only if it is good."""
    before, case.facts = json.dumps(case.state), []
    found: Optional[Bad] = None
    try:
        if kind is None:
            raise Unsure("of no known kind")
        CHECKS[kind][0](content, case)
    except Bad as error:
        found = error
    except OSError as error:
        found = Unsure("not readable", detail=str(error))
    except MemoryError:
        found = Unsure("the file is too large")
    except Exception as error:  # whatever a file may bring about: the others are told of all the same
        found = Bad("in another form", detail=type(error).__name__)
    if found is not None:
        case.state = json.loads(before)
    return Result(name, kind, found, tuple(case.facts))


def examine_path(path: Path, wanted: Optional[str], case: Case) -> Iterator[Result]:
    try:
        if path.is_dir():
            inside = "export" if (path / "manifest").exists() else "log"
            yield examine(str(path), wanted or inside, path, case)
            return
        raw = read(path)
        kind = wanted or kind_of(raw)
        if kind == "zip":
            yield from examine_zip(path, case)
            return
        case.now, case.beside = path, lambda ending: beside(path, ending)
        yield examine(str(path), kind, path.parent if kind in ("export", "log") else raw, case)
    except Bad as error:
        yield Result(str(path), wanted, error)


def beside(path: Path, ending: str) -> Optional[bytes]:
    other = path.with_suffix(ending) if ending.startswith(".") else path
    return read(other) if other != path and other.is_file() else None


def examine_zip(path: Path, case: Case) -> Iterator[Result]:
    """Every file in an archive that proves something. Keys that lie in it prove nothing and are not used."""
    try:
        with zipfile.ZipFile(path) as archive:
            infos = [info for info in archive.infolist() if not info.is_dir()]
            names, checked = [info.filename for info in infos], 0
            need(len(names) == len(set(names)), "a name stands twice", detail=str(path))
            if any(info.flag_bits & 1 for info in infos):
                raise Unsure("the archive has a password: unpack it first")
            large = [info.filename for info in infos if info.file_size > MEMBER_MAX]
            if large or len(infos) > MEMBERS_MAX or sum(info.file_size for info in infos) > UNPACKED_MAX:
                raise Unsure("the archive is too large: unpack it first", detail=", ".join(large[:1]))
            for info in infos:
                raw, name = archive.read(info), f"{path}:{info.filename}"
                kind = kind_of(raw)
                if kind in ("zip", "export"):
                    yield Result(name, kind, Unsure("it lies in an archive: unpack it first"))
                elif kind is not None:
                    checked, case.now = checked + 1, None
                    case.beside = lambda ending, name=info.filename: sibling(archive, name, ending)  # type: ignore[misc]
                    yield examine(name, kind, raw, case)
                elif PROOF_NAME.search(info.filename):  # spoilt so that nobody knows it, it is not to be passed over
                    yield Result(name, None, Unsure("of no known kind"))
            if not checked:
                raise Unsure("nothing in it proves anything")
            yield Result(str(path), "zip", None, (("checked", checked), ("passed over", len(infos) - checked)))
    except Bad as error:
        yield Result(str(path), "zip", error)
    except Exception:  # an archive may be broken in more ways than zipfile has names for
        yield Result(str(path), "zip", Bad("the archive is broken"))


# As proofs are called in our archives.
PROOF_NAME = re.compile(r"(?:^|/)(?:receipt\.json|completeness\.json|[^/]*\.tlog-proof)$")


def compared(case: Case) -> Iterator[Result]:
    """Receipts and lists of completeness of one run: is what somebody was shown in the list, and who has not what is?"""
    if case.listed and case.received:
        missing = [report for report in case.received if report not in case.listed]
        facts = [("no receipt here of", report) for report in case.listed if report not in case.received]
        error = Unsure(
            "a receipt, but not in the list: newer than it, of another patient, or left out", None, ", ".join(missing)
        )
        yield Result("-", "completeness", error if missing else None, tuple(facts))


def sibling(archive: zipfile.ZipFile, name: str, ending: str) -> Optional[bytes]:
    """Another file of the archive: of the same name with this ending, or with this name in the same folder."""
    folder, slash, own = name.rpartition("/")
    other = folder + slash + (own.rpartition(".")[0] + ending if ending.startswith(".") else ending)
    return archive.read(other) if other in archive.NameToInfo and other != name else None


def printable(text: str) -> str:
    """What a file says, on one line of the report: no line of its own, no commands to the terminal."""
    return "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in text)


def report(results: List[Result], lang: str) -> str:
    def said(text: Any) -> str:
        return RUSSIAN.get(str(text), str(text)) if lang == "ru" else str(text)

    lines = []
    for one in results:
        kind = f" ({said(CHECKS[one.kind][1])})" if one.kind else ""
        lines.append(f"{one.file}: {said(one.verdict.upper())}{kind}")
        if one.error is not None:
            lines.append(f"  {said(one.error.text)} {one.error.detail}".rstrip())
            if one.error.index is not None:
                lines.append(f"  {said('first bad index')}: {one.error.index}")
        lines += [f"  {said(name)}: {said(value)}" for name, value in one.facts]
        if one.kind and one.error is None:
            lines.append(f"  {said('not shown')}: {said(CHECKS[one.kind][2])}")
    return "\n".join(map(printable, lines))


def report_json(results: List[Result], verdict: str) -> str:
    files = []
    for one in results:
        error = one.error or Bad("")
        found = {"file": one.file, "kind": one.kind, "verdict": one.verdict, "facts": one.facts, "index": error.index}
        found["reason"] = f"{error.text} {error.detail}".strip() or None
        files.append({**found, "not_shown": CHECKS[one.kind][2] if one.kind else None})
    found = json.dumps({"format": "letopis/verifier-report@v1", "verdict": verdict, "files": files}, ensure_ascii=False)
    return found.encode("utf-8", "backslashreplace").decode()


def options_of(arguments: Optional[List[str]]) -> Any:
    parser = argparse.ArgumentParser(prog="letopis_verify.py", description=(__doc__ or "").partition("\n\n")[0])
    add = parser.add_argument
    add("what", nargs="+", metavar="FILE", help=f"files or folders; before them may stand one of: {', '.join(CHECKS)}")
    add("--vkey", action="append", default=[], help="a pinned public key; may be given several times")
    add("--keys", action="append", default=[], help="a file of pinned public keys, one a line; # begins a comment")
    add("--policy", help="witnesses and their quorum (C2SP tlog-policy)")
    add("--state", help="what was seen before is kept here")
    add("--log-dir", help="a log as files, by which older checkpoints are compared")
    add("--consistency", action="append", default=[], help="a proof that a checkpoint continues the kept one")
    add("--old", help="the older checkpoint, for `consistency`")
    add("--leaf", help="the entry, for `proof` (without it: the file beside it that ends in .leaf)")
    add("--event", help="the stored bytes of the event, for `certificate` (or beside it: .event)")
    add("--patient", help="the pseudonym whose list it must be, for `completeness`")
    add("--content", help="what was submitted, for `submission`")
    add("--proof", help="a tlog-proof of the leaf that a receipt promises")
    add("--show", action="store_true", help="print what a result says: personal data")
    add("--lang", choices=["en", "ru"], help="language of the report; by LANG without it")
    add("--json", action="store_true", help="the report as one JSON object")
    return parser.parse_args(arguments)


def case_of(options: Any) -> Case:
    case = Case(options)
    lines = [line.strip() for path in options.keys for line in text_from(read(path)).split("\n")]
    case.keys = [key_from(vkey) for vkey in [*options.vkey, *lines] if vkey and not vkey.startswith("#")]
    if options.policy:
        case.policy = policy_from(read(options.policy))
        case.keys += [*case.policy.logs, *case.policy.witnesses.values()]
    if options.state and Path(options.state).exists():
        case.state = state_from(read(options.state))
    return case


def state_from(raw: bytes) -> Dict[str, Any]:
    state: Dict[str, Any] = shaped(json.loads(raw), format=str, checkpoints=dict, completeness=dict)
    need(state["format"] == STATE, "the kept state is of another kind")
    for origin, note in state["checkpoints"].items():
        need(
            type(note) is str and checkpoint_in(note_from(note.encode())).origin == origin,
            "the kept state is of another kind",
        )
    texts = ("commitments", "format", "head", "map_root", "origin", "patient", "tree_root")
    for kept in state["completeness"].values():
        shaped(kept, **dict.fromkeys(texts, str), length=int, number=int, tree_size=int)
    return state


def keep(case: Case, path: Path) -> None:
    """Whole or not at all."""
    draft = path.with_name(path.name + ".draft")
    with draft.open("w", encoding="utf-8") as file:
        file.write(json.dumps(case.state, ensure_ascii=False, sort_keys=True, indent=1) + "\n")
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def main(arguments: Optional[List[str]] = None) -> int:
    options = options_of(arguments)
    lang = options.lang or ("ru" if os.environ.get("LC_ALL", os.environ.get("LANG", "")).startswith("ru") else "en")
    wanted = options.what.pop(0) if len(options.what) > 1 and options.what[0] in CHECKS else None
    results: List[Result] = []
    case, is_log = None, False
    try:
        case = case_of(options)
        if options.log_dir:
            is_log = True
            case.log = log_of(Path(options.log_dir), case)
            case.checkpoint(read(Path(options.log_dir) / "checkpoint"))
            is_log = False
        for name in options.what:
            results += examine_path(Path(name), wanted, case)
        results += compared(case)
        if options.state:
            keep(case, Path(options.state))
    except Exception as error:
        # Keys, policy, state: without them nothing can be told. A log folder that is wrong is bad, and says so. What was
        # found before stands: that the state can't be kept does not make a bad file better.
        found = error if isinstance(error, Bad) else Unsure("not readable", detail=str(error))
        told = found if is_log else Unsure(found.text, found.index, found.detail)
        results.append(Result((options.log_dir if is_log else None) or "-", None, told))
    verdicts = {one.verdict for one in results}
    verdict = next((one for one in ("bad", "can't tell") if one in verdicts), "good")
    if hasattr(sys.stdout, "reconfigure"):  # a terminal of another alphabet must not end it with an error
        sys.stdout.reconfigure(errors="backslashreplace")
    print(report_json(results, verdict) if options.json else report(results, lang))
    return {"good": 0, "bad": 1, "can't tell": 2}[verdict]


# The same words in Russian.

WORDS = """
GOOD = ВЕРНО
BAD = НЕВЕРНО
CAN'T TELL = НЕЛЬЗЯ СКАЗАТЬ
not shown = не показано
first bad index = первый неверный номер
checkpoint = контрольная точка
what the entries say; without witnesses, that others see the same = что в записях; без свидетелей — что другим показали то же
proof of an entry = доказательство записи
that what the event says is true; what was never recorded = что сказанное в событии верно; чего никогда не записали
proof of continuation = доказательство продолжения
what the entries say = что в записях
log folder = папка журнала
what sealed events say; without witnesses, that others see the same = что в запечатанных событиях; без свидетелей — что другим показали то же
receipt of a result = квитанция результата
that the laboratory measured right; what came later = что лаборатория измерила верно; что пришло позже
receipt of a submission = квитанция о приёме
without --proof, that the log holds it = без --proof — что это есть в журнале
receipt of a consent = квитанция о согласии
that it was not withdrawn since = что с тех пор его не отозвали
completeness of results = полнота результатов
what came later; what no laboratory sent = что пришло позже; чего лаборатория не прислала
replay certificate = сертификат воспроизведения
that the replay was done: it is the operator's word = что воспроизведение было: это слово оператора
act of destruction = акт об уничтожении
that no copy was kept outside: it is the operator's word = что копий не осталось вовне: это слово оператора
export = выгрузка
that nothing was left out, unless rows are compared with the log = что ничего не пропущено, если строки не сверены с журналом
PDF of a result = PDF результата
what the pages show: only the attached receipt was checked (--show) = что на страницах: проверена только вложенная квитанция (--show)
archive = архив
files of other kinds = файлы других видов
base64 in a second spelling = base64 записан иначе, чем положено
a hash is no text = хеш не текст
a hash has not 32 bytes = хеш не из 32 байт
a number in another form = число записано иначе
a number is too large = число слишком велико
JSON in a second spelling = JSON записан иначе, чем положено
a member is missing or too many = поля не те, что положены
lines are missing or too many = строк больше или меньше, чем положено
this is not a public key (vkey) = это не открытый ключ (vkey)
a key of an unknown kind = ключ неизвестного вида
the id of a key is not its own = отпечаток ключа не его
the note is too large = запись слишком велика
a control character in a signed note = управляющий знак в подписанной записи
the note has no signatures = у записи нет подписей
too many signatures = слишком много подписей
a time is out of range = время вне пределов
a name is too long = имя слишком длинное
this is not a checkpoint = это не контрольная точка
the root of an empty log is another = у пустого журнала другой корень
this is not a policy = это не политика
the policy has no quorum = в политике нет кворума
the proof is too short = доказательство короче нужного
the index is outside the tree = номер вне дерева
the proof leads to another root: this entry is not there = доказательство ведёт к другому корню: такой записи там нет
the older tree is of another log, or larger = старое дерево другого журнала или больше нового
this is not a leaf of a Letopis = это не лист журнала Letopis
another event = событие не то, что положено
the event is not what its leaf says = событие не то, что в его листе
an event in another form = событие записано иначе
a line is missing = не хватает строки
the proof has too many hashes = в доказательстве слишком много хешей
a file of another kind = файл другого вида
the entry is too large = запись слишком велика
index = номер в журнале
a proof from another size = доказательство от другого размера
continues = продолжает размер
an entry has no place in the log = у записи нет места в журнале
the file is too large = файл слишком велик
a version is not in the list = версии нет в списке
versions out of order, or of another report = версии не по порядку или другого результата
a checkpoint of another log = контрольная точка другого журнала
the statement says something else = в подписанном сказано другое
the content is not what was recorded = содержание не то, что записано
the receipt is not what was signed = в квитанции не то, что подписано
a leaf of another log = лист другого журнала
the list is not what was committed to = список не тот, о котором взято обязательство
events = событий
results = результатов
as of = на момент
the list is empty = список пуст
it lies in an archive: unpack it first = лежит в архиве: сначала распакуйте
a receipt, but not in the list: newer than it, of another patient, or left out = квитанция есть, а в списке нет: она новее списка, другого пациента, или результат пропущен
no receipt here of = нет квитанции для
checked = проверено
passed over = не смотрели
the list of another patient = список другого пациента
patient = пациент
result = результат
commitments of two streams = обязательства двух потоков
commitment = обязательство
the newest in the log folder = новейшее в папке журнала
NOT the newest in the log folder = НЕ новейшее в папке журнала
nothing was kept of this patient: the first list that is seen of them = об этом пациенте ничего не сохранено: это первый его список
no checkpoint yet: take the act again = контрольной точки ещё нет: возьмите акт позже
the proof is missing, or does not belong there = доказательства нет, или ему там не место
a column is missing, or stands twice = столбца нет, или он повторяется
a cell without its guard, or with one too many = ячейка без защиты от формул или с лишней
a sealed row says what it can't = в запечатанной строке то, чего там быть не может
the receipt in the PDF is not packed as ours are = квитанция в PDF упакована не так, как наша
the archive is too large: unpack it first = архив слишком велик: сначала распакуйте
this `cryptography` has no such signatures: take a newer one = в этой cryptography нет таких подписей: нужна новее
commitments of another stream = обязательства другого потока
older than what was seen before = старше виденного раньше
two commitments of one number = два обязательства с одним номером
the list is shorter than it was: something was dropped = список короче прежнего: что-то пропало
what was there is missing, changed or moved = бывшее раньше пропало, изменено или переставлено
a line in another form = строка записана иначе
the verdict does not follow = вывод не следует из строк
an event is missing = события не хватает
the events are out of order = события не по порядку
the events do not belong together = события не относятся к одному делу
the act is not what the events say = акт не то, что в событиях
the extract is not what the events say = выписка не то, что в событиях
another act was recorded = записан другой акт
the list of files is another = список файлов другой
another number of rows = строк другое число
a file that nobody signed = файл, которого никто не подписал
a file was changed = файл изменён
a row in another form = строка записана иначе
the proof is of another range = доказательство другого диапазона
the rows are not what the log holds = строки не те, что в журнале
hashes or rows are missing or left over = хешей или строк больше или меньше
the PDF has more than one receipt = квитанций в PDF несколько
another receipt lies beside it = рядом лежит другая квитанция
a value of another kind = значение другого вида
a signature line in another form = строка подписи записана иначе
a signature is too short = подпись слишком коротка
this `cryptography` has no ML-DSA-44: take a newer one = в этой cryptography нет ML-DSA-44: нужна новее
a key twice, or of a wrong kind = ключ повторяется или не того вида
not signed by the pinned key of = нет подписи заданным ключом
more than one signature = подпись не одна
origin = журнал
the proof is too long = доказательство длиннее нужного
entries and tiles make another root than was signed = записи и плитки дают не тот корень, что подписан
a file is missing = нет файла
a tile is too long = плитка длиннее нужного
a bundle is too long = лишнее после записей
entries = записей
extra bytes out of bounds = лишние данные вне пределов
the entry is not there: give --leaf = нет самой записи: нужен --leaf
event = событие
promise = обещание
the log is to hold this leaf; give --proof = этот лист должен быть в журнале; проверит --proof
the older checkpoint is not there: give --old = нет старой контрольной точки: нужен --old
a proof without a checkpoint = доказательство без контрольной точки
an event is no version of a report of this log = событие не версия результата этого журнала
said = сказано
version = версия
no checkpoint yet: take the receipt again = контрольной точки ещё нет: возьмите квитанцию позже
content = содержание
what was submitted is another = отправлено другое
an event of another kind or log = событие другого вида или журнала
a stream of two kinds = поток двух видов
a version of a stream is missing = пропущена версия потока
the event says something else = в событии сказано другое
a position is outside = позиция вне выгрузки
not against the log = не сверено с журналом
only the signature, sizes and digests = только подпись, размеры и хеши
the PDF has a password = PDF под паролем
the PDF has no receipt in it = в PDF нет квитанции
the kept state is of another kind = сохранённое состояние другого вида
this is not base64 = это не base64
this is not UTF-8 = это не UTF-8
this is not JSON = это не JSON
one key signed twice = один ключ подписал дважды
a signature is wrong = подпись неверна
a name stands twice = имя повторяется
no public key is pinned for = не задан открытый ключ
the witnesses of the policy did not sign = нет подписей свидетелей, которых требует политика
an entry is not what its tile says = запись не та, что названа в плитке
a tile is not what its leaves make = плитка не та, что следует из записей
rows of Parquet are not read: export NDJSON or CSV = строки Parquet не читаются: нужен NDJSON или CSV
a row is missing, or out of order = строка пропущена или не на месте
not readable = не читается
of no known kind = вид неизвестен
in another form = записано иначе
witness = свидетель
a receipt has no witnesses: give --log-dir = в квитанции нет свидетелей: нужен --log-dir
a row in clear was changed = открытая строка изменена
the receipt in the PDF is cut or too large = квитанция в PDF обрезана или велика
nothing in it proves anything = в нём нет ничего, что доказывает
members are named before, and once = участники называются раньше и один раз
another count = другое число
the archive has a password: unpack it first = архив под паролем: сначала распакуйте
the archive is broken = архив повреждён
not a line of a policy = такой строки в политике не бывает
not compared = не сверено
with what was seen before: give --log-dir or --consistency = с виденным раньше: нужен --log-dir или --consistency
not compared with what was seen before: give --log-dir or --consistency = не сверено с виденным раньше: нужен --log-dir или --consistency
it contradicts what the log has signed before: the history was changed = противоречит подписанному журналом раньше: история изменена
"""
RUSSIAN = {en: ru for en, _, ru in (line.partition(" = ") for line in WORDS.strip().split("\n"))}

if __name__ == "__main__":
    sys.exit(main())
