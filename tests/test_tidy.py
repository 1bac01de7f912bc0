"""The form of the code is tested: small files, small functions, plain names, one direction of imports."""

import ast
import re
import sys
import tokenize
from collections.abc import Callable, Iterable, Iterator
from functools import cache
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
    "projections/follow.py": {"run", "_took_together", "_take", "take", "_take_alone"},
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


@pytest.fixture(scope="module", autouse=True)
def forgotten() -> Iterator[None]:
    """The trees of a thousand files are not kept for the rest of the run."""
    yield
    tree.cache_clear()
    nodes.cache_clear()


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), name_of(path))


@cache
def nodes(path: Path) -> tuple[ast.AST, ...]:
    return tuple(ast.walk(tree(path)))


def classes(path: Path) -> list[ast.ClassDef]:
    return [node for node in nodes(path) if isinstance(node, ast.ClassDef)]


def functions(path: Path) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    return [node for node in nodes(path) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def offenders(paths: Iterable[Path], found_in: Callable[[Path], Iterable[str]]) -> dict[str, list[str]]:
    """What breaks a rule, by file. A rule is one test, not a test for each of a thousand files."""
    found = {name_of(path): sorted(found_in(path)) for path in paths}
    return {name: broken for name, broken in found.items() if broken}


def test_a_file_fits_in_the_head() -> None:
    lines = {name_of(path): len(path.read_text().splitlines()) for path in SOURCES}
    assert not {name: count for name, count in lines.items() if count > FILE_LINES_MAX}


def test_a_function_fits_on_a_screen() -> None:
    def long(path: Path) -> list[str]:
        return [
            node.name
            for node in functions(path)
            if (node.end_lineno or 0) - node.lineno + 1 > FUNCTION_LINES_MAX
        ]

    assert not offenders(ALL, long)


def test_a_file_says_what_it_is() -> None:
    assert not [name_of(path) for path in ALL if tree(path).body and not ast.get_docstring(tree(path))]


def words(name: str) -> set[str]:
    """The words of a name in snake_case or CamelCase."""
    return set(re.findall(r"[a-z]+", re.sub(r"([A-Z])", r" \1", name).lower()))


def test_no_module_or_class_has_a_name_that_says_nothing() -> None:
    def empty_names(path: Path) -> list[str]:
        names = [path.stem, *(node.name for node in classes(path))]
        return [name for name in names if words(name) & FORBIDDEN_NAMES]

    assert not offenders(ALL, empty_names)


def is_error(node: ast.ClassDef) -> bool:
    return any(
        isinstance(parent, ast.Name) and parent.id.endswith(("Error", "Exception")) for parent in node.bases
    )


def test_every_error_ends_in_error() -> None:
    def misnamed(path: Path) -> list[str]:
        return [node.name for node in classes(path) if is_error(node) and not node.name.endswith("Error")]

    assert not offenders(ALL, misnamed)


LEFT_TO_DO = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")


def test_nothing_is_left_to_do() -> None:
    def left(path: Path) -> list[str]:
        if not LEFT_TO_DO.search(path.read_text()):  # tokenizing takes long, and few files have the word
            return []
        with path.open("rb") as file:
            tokens = list(tokenize.tokenize(file.readline))
        return [
            one.string for one in tokens if one.type == tokenize.COMMENT and LEFT_TO_DO.search(one.string)
        ]

    assert not offenders(SOURCES, left)


def broad(handler: ast.ExceptHandler) -> bool:
    caught = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(
        one is None or (isinstance(one, ast.Name) and one.id in ("Exception", "BaseException"))
        for one in caught
    )


def broad_handlers(path: Path) -> Iterator[str]:
    """The functions that catch everything and do not raise it again."""
    for function in functions(path):
        for node in ast.walk(function):
            is_broad = isinstance(node, ast.ExceptHandler) and broad(node)
            if is_broad and not any(
                isinstance(inner, ast.Raise) and inner.exc is None for inner in ast.walk(node)
            ):
                yield function.name


def test_everything_is_caught_only_at_an_edge() -> None:
    assert not offenders(SOURCES, lambda path: set(broad_handlers(path)) - EDGES.get(name_of(path), set()))


def imported(path: Path) -> set[str]:
    """The top-level packages that a file imports, wherever in the file."""
    found = set()
    for node in nodes(path):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "a relative import"
            found.add((node.module or "").partition(".")[0])
    return found


def test_the_domain_stands_on_the_standard_library_alone() -> None:
    sources = [path for path in SOURCES if path.is_relative_to(ROOT / "domain")]
    assert not offenders(sources, lambda path: imported(path) - sys.stdlib_module_names - {"domain"})


def test_imports_go_one_way() -> None:
    """api -> projections -> ledger -> domain."""

    def outward(path: Path) -> set[str]:
        own = PACKAGES.index(path.relative_to(ROOT).parts[0])
        return imported(path) & {*PACKAGES[own + 1 :], "tests"}

    assert not offenders(SOURCES, outward)


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
