"""What a witness is asked and what it answers: the rules of C2SP tlog-witness, without HTTP and without a disk.

    old <size of the tree that the witness cosigned last>
    <base64 hash>                       (at most 63: the proof of consistency, RFC 6962 section 2.1.2)
    <empty line>
    <checkpoint, signed by its log>

A witness cosigns a tree that begins with the tree it cosigned before, and nothing else. It knows no entries:
that what is in the tree is true, or whole, it doesn't say.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from ledger import cosignature, note
from ledger.checkpoint import Checkpoint, parse_decimal
from ledger.checkpoint import parse as parse_checkpoint
from ledger.cosignature import Cosigner
from ledger.merkle import EMPTY_ROOT, HASH_SIZE_BYTES, InvalidProofError, check_consistency
from ledger.note import InvalidNoteError, decode_base64, encode_base64
from ledger.witness_policy import LogKey, verify_log

HASHES_MAX = 63
# 16 signatures of 5 kB, as a verifier MUST take, and the proof, with room to spare.
REQUEST_SIZE_BYTES_MAX = 2**17
SIZE_CONTENT_TYPE = "text/x.tlog.size"


class RequestMalformedError(Exception):
    """This is not a request to add a checkpoint."""


class UnknownLogError(Exception):
    """This witness doesn't know the log of this origin."""


class NotSignedByLogError(Exception):
    """No key that this witness trusts for the origin signed the checkpoint, or a line of one of them is wrong."""


class OldSizeTooLargeError(Exception):
    """The old tree would be larger than the new one."""


class OldSizeDiffersError(Exception):
    """The tree that was cosigned last has another size."""

    def __init__(self, held_size: int) -> None:
        super().__init__(held_size)
        self.held_size = held_size


class InconsistentError(Exception):
    """The tree does not begin with the tree that was cosigned last, or nothing shows that it does."""


@dataclass(frozen=True, slots=True)
class Request:
    """A signed checkpoint, and the proof that its tree extends the one of the old size."""

    old_size: int
    proof: tuple[bytes, ...]
    signed: bytes


def to_bytes(request: Request) -> bytes:
    """The body of the request."""
    lines = [f"old {request.old_size}", *map(encode_base64, request.proof), "", ""]
    return "\n".join(lines).encode("ascii") + request.signed


def parse(body: bytes) -> Request:
    """The parts of a request. NOTHING in them is verified."""
    head, separator, signed = body.partition(b"\n\n")
    if len(body) > REQUEST_SIZE_BYTES_MAX or not separator:
        raise RequestMalformedError
    try:
        first, *hashes = head.decode("ascii").split("\n")
        old_size = parse_decimal(first.removeprefix("old "))
        proof = tuple(map(decode_base64, hashes))
    except ValueError:
        raise RequestMalformedError from None
    is_whole = all(len(value) == HASH_SIZE_BYTES for value in proof) and len(proof) <= HASHES_MAX
    if not first.startswith("old ") or not is_whole:
        raise RequestMalformedError
    return Request(old_size, proof, signed)


@dataclass(frozen=True, slots=True)
class Submitted:
    """A checkpoint that its log signed: the note with the lines of the log's known keys only."""

    checkpoint: Checkpoint
    text: str
    log_lines: tuple[note.Signature, ...]


def submitted(request: Request, logs: Iterable[LogKey]) -> Submitted:
    """The checkpoint of a request, once its log and its signature are known: what needs no memory."""
    try:
        opened = note.parse(request.signed)
        text = _with_empty_root(opened.text)
        checkpoint = parse_checkpoint(text)
    except InvalidNoteError:
        raise RequestMalformedError from None
    keys = [key for key in logs if key.name == checkpoint.origin]
    if not keys:
        raise UnknownLogError
    try:
        verify_log(opened, keys)
    except InvalidNoteError:
        raise NotSignedByLogError from None
    if text != opened.text:
        raise InconsistentError
    if request.old_size > checkpoint.tree_size:
        raise OldSizeTooLargeError
    known = {(key.name, key.key_id) for key in keys}
    lines = (line for line in opened.signatures if (line.name, line.key_id) in known)
    # One line of each key: a client could otherwise make the note grow by repeating one.
    return Submitted(checkpoint, opened.text, tuple({line.key_id: line for line in lines}.values()))


def _with_empty_root(text: str) -> str:
    """The text, but that an empty tree has the root of one: a log that signed another root for it is answered
    otherwise than somebody who sent no checkpoint at all."""
    lines = text.split("\n")
    if lines[1:2] == ["0"] and len(lines) > 3:
        try:
            if len(decode_base64(lines[2])) == HASH_SIZE_BYTES:
                lines[2] = encode_base64(EMPTY_ROOT)
        except ValueError:
            return text
    return "\n".join(lines)


def check_extends(checkpoint: Checkpoint, request: Request, held: Checkpoint | None) -> None:
    """That the tree begins with the one that was cosigned last, of which None says that there was none yet."""
    held_size = held.tree_size if held else 0
    if request.old_size != held_size:
        raise OldSizeDiffersError(held_size)
    if held is None:
        # Whatever tree comes first is the beginning: there is nothing to be proved, so there must be no proof.
        # That an empty tree has the root of one, its checkpoint has shown.
        if request.proof:
            raise InconsistentError
        return
    try:
        check_consistency(
            request.proof,
            old_size=held.tree_size,
            old_root=held.root_hash,
            new_size=checkpoint.tree_size,
            new_root=checkpoint.root_hash,
        )
    except InvalidProofError:
        raise InconsistentError from None


def cosigned(found: Submitted, cosigners: Iterable[Cosigner], *, at: int) -> tuple[note.Signature, ...]:
    """The lines that the witness answers with."""
    return tuple(cosignature.cosign(found.text, cosigner=cosigner, at=at) for cosigner in cosigners)
