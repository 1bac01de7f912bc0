"""Leading: one worker at a time does a piece of work, and each piece has a lock of its own."""

import ast
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parents[2]


def locks() -> dict[int, list[str]]:
    """The constants that name an advisory lock, by number."""
    found: dict[int, list[str]] = defaultdict(list)
    for path in (one for folder in ("api", "projections", "ledger") for one in (ROOT / folder).rglob("*.py")):
        for node in ast.parse(path.read_text("utf-8")).body:
            match node:
                case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(value=int(number))) if (
                    name.endswith("LOCK")
                ):
                    found[number].append(f"{path.relative_to(ROOT)}: {name}")
    return found


def test_no_two_pieces_of_work_wait_for_one_lock() -> None:
    found = locks()
    assert len(found) > 5
    assert {number: names for number, names in found.items() if len(names) > 1} == {}
