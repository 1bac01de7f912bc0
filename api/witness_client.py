"""Asking witnesses to cosign a checkpoint (the client of C2SP tlog-witness).

All are asked at once, and none is waited for longer than a second or two: a checkpoint is signed before they are
asked, and published with the cosignatures that came. What a witness says is taken only if its own key signed it.
Whether those who did are enough, the policy says (ledger/witness_policy.py).
"""

import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from enum import StrEnum
from threading import Lock
from typing import TypeAlias

import httpx2
import structlog

from ledger import cosignature, note, witness
from ledger.checkpoint import parse as parse_checkpoint
from ledger.checkpoint import parse_decimal
from ledger.cosignature import CosignatureVerifier
from ledger.note import InvalidNoteError, Signature
from ledger.witness_policy import Witness

DEADLINE_SECONDS = 2.0
_ANSWER_SIZE_BYTES_MAX = 2**17
# A witness whose memory of our size differs from ours says which it has: the second attempt is the right one.
_ATTEMPTS = 2

# prove(old_size): the proof of consistency from the tree of that size to the checkpoint's. Never called twice at
# a time.
Prove: TypeAlias = Callable[[int], Sequence[bytes]]

log = structlog.get_logger()


class Outcome(StrEnum):
    """What became of the question."""

    COSIGNED = "cosigned"
    # No answer in time, or one that says nothing: asked again with the next checkpoint.
    AWAY = "away"
    # ALARM: the witness cosigned a larger tree than the one that it is asked about. The log was rolled back, or
    # somebody else signs with its key.
    AHEAD = "ahead"
    # ALARM: the tree does not begin with the one that the witness cosigned: a fork.
    INCONSISTENT = "inconsistent"
    # It doesn't know the log, or doesn't take its signature: a matter of settings, at either end.
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Answer:
    """What one witness, who may have several keys, said."""

    url: str
    outcome: Outcome
    lines: tuple[Signature, ...] = ()


def lines_of(answers: Iterable[Answer]) -> list[Signature]:
    """All cosignatures that came, for cosignature.with_lines."""
    return [line for answer in answers for line in answer.lines]


class WitnessClient:
    """Asks the witnesses that have a URL, and remembers which size each of them cosigned last."""

    def __init__(self, witnesses: Iterable[Witness], *, deadline_seconds: float = DEADLINE_SECONDS) -> None:
        self._keys = dict[str, list[CosignatureVerifier]]()
        for one in witnesses:
            if one.url is not None:
                self._keys.setdefault(one.url, []).append(one.key)
        self._deadline_seconds = deadline_seconds
        self._sizes = dict[str, int]()
        self._running = dict[str, Future[Answer]]()
        self._proving = Lock()
        self._http = httpx2.Client(timeout=deadline_seconds, follow_redirects=False, trust_env=False)
        self._threads = ThreadPoolExecutor(max(1, len(self._keys)), thread_name_prefix="witness")

    def ask(self, signed: bytes, prove: Prove) -> list[Answer]:
        """What each witness says to this checkpoint, in the policy's order, after the deadline at the latest.

        One that is still busy with an earlier checkpoint is not asked a second time meanwhile."""
        give_up_at = time.monotonic() + self._deadline_seconds
        asked = dict[str, Future[Answer]]()
        for url in self._keys:
            if url not in self._running or self._running[url].done():
                asked[url] = self._threads.submit(self._ask, url, signed, prove, give_up_at)
        self._running |= asked
        done, _ = wait(asked.values(), timeout=self._deadline_seconds)
        return [
            asked[url].result() if url in asked and asked[url] in done else _say(url, Outcome.AWAY, "late")
            for url in self._keys
        ]

    def close(self) -> None:
        """Ends with the requests that still run; each of them has its deadline."""
        self._threads.shutdown(cancel_futures=True)
        self._http.close()

    def _ask(self, url: str, signed: bytes, prove: Prove, give_up_at: float) -> Answer:
        size = parse_checkpoint(note.parse(signed).text).tree_size
        for _ in range(_ATTEMPTS):
            old_size = min(self._sizes.get(url, 0), size)
            with self._proving:
                proof = tuple(prove(old_size)) if 0 < old_size < size else ()
            try:
                body = witness.to_bytes(witness.Request(old_size, proof, signed))
                status, kind, answer = self._post(f"{url}/add-checkpoint", body, give_up_at)
            except (httpx2.HTTPError, httpx2.InvalidURL, TimeoutError) as error:
                return _say(url, Outcome.AWAY, type(error).__name__)
            if status != 409:
                return self._understood(url, status, answer, signed, size)
            try:
                held_size = parse_decimal(answer.decode("ascii").removesuffix("\n"))
            except ValueError:
                return _say(url, Outcome.AWAY, "409 without a size")
            if kind.partition(";")[0].strip() != witness.SIZE_CONTENT_TYPE:
                return _say(url, Outcome.AWAY, "409 of another type")
            self._sizes[url] = held_size
            if held_size > size:
                return _say(url, Outcome.AHEAD, f"{held_size} > {size}")
        return _say(url, Outcome.AWAY, "its size changes")

    def _understood(self, url: str, status: int, answer: bytes, signed: bytes, size: int) -> Answer:
        if status in (403, 404):
            return _say(url, Outcome.REFUSED, str(status))
        if status == 422:
            return _say(url, Outcome.INCONSISTENT, str(status))
        if status != 200:
            return _say(url, Outcome.AWAY, str(status))
        try:
            lines = _own_lines(answer, signed, self._keys[url])
        except InvalidNoteError:
            return _say(url, Outcome.AWAY, "its answer is not signed by its key")
        self._sizes[url] = size
        return Answer(url, Outcome.COSIGNED, lines)

    def _post(self, url: str, body: bytes, give_up_at: float) -> tuple[int, str, bytes]:
        with self._http.stream("POST", url, content=body) as response:
            received = bytearray()
            for part in response.iter_bytes():
                received += part
                if len(received) > _ANSWER_SIZE_BYTES_MAX or time.monotonic() > give_up_at:
                    raise TimeoutError
            return response.status_code, response.headers.get("content-type", ""), bytes(received)


def _own_lines(answer: bytes, signed: bytes, keys: Sequence[CosignatureVerifier]) -> tuple[Signature, ...]:
    """The lines of these keys. They are parsed as a note of their own, whose text is the checkpoint's."""
    text = note.parse(signed).text
    opened = note.parse(text.encode() + b"\n" + answer)
    if opened.text != text:  # the answer holds an empty line, and would be read as more text
        reason = "the answer is not signature lines"
        raise InvalidNoteError(reason)
    cosigned = {(key.name, key.key_id) for key in cosignature.verify_all(opened, keys)}
    if not cosigned:
        reason = "no key of the witness signed"
        raise InvalidNoteError(reason)
    return tuple(line for line in opened.signatures if (line.name, line.key_id) in cosigned)


def _say(url: str, outcome: Outcome, reason: str) -> Answer:
    is_alarm = outcome in (Outcome.AHEAD, Outcome.INCONSISTENT)
    (log.error if is_alarm else log.warning)(f"witness.{outcome}", url=url, reason=reason)
    return Answer(url, outcome)
