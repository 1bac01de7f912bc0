"""How deep JSON is nested is counted on its bytes, and must not be misled by what stands in strings."""

import json
import random

import pytest

from api.json_content import NESTING_LIMIT, ContentNotJsonError, parse_json

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
