"""Ten thousand spoiled submissions: each is refused with a reason or read for what it says, soon, in bounded memory.

python -m tests.api.mutations --count 100000 --seed 7        a longer campaign
"""

import json
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any
from uuid import UUID

import pytest

from api import formats
from api.fhir.reading import read_fhir
from api.intake import Answer, submit
from domain.report import ReportReceived, ReportRevised
from domain.report_content import ReportContent, ReportStatus, Subject, Value, ValueKind
from domain.submission import (
    SubmissionAccepted,
    SubmissionQuarantined,
    SubmissionReceived,
    SubmissionRefused,
)
from domain.values import Identifier
from ledger.intake import Problem
from tests.api import mutation_judge
from tests.api.cast import ANNA, Laboratory, bundle, settled
from tests.api.mutations import Campaign, Spoiled, attempt, judged_as, run, spoiled
from tests.api.mutators import flip_bits

SEED = 20261125
COUNT = 10_000
SUBMITTED = 600
MIB = 1 << 20


@pytest.mark.parametrize("quarter", range(4))
def test_whatever_comes_is_refused_with_a_reason_or_read_for_what_it_says(quarter: int) -> None:
    found = run(spoiled(SEED, number) for number in range(quarter, COUNT, 4))
    assert found.faults == []
    assert found.outcomes.total() == COUNT // 4
    assert found.grown_bytes < 64 * MIB
    assert found.peak_bytes < 300 * MIB
    # Spoiled enough to be refused, and little enough to be read: each reader's depths are reached.
    assert 0.1 < found.outcomes["read"] / found.outcomes.total() < 0.6
    assert len(found.outcomes) > 12


# Through the whole path.


@dataclass(frozen=True, slots=True)
class Sent:
    """A submission, and its answer."""

    spoiled: Spoiled
    answer: Answer


def record_faults(sent: Sequence[Sent], events: Sequence[Any]) -> list[str]:
    """Whether each submission left one record, the one that its answer says, and reports that it really has."""
    streams: dict[UUID, list[type]] = defaultdict(list)
    kinds = (SubmissionReceived, SubmissionAccepted, SubmissionQuarantined, SubmissionRefused)
    for one in events:
        if isinstance(one.event, kinds):
            streams[one.stream_id].append(type(one.event))
    expected = {
        "recorded": [SubmissionReceived, SubmissionAccepted],
        "duplicate": [SubmissionReceived, SubmissionAccepted],
        "quarantined": [SubmissionReceived, SubmissionQuarantined],
        "rejected": [SubmissionRefused],
    }
    found = []
    by_id = {UUID(one.answer.body["submission_id"]): one for one in sent}
    for submission_id, one in by_id.items():
        left = streams.pop(submission_id, [])
        if left != expected[one.answer.outcome]:
            found.append(f"{one.spoiled.number} {one.answer.outcome}: {[kind.__name__ for kind in left]}")
    if len(by_id) != len(sent) or streams:
        found.append("answers shared, or records that nothing was sent for")
    for recorded in events:
        event = recorded.event
        if isinstance(event, ReportReceived | ReportRevised):
            one = by_id[event.submission_id].spoiled
            wrong = mutation_judge.faults(judged_as(one), one.content, (_as_sent(event.content),))
            found += [f"{one.number}: {name}" for name in wrong]
    return found


def _as_sent(content: ReportContent) -> ReportContent:
    """Without what was taken over from the version before: another submission sent that."""
    observations = (
        replace(
            one,
            value=None,
            components=(),
            data_absent_reason=None,
            interpretation=(),
            reference_ranges=(),
            effective_at=None,
            notes=(),
        )
        if one.is_final_as_sent
        else one
        for one in content.observations
    )
    return replace(content, observations=tuple(observations))


def test_each_spoiled_submission_leaves_one_record_and_nothing_is_recorded_that_was_not_sent(
    laboratory: Laboratory,
) -> None:
    opened = laboratory.opened
    settled(opened, ANNA, laboratory.laboratory_id)
    before = max(one.position for one in opened.ledger.read_all(limit=10_000))
    sent = []
    for number in range(SUBMITTED):
        one = spoiled(SEED + 1, number)
        if len(one.content) > 400_000:
            one = replace(one, content=one.content[:400_000])
        envelope = laboratory.seal(one.content, content_type=one.content_type)
        if number % 20 == 0:
            envelope = flip_bits(Random(number), envelope)
        started = time.monotonic()
        answer = submit(opened, envelope)
        assert time.monotonic() - started < 20
        sent.append(Sent(one, answer))
    events = [one for one in opened.ledger.read_all(limit=100_000) if one.position > before]
    outcomes = Counter(one.answer.outcome for one in sent)
    print(dict(outcomes))
    assert record_faults(sent, events) == []
    assert set(outcomes) >= {"recorded", "quarantined", "rejected"}


def test_a_report_that_says_nothing_but_its_status_is_no_report() -> None:
    header = b"MSH|^~\\&|LIS|LAB|||20240403||ORU^R01|17|P|2.5.1"
    empty = Problem("no-report-in-content")
    assert formats.read("application/hl7-v2", header + b"\rPID|1\rOBR|1") == empty
    assert (
        formats.read("application/fhir+json", b'{"resourceType":"DiagnosticReport","status":"final"}')
        == empty
    )
    (report,) = formats.read("application/hl7-v2", header + b"\rPID|1\rOBR|1||F1")
    assert report.identifiers


# The watch and the judges can fail.


