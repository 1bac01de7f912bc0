"""A submission leaves no circles behind: objects that hold each other stay, with all that they hold, until the interpreter
looks for them, which is seldom and stops everybody for as long as half a second.
"""

import gc
import resource
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from api.intake import submit
from api.node import Node
from api.xml_content import parse_xml
from tests.api.cast import Laboratory, bundle, settled, who

# What a submission is made of, on its way from the envelope to the ledger.
MADE = {
    "CompactEncryption",
    "Located",
    "Draft",
    "ReportContent",
    "Observation",
    "Append",
    "RecordedEvent",
    "Write",
}


@contextmanager
def without_looking() -> Iterator[None]:
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def circles(act: Callable[[], object]) -> Counter[str]:
    """What doing it leaves to be looked for, by type."""
    with without_looking():
        act()
        gc.set_debug(gc.DEBUG_SAVEALL)
        try:
            gc.collect()
            return Counter(type(one).__name__ for one in gc.garbage)
        finally:
            gc.set_debug(0)
            gc.garbage.clear()


def test_a_submission_is_gone_when_it_is_recorded(opened: Node, laboratory: Laboratory) -> None:
    person = who(1)
    settled(opened, person, laboratory.laboratory_id)
    envelopes = [laboratory.seal(bundle(f"report-{number}", person)) for number in range(2)]
    assert submit(opened, envelopes[0]).outcome == "recorded"
    left = circles(lambda: submit(opened, envelopes[1]))
    assert not MADE & left.keys(), left


def test_a_tree_of_xml_is_gone_when_it_is_read() -> None:
    raw = b"<a>" + b'<b c="1"><d>as long as a name is</d></b>' * 20_000 + b"</a>"
    parse_xml(raw)
    with without_looking():
        before = memory_mib()
        for _ in range(20):
            parse_xml(raw)
        grown = memory_mib() - before
    assert grown < 60, f"{grown} MiB, of some 13 each"


def memory_mib() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() // 2**20
