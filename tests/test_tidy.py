"""The form of the code is tested: small files, small functions, plain names, one direction of imports."""

import ast
import re
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.codec import EVENT_TYPES

ROOT = Path(__file__).parent.parent
PACKAGES = ("domain", "ledger", "projections", "api")
SOURCES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
ALL = [*SOURCES, *sorted((ROOT / "tests").rglob("*.py"))]
FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 70
FORBIDDEN_NAMES = {"util", "utils", "helper", "helpers", "common", "base", "manager", "service", "services"}
# Process edges: here whatever was raised is logged or answered, and the process goes on.
EDGES = {
    # A caller's own error while its events are made: it is raised to that caller, not to its neighbours.
    "ledger/recorder.py": {"_prepared"},
    "api/signing.py": {"run", "publish_on"},
    "api/log_mirror.py": {"run"},
    "projections/follow.py": {"run", "_take", "take", "_take_alone"},
    "api/reports_matching.py": {"run"},
    "api/sending/guardians.py": {"run"},
    "api/guardian_notices.py": {"tell_guardians"},
    # One notification that can't be read, or made, must not stop its channel.
    "api/sending/worker.py": {"run", "_taken", "_handed", "_conclude"},
    "api/clockwork.py": {"run", "_take"},
    "api/corrections.py": {"run", "owe_pending", "close_due"},
    # A receipt that fails must not be the last that a centre of SMS tells us.
    "api/channels/smpp.py": {"_take_delivered"},
    # Past it the server would log the message, which may quote data.
    "api/unforeseen.py": {"__call__"},
    "api/bench_append.py": {"_rate", "call"},
}


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), name_of(path))


every_source = pytest.mark.parametrize("path", SOURCES, ids=name_of)
every_file = pytest.mark.parametrize("path", ALL, ids=name_of)


@every_source
def test_a_file_fits_in_the_head(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= FILE_LINES_MAX


@every_file
def test_a_function_fits_on_a_screen(path: Path) -> None:
    long = [
        node.name
        for node in ast.walk(tree(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or 0) - node.lineno + 1 > FUNCTION_LINES_MAX
    ]
    assert not long


@every_file
def test_a_file_says_what_it_is(path: Path) -> None:
    found = tree(path)
    assert not found.body or ast.get_docstring(found), "no docstring"


def words(name: str) -> set[str]:
    """The words of a name in snake_case or CamelCase."""
    return set(re.findall(r"[a-z]+", re.sub(r"([A-Z])", r" \1", name).lower()))


@every_file
def test_no_module_or_class_has_a_name_that_says_nothing(path: Path) -> None:
    names = [path.stem, *(node.name for node in ast.walk(tree(path)) if isinstance(node, ast.ClassDef))]
    assert not [name for name in names if words(name) & FORBIDDEN_NAMES]


@every_file
def test_every_error_ends_in_error(path: Path) -> None:
    errors = [
        node.name
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ClassDef)
        and any(
            isinstance(parent, ast.Name) and parent.id.endswith(("Error", "Exception"))
            for parent in node.bases
        )
    ]
    assert all(name.endswith("Error") for name in errors)


@every_source
def test_nothing_is_left_to_do(path: Path) -> None:
    with path.open("rb") as file:
        comments = [
            token.string for token in tokenize.tokenize(file.readline) if token.type == tokenize.COMMENT
        ]
    assert not [comment for comment in comments if re.search(r"\b(TODO|FIXME|XXX|HACK)\b", comment)]


def broad(handler: ast.ExceptHandler) -> bool:
    caught = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(
        one is None or (isinstance(one, ast.Name) and one.id in ("Exception", "BaseException"))
        for one in caught
    )


def broad_handlers(path: Path) -> Iterator[str]:
    """The functions that catch everything and do not raise it again."""
    for function in ast.walk(tree(path)):
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        for node in ast.walk(function):
            is_broad = isinstance(node, ast.ExceptHandler) and broad(node)
            if is_broad and not any(
                isinstance(inner, ast.Raise) and inner.exc is None for inner in ast.walk(node)
            ):
                yield function.name


@every_source
def test_everything_is_caught_only_at_an_edge(path: Path) -> None:
    assert set(broad_handlers(path)) <= EDGES.get(name_of(path), set())


def imported(path: Path) -> set[str]:
    """The top-level packages that a file imports, wherever in the file."""
    found = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "a relative import"
            found.add((node.module or "").partition(".")[0])
    return found


@pytest.mark.parametrize(
    "path", [path for path in SOURCES if path.is_relative_to(ROOT / "domain")], ids=name_of
)
def test_the_domain_stands_on_the_standard_library_alone(path: Path) -> None:
    assert imported(path) <= sys.stdlib_module_names | {"domain"}


@every_source
def test_imports_go_one_way(path: Path) -> None:
    """api -> projections -> ledger -> domain."""
    own = PACKAGES.index(path.relative_to(ROOT).parts[0])
    assert not imported(path) & set(PACKAGES[own + 1 :])
    assert "tests" not in imported(path)


# What is written down about events.


def test_every_event_is_in_the_glossary() -> None:
    glossary = ROOT / "ARCHITECTURE.md"
    if glossary.exists():
        text = glossary.read_text()
        assert not [name for name in EVENT_TYPES if not re.search(rf"\b{name}\b", text)]


def test_golden_files_are_complete_and_none_is_of_an_unknown_event() -> None:
    """One for every version that was ever stored: an old file is never removed."""
    found = {path.stem for path in (ROOT / "tests/golden/events").glob("*.json")}
    expected = {
        f"{name}.v{version}"
        for name, stored in EVENT_TYPES.items()
        for version in range(1, stored.schema_version + 1)
    }
    assert found == expected


def test_migrations_are_numbered_without_a_gap() -> None:
    numbers = [int(path.name.partition("_")[0]) for path in sorted((ROOT / "migrations").glob("*.sql"))]
    assert numbers == list(range(1, len(numbers) + 1))
