"""JSON of a submission: two parsers that must not be told apart, numbers as sent, and how deep it may be nested."""

import json
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api import json_content
from api.json_content import NESTING_LIMIT, ContentNotJsonError, number_text, parse_json

STRINGS = ("a", "]}", "[{", '"', "\\", '\\"[', '"]', "", "[" * 70, "\\\\{")


def nested(depth: int, chance: random.Random) -> object:
    """Exactly this deep, with strings that look like brackets and quotes beside the way down."""
    if depth == 0:
        return chance.choice(STRINGS)
    inner = nested(depth - 1, chance)
    beside: list[object] = [chance.choice(STRINGS) for _ in range(chance.randint(0, 3))]
    if chance.random() < 0.5:
        return [*beside, inner]
    return {chance.choice(STRINGS): chance.choice(STRINGS), "deeper": inner}


@pytest.mark.parametrize("seed", range(50))
def test_a_value_as_deep_as_may_be_is_read_and_one_deeper_is_refused(seed: int) -> None:
    chance = random.Random(seed)
    content = nested(NESTING_LIMIT, chance)
    assert parse_json(json.dumps(content).encode()) == content
    with pytest.raises(ContentNotJsonError, match="nested deeper"):
        parse_json(json.dumps([content]).encode())


@pytest.mark.parametrize("opened", [NESTING_LIMIT + 1, 100_000])
def test_what_is_opened_too_often_and_never_closed_is_refused_before_the_parser_goes_down(
    opened: int,
) -> None:
    with pytest.raises(ContentNotJsonError, match="nested deeper"):
        parse_json(b"[" * opened)


def test_many_values_beside_each_other_are_not_deep() -> None:
    beside: dict[str, list[str]] = {"code": []}
    content = [beside] * 10 * NESTING_LIMIT
    assert parse_json(json.dumps(content).encode()) == content


NUMBERS = st.from_regex(r"-?(?:0|[1-9][0-9]{0,30})(?:\.[0-9]{1,9})?(?:[eE][+-]?[0-9]{1,3})?", fullmatch=True)
# As JSON texts, so that numbers stand in all their forms.
VALUES = st.recursive(
    st.one_of(
        NUMBERS, st.text(max_size=9).map(json.dumps), st.sampled_from(["true", "false", "null", '"-0"'])
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4).map(lambda parts: f"[{', '.join(parts)}]"),
        st.dictionaries(st.text(max_size=5).map(json.dumps), inner, max_size=4).map(
            lambda members: "{" + ",".join(f"{name}:{value}" for name, value in members.items()) + "}"
        ),
    ),
    max_leaves=12,
)


def by_the_other_parser(raw: bytes) -> object:
    content = json_content._parsed(raw)
    json_content._check_strings(content)
    return content


def read(parse: Any, raw: bytes) -> object:
    """The value with each number as its text, so that it can be compared; or why it is refused."""

    def plain(value: object) -> object:
        if isinstance(value, dict):
            return {name: plain(member) for name, member in value.items()}
        if isinstance(value, list):
            return [plain(item) for item in value]
        text = number_text(value)
        return value if text is None else ("number", text)

    try:
        return plain(parse(raw))
    except ContentNotJsonError as error:
        return str(error)


@given(VALUES)
def test_both_parsers_read_the_same(text: str) -> None:
    assert read(parse_json, text.encode()) == read(by_the_other_parser, text.encode())


@given(VALUES, st.data())
def test_both_parsers_refuse_the_same(text: str, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(text)))
    broken = (text[:place] + data.draw(st.sampled_from(list('{}[],:"-0.eE \\u'))) + text[place:]).encode()
    assert read(parse_json, broken) == read(by_the_other_parser, broken)


BYTES = (
    *(b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff", b"\x00", b"\x1f", b"\x7f", b"\xc2\x85", b"\xe2\x80\xa8"),
    *(b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x80", b"\x80", b"\xf0\x9f\xa7\xaa"),
    *(b"\\u0000", b"\\uD800", b"\\udc00\\ud800", b"\\ud83e\\uddea", b"\\\\u0000", b"\\u12", b"\\x", b"\\"),
    *(b"NaN", b"-Infinity", b"1e999999", b'"a":1,"a":2,', b'"\\u0061":1,"a":2,', b"[" * 201, b"//", b"'"),
)


@given(VALUES, st.sampled_from(BYTES), st.data())
def test_both_parsers_refuse_the_same_bytes(text: str, spoilt: bytes, data: st.DataObject) -> None:
    """jiter alone says what is UTF-8, a mark or a NUL: it must take nothing that is refused."""
    raw = text.encode()
    place = data.draw(st.integers(0, len(raw)))
    broken = raw[:place] + spoilt + raw[place:]
    assert read(parse_json, broken) == read(by_the_other_parser, broken)


@pytest.mark.parametrize("spoilt", BYTES)
@pytest.mark.parametrize(
    "form", [b"%s", b'%s{"a": 1}', b'{"a": "%s"}', b'{"%s": 1}', b'{"a": [1, %s "b"]}', b"[1]%s"]
)
def test_both_parsers_refuse_the_same_bytes_in_every_place(spoilt: bytes, form: bytes) -> None:
    assert read(parse_json, form % spoilt) == read(by_the_other_parser, form % spoilt)


@pytest.mark.parametrize(
    "text", ["-0", "0", "-0.0", "1.50", "1E5", "1e+05", "9" * 100, "9" * 5000, "1" * 5000 + ".5"]
)
@pytest.mark.parametrize("form", ["%s", "[%s]", '{"a":%s }', "[1, %s\n]"])
def test_a_number_is_kept_as_sent(text: str, form: str) -> None:
    found: Any = parse_json((form % text).encode())
    value: Any = found["a"] if isinstance(found, dict) else found[-1] if isinstance(found, list) else found
    assert number_text(value) == text


def test_what_is_no_number_has_no_text_of_one() -> None:
    assert [number_text(value) for value in (True, False, None, "5.4", [1], {})] == [None] * 6
