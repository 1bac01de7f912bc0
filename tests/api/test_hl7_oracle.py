"""Our parser against python-hl7: each field, repetition and component that both can read is equal."""

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.hl7.batch import Message, messages_of
from tests.api.hl7_messages import HEADER

hl7 = pytest.importorskip("hl7", reason="NOT TESTED: python-hl7 is not installed")

SAMPLES = Path(os.environ.get("LETOPIS_SAMPLES", Path(__file__).parents[3] / "shared" / "samples")) / "hl7v2"
# Comments between the messages, and delimiters that python-hl7 takes otherwise.
NOT_COMPARED = {
    "hapi-hl7v2__messages.txt",
    "hl7v2-fhir-converter__sample_unix.hl7",
    "hl7v2-fhir-converter__sample_win.hl7",
}
FILES = [path for path in sorted(SAMPLES.glob("*")) if path.name not in NOT_COMPARED]


def compare(message: Message) -> int:
    """How many components were compared."""
    text = "\r".join("|".join(_sent_fields(segment.fields)) for segment in message.segments)
    theirs = hl7.parse(text)
    assert len(theirs) == len(message.segments)
    compared = 0
    for ours, their_segment in zip(message.segments, theirs, strict=True):
        assert str(their_segment[0]) == ours.name
        for number in range(3 if ours.name == "MSH" else 1, len(ours.fields)):
            field = their_segment[number]
            assert str(field) == ours.raw(number)
            repetitions = [str(one) for one in field] if ours.raw(number) else []
            assert [one for one in repetitions if one.strip()] == [
                one.raw for one in ours.repetitions(number)
            ]
            for repetition in ours.repetitions(number):
                their_repetition = field[repetitions.index(repetition.raw)]
                parts = (
                    their_repetition if isinstance(their_repetition, hl7.Repetition) else [their_repetition]
                )
                assert [str(part) for part in parts] == repetition.parts()
                compared += len(parts)
                for place, part in enumerate(parts, 1):
                    pieces = part if isinstance(part, hl7.Component) else [part]
                    assert [str(piece) for piece in pieces] == repetition.part(place).parts()
    return compared


def _sent_fields(fields: tuple[str, ...]) -> list[str]:
    return [fields[0], *fields[2:]] if fields[0] == "MSH" else list(fields)


@pytest.mark.parametrize("path", FILES or [None], ids=lambda path: path.name if path else "no samples")
def test_a_sample_is_cut_as_python_hl7_cuts_it(path: Path | None) -> None:
    if path is None:
        pytest.skip(f"NOT TESTED: no samples at {SAMPLES}")
    messages = list(messages_of(path.read_bytes()))
    assert messages
    assert sum(map(compare, messages)) >= 20


fields = st.text(alphabet="ab1^~& .Ж", max_size=20)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.lists(fields, min_size=1, max_size=8), min_size=1, max_size=5))
def test_a_generated_message_is_cut_alike(segments: list[list[str]]) -> None:
    lines = [HEADER, *("|".join(["ZZZ", *one, "end"]) for one in segments)]
    (message,) = messages_of("\r".join(lines).encode())
    compare(message)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.sampled_from(["\\F\\", "\\S\\", "\\T\\", "\\R\\", "\\E\\", "a", "Ж", " b"]), min_size=1, max_size=9
    )
)
def test_escapes_mean_alike(pieces: list[str]) -> None:
    raw = "x" + "".join(pieces)
    (message,) = messages_of("\r".join([HEADER, f"NTE|1||{raw}"]).encode())
    theirs = hl7.parse("\r".join([HEADER, f"NTE|1||{raw}"]))
    assert message.segments[1].first(3).text() == theirs.unescape(raw)
