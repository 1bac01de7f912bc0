"""A campaign of spoiled submissions against the readers, each reproducible by its number.

python -m tests.api.mutations --count 100000 --seed 7        counts by outcome, the slowest, the faults
python -m tests.api.mutations --seed 7 --only 4711 > input   the bytes of one of them
"""

import argparse
import gc
import json
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path
from random import Random
from types import FrameType
from typing import Any

from api import formats
from api.pdf_content import PDF_CONTENT_TYPE
from api.sandbox.people import people
from api.sandbox.reports import draw
from api.sandbox.writers import WRITERS
from domain.report_content import ReportContent
from ledger.intake import Problem
from tests.api import hl7_messages, mutation_judge
from tests.api.mutators import ANY, BY_FORMAT, SIZE_MAX
from tests.api.test_fhir_elements import COMPLETE
from tests.api.test_fhir_samples import KEPT, SAMPLES
from tests.api.test_fhir_xml import write_xml
from tests.api.test_pdf_content import written

SECONDS_MAX = 2.0
AGAIN_SECONDS = 0.01
# What the first inputs leave in memory is code and tables, loaded once: no leak.
WARM = 250
_NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
TYPES = {
    "json": "application/fhir+json",
    "xml": "application/fhir+xml",
    "cda": "application/hl7-cda+xml",
    "hl7": "application/hl7-v2",
    "pdf": PDF_CONTENT_TYPE,
}
_SUSPICIOUS_TYPES = (
    "",
    "text/plain",
    "application/xml",
    "text/xml; charset=utf-16",
    "application/json",
    "x" * 5000,
)
_FOLDERS = {
    "fhir-json": "json",
    "hostile-json": "json",
    "fhir-xml": "xml",
    "hostile-xml": "xml",
    "hl7v2": "hl7",
    "cda-ccda": "cda",
    "cda-ccda-fragment": "cda",
    "cda-nonxml": "cda",
    "cda-ru": "cda",
    "cda-xdlab": "cda",
}
Read = Callable[[str, bytes], Sequence[ReportContent] | Problem]


@dataclass(frozen=True, slots=True)
class Seed:
    kind: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Spoiled:
    """One input, and how it was made."""

    number: int
    kind: str
    content_type: str
    content: bytes
    ways: tuple[str, ...]


