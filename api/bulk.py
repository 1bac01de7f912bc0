"""Many files submitted at once: several in flight, answers in the order of the files, and what arrived before
passed over quickly.

Files that hold versions of one report are submitted in their order, however many are in flight: which version
is current may rest on it. There is no state of our own to resume from: the ledger knows what arrived.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path

from api.formats import content_type_of, read
from api.intake import Answer, answer_of, submit
from api.laboratories import Sender, envelope_id_of
from api.node import Node
from domain import submission
from domain.values import LaboratoryId
from ledger.commands import LaboratoryNotFoundError
from ledger.intake import Accepted, Problem, content_commitment
from ledger.onboarding import load_laboratory

# In flight and answered but not told yet, for each job.
WINDOW = 8
# Reports whose last submission is remembered, before those that ended are forgotten.
REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class Sendable:
    """A submission to be: its name in the answer, and its bytes."""

    name: str
    content: bytes


def files_in(paths: Iterable[Path]) -> list[Path]:
    """The files, and those in the folders in order of their names; what is hidden is left out."""
    found: list[Path] = []
    for path in paths:
        inside = sorted(one for one in path.rglob("*") if one.is_file()) if path.is_dir() else [path]
        found += [
            one
            for one in inside
            if one is path or not any(part.startswith(".") for part in one.relative_to(path).parts)
        ]
    return found


def contents_of(path: Path) -> Iterator[Sendable]:
    """A file is one submission; each line of an NDJSON file is one."""
    if path.suffix != ".ndjson":
        yield Sendable(str(path), path.read_bytes())
        return
    with path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if line.strip():
                yield Sendable(f"{path}:{number}", line.strip())


@dataclass(slots=True)
class Submitter:
    """Submits for one laboratory, `jobs` at a time."""

    node: Node
    sender: Sender
    jobs: int
    _laboratory_id: LaboratoryId | None = None
    _last: dict[str, Future[Answer]] = field(default_factory=dict)

    def submit_all(self, contents: Iterable[Sendable]) -> Iterator[tuple[Sendable, Answer]]:
        """Each with its answer, in their order. What is in flight is finished when the caller stops."""
        self._laboratory_id = self._registered()
        waiting: deque[tuple[Sendable, Future[Answer] | Answer]] = deque()
        with ThreadPoolExecutor(self.jobs) as pool:
            for one in contents:
                waiting.append((one, self._known(one.content) or self._start(pool, one.content)))
                while len(waiting) >= WINDOW * self.jobs or (waiting and _is_answered(waiting[0][1])):
                    yield _answered(waiting.popleft())
            yield from map(_answered, waiting)

    def _start(self, pool: ThreadPoolExecutor, content: bytes) -> Future[Answer]:
        """Never waits for itself: what it waits for was started before it."""
        names = _reports_named_in(content) if self.jobs > 1 else ()
        earlier = {self._last[name] for name in names if name in self._last}
        started = pool.submit(self._submit, content, earlier)
        if len(self._last) > REMEMBERED:
            self._last = {name: future for name, future in self._last.items() if not future.done()}
        self._last.update(dict.fromkeys(names, started))
        return started

    def _submit(self, content: bytes, earlier: set[Future[Answer]]) -> Answer:
        wait(earlier)
        envelope = self.sender.envelope(
            content,
            content_type=content_type_of(content),
            envelope_id=envelope_id_of(content),
            audience=self.node.settings.public_url,
            recipient_key=self.node.intake_key,
        )
        return submit(self.node, envelope)

    def _known(self, content: bytes) -> Answer | None:
        """As a repeat is answered, without making an envelope, opening it and reading it again."""
        ledger = self.node.ledger
        if self._laboratory_id is None:
            return None
        submission_id = ledger.stream_id("submission", str(self._laboratory_id), envelope_id_of(content))
        known, _ = ledger.load(submission_id, submission.evolve)
        if known is None or known.received is None:
            return None
        if (
            content_commitment(ledger, submission_id, known.received, content)
            != known.received.content_commitment
        ):
            return None
        problem = Problem(*known.problem) if known.problem else None
        return answer_of(Accepted(submission_id, known.accepted, problem, is_repeat=True))

    def _registered(self) -> LaboratoryId | None:
        try:
            return load_laboratory(self.node.ledger, self.sender.handle)[0]
        except LaboratoryNotFoundError:
            return None


def _reports_named_in(content: bytes) -> Sequence[str]:
    """What a laboratory knows its reports by. Content that can't be read concerns none."""
    reports = read(content_type_of(content), content)
    if isinstance(reports, Problem):
        return ()
    numbers = [f"{one.system or ''}|{one.value}" for report in reports for one in report.identifiers]
    return numbers + [f"|{report.source_id}" for report in reports if report.source_id]


def _is_answered(started: Future[Answer] | Answer) -> bool:
    return isinstance(started, Answer) or started.done()


def _answered(one: tuple[Sendable, Future[Answer] | Answer]) -> tuple[Sendable, Answer]:
    sent, started = one
    return sent, started if isinstance(started, Answer) else started.result()
