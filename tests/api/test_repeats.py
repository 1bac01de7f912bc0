"""Each submission ten times, by two processes at once, in an order of chance: recorded once, answered alike.

LETOPIS_REPEATS=1000 runs it in full (reliability.md, G13).
"""

import json
import os
import random
from collections import Counter
from collections.abc import Callable, Sequence
from multiprocessing import get_context
from pathlib import Path
from uuid import uuid4

from api.node import Node
from api.settings import Settings
from tests.api.cast import ANNA, Laboratory, bundle, settled, who
from tests.api.repeating import Sent, send_all

COUNT = int(os.environ.get("LETOPIS_REPEATS", "200"))
TIMES = 10
ONCE = ("SubmissionReceived", "SubmissionAccepted", "ReportReceived")
# Of a report that finds its patient, who is told by e-mail and by nothing else.
MATCHED = ("ReportMatched", "NotificationRequested", "ChannelsSuppressed")


def by_two_processes(settings: Settings, sent: Sequence[Sent], folder: Path) -> list[tuple[int, str, str]]:
    """Every answer: which submission, what became of it, the body as it would go out."""
    files = [folder / "one.jsonl", folder / "other.jsonl"]
    processes = [
        get_context("spawn").Process(target=send_all, args=(settings, sent[half::2], file))
        for half, file in enumerate(files)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(timeout=600)
        if process.is_alive():
            process.kill()
    assert [process.exitcode for process in processes] == [0, 0]
    return [tuple(json.loads(line)) for file in files for line in file.read_text("utf-8").splitlines()]


def recorded_since(opened: Node, position: int) -> Counter[str]:
    found = opened.ledger.read_all(limit=1_000_000)
    return Counter(type(one.event).__name__ for one in found if one.position > position)


def complaints(
    count: int, answers: Sequence[tuple[int, str, str]], recorded: Counter[str], *, matched: int
) -> list[str]:
    """What is wrong with the answers to so many submissions, and with what the ledger holds of them."""
    found = [f"{recorded[kind]} of {kind}" for kind in ONCE if recorded[kind] != count]
    expected = {*ONCE, *MATCHED}
    found += [f"{number} of {kind}" for kind, number in recorded.items() if kind not in expected]
    found += [f"{recorded[kind]} of {kind}" for kind in MATCHED if recorded[kind] != matched]
    bodies: dict[int, set[str]] = {}
    for submission, _, body in answers:
        bodies.setdefault(submission, set()).add(body)
    found += [f"{len(one)} answers to {number}" for number, one in bodies.items() if len(one) != 1]
    if len(bodies) != count or len(set().union(*bodies.values())) != count:
        found.append("answers shared or missing")
    fresh = sum(outcome == "recorded" for _, outcome, _ in answers)
    if fresh != count or {outcome for _, outcome, _ in answers} != {"recorded", "duplicate"}:
        found.append(f"{fresh} answered as recorded")
    return found


def tried(laboratory: Laboratory, folder: Path, count: int, envelope_id: Callable[[int], str]) -> list[str]:
    """Send, and judge. Half of the copies are the same bytes, half are sealed anew as a resending system does;
    every second submission is of a patient who is known, the others wait."""
    opened = laboratory.opened
    settled(opened, ANNA, laboratory.laboratory_id)
    before = max(one.position for one in opened.ledger.read_all(limit=1_000_000))
    sent = []
    for number in range(count):
        content = bundle(f"{number}", who(7) if number % 2 else ANNA, value=f"{number}.50")
        same = laboratory.seal(content, envelope_id=envelope_id(number))
        again = [laboratory.seal(content, envelope_id=envelope_id(number)) for _ in range(TIMES // 2)]
        sent += [Sent(number, envelope) for envelope in (*[same] * (TIMES - len(again)), *again)]
    random.Random(20261125).shuffle(sent)
    answers = by_two_processes(opened.settings, sent, folder)
    assert len(answers) == count * TIMES
    recorded = recorded_since(opened, before)
    print(f"{len(answers)} sent, recorded: {dict(recorded)}")
    return complaints(count, answers, recorded, matched=(count + 1) // 2)


def test_what_is_sent_ten_times_by_two_processes_is_recorded_once_and_answered_alike(
    laboratory: Laboratory, tmp_path: Path
) -> None:
    assert tried(laboratory, tmp_path, COUNT, lambda number: f"envelope-{number}") == []


def test_the_judge_sees_submissions_that_are_not_known_again(laboratory: Laboratory, tmp_path: Path) -> None:
    found = tried(laboratory, tmp_path, 4, lambda _: str(uuid4()))
    assert "24 of SubmissionReceived" in found
    assert "24 of SubmissionAccepted" in found
    assert any("answers to" in one for one in found)


def test_the_judge_sees_an_answer_that_differs_and_an_event_too_many() -> None:
    recorded = Counter(dict.fromkeys((*ONCE, *MATCHED), 1))
    answers = [(0, "recorded", "a"), (0, "duplicate", "a")]
    assert complaints(1, answers, recorded, matched=1) == []
    assert complaints(1, [*answers, (0, "duplicate", "b")], recorded, matched=1) == [
        "2 answers to 0",
        "answers shared or missing",
    ]
    assert complaints(1, answers, recorded + Counter({"ReportRevised": 1}), matched=1) == [
        "1 of ReportRevised"
    ]
    assert complaints(1, [(0, "recorded", "a")] * 2, recorded, matched=1) == ["2 answered as recorded"]