@dataclass(slots=True)
class Campaign:
    """What became of the inputs. `faults` must stay empty; `peak_bytes` is the most that one reading took,
    `grown_bytes` what stayed after all of them."""

    outcomes: Counter[str] = field(default_factory=Counter)
    slowest: list[tuple[float, str]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    grown_bytes: int = 0
    peak_bytes: int = 0


class OverTimeError(BaseException):
    """Not an Exception, or a reader that catches everything would swallow it."""


@cache
def seeds() -> tuple[Seed, ...]:
    """Real files of every format, and made ones; without the sample collection the made ones alone."""
    found = [Seed("json", path.read_bytes()) for path in sorted(KEPT.glob("*.json"))]
    found += [
        Seed(kind, path.read_bytes())
        for folder, kind in _FOLDERS.items()
        for path in sorted((SAMPLES / folder).glob("*"))
    ]
    found += [Seed("pdf", written(pdf=path.read_bytes())) for path in sorted((SAMPLES / "pdf").glob("*.pdf"))]
    found += [Seed("pdf", written())] * 5
    found += [Seed("json", json.dumps(COMPLETE).encode())] * 3
    found += [Seed("xml", write_xml(_without_numbers(one.content))) for one in found[:3]]
    found += [Seed("hl7", _message()), *_drawn()]
    return tuple(found)


def _drawn() -> Iterator[Seed]:
    """What the sandbox would send: each format, three patients."""
    kinds = {content_type: kind for kind, content_type in TYPES.items()}
    for number, person in enumerate(people(1, 3)):
        report = draw(Random(number), person, now=_NOW, number=f"S-{number}")
        for writer in WRITERS.values():
            yield Seed(kinds[writer.content_type], writer.write(report))


def _without_numbers(content: bytes) -> Any:
    return json.loads(content, parse_int=str, parse_float=str)


def _message() -> bytes:
    lines = [
        "OBX|1|NM|14682-9^Креатинин^LN||72.50|umol/L^^UCUM|44-80|N|||F",
        "OBX|2|SN|5048-4^ANA^LN||^1^:^160||<1:40|A|||C",
        "OBX|3|ED|PDF^Отчёт^L||LAB^AP^PDF^Base64^JVBERi0xLjQKJSVFT0YK||||||F",
        r"NTE|1||строка\.br\другая \T\ \X41\ ",
    ]
    return hl7_messages.content(hl7_messages.PATIENT, hl7_messages.REQUEST, *lines)


@cache
def _weights() -> tuple[float, ...]:
    """Small seeds are taken more often: more of them fit into the same time."""
    return tuple(1 / (2_000 + len(seed.content)) ** 0.7 for seed in seeds())


def spoiled(seed: int, number: int) -> Spoiled:
    """The input of this number: the same at every run over the same samples."""
    chance = Random(f"{seed}/{number}")
    (start,) = chance.choices(seeds(), _weights())
    kind, content, ways = start.kind, start.content, []
    own = BY_FORMAT["xml" if kind == "cda" else kind]
    for _ in range(chance.choice((1, 1, 1, 2, 2, 3))):
        way = chance.choice(own if chance.random() < 0.65 else ANY)
        content = way(chance, content)[:SIZE_MAX]
        ways.append(way.__name__)
    if chance.random() < 0.03:
        other = chance.choice(seeds()).content
        content = content[: chance.randrange(len(content) + 1)] + other[chance.randrange(len(other) + 1) :]
        ways.append("splice")
    content_type = TYPES[kind]
    if chance.random() < 0.06:
        content_type = chance.choice((*TYPES.values(), *_SUSPICIOUS_TYPES))
        ways.append("content type")
    return Spoiled(number, kind, content_type, content, tuple(ways))


def judged_as(sent: Spoiled) -> str:
    """The format by whose rules the content was read."""
    said = sent.content_type.partition(";")[0]
    media_type = formats.content_type_of(sent.content) if said in ("application/xml", "text/xml") else said
    return (
        "json"
        if media_type == "application/json"
        else next((kind for kind, own in TYPES.items() if own == media_type), sent.kind)
    )


def attempt(sent: Spoiled, read: Read, campaign: Campaign) -> None:
    """Read one input under watch, and judge the answer."""
    name = f"{sent.number} {sent.kind} {'+'.join(sent.ways)}"
    _forget_peak()
    resident = _bytes_of("VmRSS")
    started = time.process_time()
    raised, answer = None, None
    try:
        with _time_limit():
            answer = read(sent.content_type, sent.content)
    except OverTimeError:
        raised = "hang"
    except Exception as error:
        raised = f"raised {type(error).__name__}"
    campaign.peak_bytes = max(campaign.peak_bytes, _bytes_of("VmHWM") - resident)
    campaign.slowest = sorted([(time.process_time() - started, name), *campaign.slowest], reverse=True)[:10]
    if answer is None:
        campaign.outcomes[raised or "nothing"] += 1
        campaign.faults.append(f"{name}: {raised or 'answered None'}")
        return
    campaign.outcomes[answer.code if isinstance(answer, Problem) else "read"] += 1
    wrong = mutation_judge.faults(judged_as(sent), sent.content, answer)
    if wrong:
        campaign.faults.append(f"{name}: {', '.join(wrong[:5])}")


@contextmanager
def _time_limit() -> Iterator[None]:
    """Two seconds of this thread's processor, since others use the machine and other threads the process; thirty of
    the clock for what only waits."""
    ends_at = time.thread_time() + SECONDS_MAX
    busy = partial(_over_time, ends_at)
    timers = {signal.SIGPROF: signal.ITIMER_PROF, signal.SIGALRM: signal.ITIMER_REAL}
    before = {kind: signal.signal(kind, busy if kind is signal.SIGPROF else _waited_long) for kind in timers}
    signal.setitimer(signal.ITIMER_PROF, SECONDS_MAX, AGAIN_SECONDS)
    signal.setitimer(signal.ITIMER_REAL, 15 * SECONDS_MAX, AGAIN_SECONDS)
    try:
        yield
    finally:
        while timers:
            # It may be told again meanwhile, and must not be told afterwards.
            with suppress(OverTimeError):
                for kind, timer in timers.items():
                    signal.setitimer(timer, 0)
                    signal.signal(kind, before[kind])
                timers = {}


def _waited_long(*told: object) -> None:
    _over_time(0.0, *told)


def _over_time(ends_at: float, *told: object) -> None:
    """Not in a callback of a dead object: there nobody would hear it. It is told again soon."""
    frame = told[-1]
    is_heard = not (isinstance(frame, FrameType) and "weakref" in frame.f_code.co_filename)
    if is_heard and time.thread_time() >= ends_at:
        raise OverTimeError


def run(inputs: Iterator[Spoiled], read: Read = formats.read) -> Campaign:
    campaign = Campaign()
    before = _bytes_of("VmRSS")
    for place, sent in enumerate(inputs):
        if place == WARM:
            before = _bytes_of("VmRSS")
        attempt(sent, read, campaign)
    gc.collect()
    campaign.grown_bytes = _bytes_of("VmRSS") - before
    return campaign


def _bytes_of(name: str) -> int:
    """VmRSS or VmHWM, its highest since `_forget_peak`."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith(name):
            return int(line.split()[1]) * 1024
    raise AssertionError(name)


def _forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int)
    chosen = parser.parse_args()
    if chosen.only is not None:
        sent = spoiled(chosen.seed, chosen.only)
        print(sent.kind, sent.content_type[:80], *sent.ways, len(sent.content), file=sys.stderr)
        sys.stdout.buffer.write(sent.content)
        return 0
    started = time.monotonic()
    found = run(spoiled(chosen.seed, number) for number in range(chosen.count))
    for outcome, count in found.outcomes.most_common():
        print(f"{count:8} {outcome}")
    print(
        f"{time.monotonic() - started:8.0f} s, memory grown {found.grown_bytes >> 20} MiB, peak {found.peak_bytes >> 20} MiB"
    )
    for seconds, name in found.slowest:
        print(f"{seconds:8.2f} s  {name[:150]}")
    for one in found.faults:
        print("FAULT", one[:300])
    return 1 if found.faults else 0


if __name__ == "__main__":
    sys.exit(main())
