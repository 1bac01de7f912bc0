"""Whatever bytes come, reports or a ContentError come back; what was written is read."""

import os
from pathlib import Path
from time import perf_counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.content import ContentError
from api.hl7.reading import read_hl7
from domain.report_content import ReportContent
from tests.api.hl7_messages import HEADER, PATIENT, REQUEST, content

SAMPLES = Path(os.environ.get("LETOPIS_SAMPLES", Path(__file__).parents[3] / "shared" / "samples")) / "hl7v2"
RAW = [path.read_bytes() for path in sorted(SAMPLES.glob("*"))] or [
    content(PATIENT, REQUEST, "OBX|1|SN|1^A^L||>^1^:^2|g/l^^UCUM|1-2|H|||F", "NTE|1||\\X41\\", "SPM|1")
]
many = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])


CODES = {
    "content-not-hl7",
    "content-not-decodable",
    "content-encoding-unknown",
    "content-too-complex",
    "message-type-unsupported",
    "no-report-in-content",
    "patients-mixed",
    "segment-order",
}


def read(raw: bytes) -> tuple[tuple[ReportContent, ...], str | None]:
    try:
        return read_hl7(raw), None
    except ContentError as refusal:
        return (), refusal.code


def outcome(raw: bytes) -> tuple[ReportContent, ...]:
    reports, code = read(raw)
    if code:
        assert code in CODES
        return ()
    assert reports
    for report in reports:
        for observation in report.observations:
            if observation.value and observation.value.quantity:
                assert observation.value.quantity.number is not None
    return reports


@many
@given(st.binary(max_size=500))
def test_any_bytes(raw: bytes) -> None:
    outcome(raw)
    outcome(b"MSH|^~\\&|" + raw)
    outcome(content(PATIENT, REQUEST) + raw)


@many
@given(st.lists(st.text(alphabet='|^~\\&#"0159.-+:<>=OBRXNMSPIDTE\n ЖéZ', max_size=60), max_size=8), st.sampled_from(
    ["NM", "SN", "ST", "TX", "FT", "CE", "CWE", "DT", "TM", "TS", "ED", "RP", "CX", "NR", "DR", ""]))  # fmt: skip
def test_any_fields(texts: list[str], kind: str) -> None:
    outcome(content(PATIENT, REQUEST, *(f"OBX|1|{kind}|1^A^L||{text}" for text in texts)))
    outcome(content(PATIENT, *(f"OBR|1|{text}" for text in texts), *(f"SPM|{text}" for text in texts)))
    outcome(content(*(f"PID|1||{text}" for text in texts), REQUEST, *(f"NTE|1||{text}" for text in texts)))


@many
@given(st.sampled_from(RAW), st.data())
def test_a_damaged_message(raw: bytes, data: st.DataObject) -> None:
    changed = bytearray(raw)
    for _ in range(data.draw(st.integers(1, 8))):
        changed[data.draw(st.integers(0, len(changed) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    outcome(bytes(changed))
    outcome(raw[: data.draw(st.integers(0, len(raw)))])
    segments = raw.splitlines(keepends=True)
    place = data.draw(st.integers(0, len(segments) - 1))
    outcome(b"".join([*segments[:place], segments[place], *segments[place:]]))
    outcome(b"".join(data.draw(st.permutations(segments)) if len(segments) < 40 else segments[::-1]))


plain = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=20)
decimals = st.from_regex(r"-?(0|[1-9][0-9]{0,8})(\.[0-9]{1,6})?", fullmatch=True)
ESCAPES = {"\\": r"\E\\"[:3], "|": "\\F\\", "^": "\\S\\", "&": "\\T\\", "~": "\\R\\"}


def escaped(text: str) -> str:
    return "".join(ESCAPES.get(letter, letter) for letter in text)


@many
@given(st.lists(st.tuples(plain, plain, decimals, plain), min_size=1, max_size=10), plain, plain)
def test_what_is_written_is_read(rows: list[tuple[str, str, str, str]], family: str, comment: str) -> None:
    segments = [
        f"OBX|{place}|NM|{escaped(code)}^{escaped(name)}^LN||{number}|{escaped(unit)}^^UCUM||||F"
        for place, (code, name, number, unit) in enumerate(rows)
    ]
    (found,) = read_hl7(
        content(f"PID|1||1||{escaped(family)}", REQUEST, f"NTE|1||{escaped(comment)}", *segments)
    )
    assert found.subject.family == (None if family == '""' else family)
    assert found.notes == (() if comment == '""' else (comment,))
    for (code, name, number, unit), observation in zip(rows, found.observations, strict=True):
        assert observation.value and observation.value.quantity
        assert observation.value.quantity.value == number
        if '""' not in (code, name, unit):
            assert observation.value.quantity.unit == unit
            coding = observation.code.codings[0]
            assert (coding.code, coding.display) == (code, name)


@pytest.mark.parametrize(
    "raw",
    [
        content(PATIENT, REQUEST, "NTE|1||" + "\\" * 1_000_000),
        content(PATIENT, REQUEST, "NTE|1||" + "\\.sp100\\" * 100_000),
        content(PATIENT, REQUEST, "NTE|1||\\" + "a" * 1_000_000),
        content(PATIENT, REQUEST, "OBX|1|TX|1||" + "~" * 8_000_000),
        content(PATIENT, REQUEST, "OBX|1|CE|1||" + "^" * 8_000_000),
        content(PATIENT, REQUEST, "OBX|1|NM|1||" + "1" * 8_000_000),
        content(PATIENT, REQUEST, "OBX|1|ED|1||^^PDF^Base64^" + "QUJD" * 2_000_000),
        content(PATIENT, REQUEST, "OBX|1|NM|1||1||" + "1" * 1_000_000 + "-" * 20_000),
        content(PATIENT, *["NTE|1||x", "OBR|1"] * 45_000),
        content(PATIENT, REQUEST, *["OBX|1|NM|1^A^L||5"] * 90_000),
        content("PID|1||" + "1^^^A&1.2.3&ISO~" * 9_000, *["OBR|1"] * 90_000),
        content(PATIENT, *["OBR|1"] * 90_000, header=HEADER.replace("LAB", "L" * 900_000)),
        content(PATIENT, "OBR|1" + "|" * 25 + "x" * 900_000, *["OBX|1"] * 90_000),
        b"\n" * 8_000_000,
        b"\n \n" * 2_600_000,
        (HEADER + "\r").encode() * 9_000,
        b"MSH|^~\\&|" + b"\xd0" * 8_000_000,
    ],
    ids=lambda raw: f"{raw[-30:]!r}",
)
def test_a_hostile_size_takes_seconds_at_most(raw: bytes) -> None:
    begun = perf_counter()
    outcome(raw)
    assert perf_counter() - begun < 20