def inputs(*contents: bytes) -> list[Spoiled]:
    return [Spoiled(number, "json", "application/fhir+json", one, ()) for number, one in enumerate(contents)]


def watched(read: Any, content: bytes = b"{}") -> Campaign:
    campaign = Campaign()
    attempt(inputs(content)[0], read, campaign)
    return campaign


def test_a_reader_that_never_ends_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    def hang(*_: object) -> Problem:
        while True:
            try:
                time.monotonic()
            except Exception:
                continue

    monkeypatch.setattr("tests.api.mutations.SECONDS_MAX", 0.1)
    assert watched(hang).faults == ["0 json : hang"]
    monkeypatch.setattr("tests.api.mutations.SECONDS_MAX", 0.01)
    assert watched(lambda *_: time.sleep(60)).faults == ["0 json : hang"]


def test_a_reader_that_raises_or_gives_no_reason_is_seen() -> None:
    assert watched(lambda *_: int("x")).faults == ["0 json : raised ValueError"]
    assert watched(lambda *_: Problem("never-heard-of")).faults == ["0 json : no explanation"]
    assert watched(lambda *_: Problem("content-not-json", "Иванова")).faults == ["0 json : field"]
    assert watched(lambda *_: ()).faults == ["0 json : recorded nothing, recorded what is no json"]


def test_a_reader_that_keeps_what_it_read_is_seen() -> None:
    kept = []

    def keep(*_: object) -> Problem:
        kept.append(bytearray(100 * MIB))
        return Problem("content-not-json")

    found = run(iter(inputs(b"{}", b"[]")), keep)
    assert found.grown_bytes > 64 * MIB


MISREADINGS = {
    "number": lambda one: replace(one, quantity=replace(one.quantity, value="72.5")),
    "no number": lambda one: replace(one, quantity=replace(one.quantity, value="1e5x")),
    "comparator": lambda one: replace(one, quantity=replace(one.quantity, comparator="~")),
    "unit": lambda one: replace(one, quantity=replace(one.quantity, unit="ммоль")),
    "text": lambda _: Value(kind=ValueKind.TEXT, text="повышен"),
    "surrogate": lambda _: Value(kind=ValueKind.TEXT, text="\ud800"),
    "time": lambda _: Value(kind=ValueKind.DATE_TIME, text="2026-02-30"),
}


@pytest.mark.parametrize("misreading", MISREADINGS)
def test_a_reader_that_invents_is_seen(misreading: str) -> None:
    content = bundle("1")
    (report,) = read_fhir(content)
    assert mutation_judge.faults("json", content, (report,)) == []
    (observation,) = report.observations
    value = MISREADINGS[misreading](observation.value)
    spoiled_report = replace(report, observations=(replace(observation, value=value),))
    assert mutation_judge.faults("json", content, (spoiled_report,))


@pytest.mark.parametrize(
    "change",
    [
        {"status": "final"},
        {"subject": Subject(family="Чужой")},
        {"identifiers": (Identifier(value="77"),)},
        {"issued_at": "2026-11-22T14:00:59+03:00"},
        {"observations": (), "code": None, "identifiers": ()},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_report_of_another_patient_number_or_time_is_seen(change: dict[str, Any]) -> None:
    content = bundle("1")
    (report,) = read_fhir(content)
    assert mutation_judge.faults("json", content, (replace(report, **change),))


def test_values_of_another_patient_are_seen() -> None:
    tree = json.loads(bundle("1"))
    stranger = {"resourceType": "Patient", "id": "stranger", "name": [{"family": "Чужой"}]}
    tree["entry"].append({"resource": stranger})
    reports = read_fhir(json.dumps(tree).encode())
    assert mutation_judge.faults("json", json.dumps(tree).encode(), reports) == []
    tree["entry"][1]["resource"]["subject"] = {"reference": "Patient/stranger"}
    found = mutation_judge.faults("json", json.dumps(tree).encode(), reports)
    assert found == ["values of another patient"]


def test_members_in_a_circle_are_seen() -> None:
    (report,) = read_fhir(bundle("1"))
    observation = replace(report.observations[0], members=(0,))
    found = mutation_judge.faults("json", bundle("1"), (replace(report, observations=(observation,)),))
    assert found == ["members"]


@pytest.mark.parametrize("kind", ["json", "xml", "cda", "hl7", "pdf"])
def test_a_report_read_out_of_something_else_is_seen(kind: str) -> None:
    report = ReportContent(status=ReportStatus.FINAL, subject=Subject(), notes=("x",))
    for content in (b"", b"{}", b"<a/>", b"MSH|^~\\&|ACK"):
        assert mutation_judge.faults(kind, content, (report,)) == [f"recorded what is no {kind}"]


def test_a_submission_with_no_record_with_another_or_with_two_is_seen(laboratory: Laboratory) -> None:
    opened = laboratory.opened
    before = max(one.position for one in opened.ledger.read_all(limit=10_000))
    one = inputs(bundle("1"))[0]
    answer = submit(opened, laboratory.seal(one.content))
    events = [one for one in opened.ledger.read_all(limit=10_000) if one.position > before]
    sent = [Sent(one, answer)]
    assert record_faults(sent, events) == []
    assert record_faults(sent, []) != []
    assert record_faults([*sent, *sent], events) != []
    assert record_faults([Sent(one, replace(answer, outcome="quarantined"))], events) != []
    assert record_faults([Sent(replace(one, content=bundle("2", value="1")), answer)], events) != []
