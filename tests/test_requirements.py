"""docs/requirements.md: every requirement in order, each with tests that are there, or a plain word that it is not."""

import ast
import re
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs" / "requirements.md").read_text("utf-8")
EXPECTED = [f"S{number}" for number in range(1, 144)] + [f"B{number}" for number in range(1, 11)]
NOT_THERE = "not there yet"


def rows() -> list[tuple[str, str, list[str]]]:
    lines = [line.strip().strip("|").split("|") for line in TEXT.splitlines() if re.match(r"\| [SB]\d", line)]
    assert all(len(cells) == 3 for cells in lines), "a row has three cells"
    return [
        (number.strip(), said.strip(), [one.strip() for one in tests.split(",") if one.strip()])
        for number, said, tests in lines
    ]


ROWS = rows()


@cache
def collected(path: str) -> frozenset[str]:
    """What pytest would collect there: functions of the module and methods of its classes."""
    tree = ast.parse((ROOT / path).read_text("utf-8"))
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef) and node.name.startswith("Test")]
    found = [*tree.body, *(node for one in classes for node in one.body)]
    return frozenset(
        node.name for node in found if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    )


def test_every_requirement_stands_there_once_and_in_order() -> None:
    assert [number for number, _, _ in ROWS] == EXPECTED


def test_every_test_that_is_named_is_there() -> None:
    for named in sorted(set(re.findall(r"tests/[\w/]+\.py(?:::\w+)?", TEXT))):
        path, _, function = named.partition("::")
        assert (ROOT / path).is_file(), path
        assert function in collected(path) if function else collected(path), named


def test_what_stands_for_a_test_is_one() -> None:
    for number, _, tests in ROWS:
        assert all(re.fullmatch(r"tests/[\w/]+\.py(?:::test_\w+)?", one) for one in tests), number


def test_what_has_no_test_says_plainly_that_it_is_not_there() -> None:
    for number, said, tests in ROWS:
        assert said, number
        assert tests or NOT_THERE in said.lower(), number


def test_whatever_the_source_document_asks_for_has_a_test() -> None:
    assert [number for number, _, tests in ROWS if number.startswith("S") and not tests] == []
