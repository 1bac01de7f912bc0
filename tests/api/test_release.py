"""The release: the same files give the same digest, and whatever makes a result's bytes changes it."""

from pathlib import Path

import pytest

from api.release import RELEASE, release_of


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in (
        "api/portal/templates/a.html",
        "api/locale/ru.po",
        "domain/b.py",
        "projections/c.py",
        "api/a.css",
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return tmp_path


def test_this_program_has_a_short_release() -> None:
    assert len(RELEASE) == 16 and int(RELEASE, 16)


@pytest.mark.parametrize("changed", ["api/portal/templates/a.html", "api/locale/ru.po", "domain/b.py"])
def test_a_template_a_word_and_a_rule_are_in_it(tree: Path, changed: str) -> None:
    before = release_of(tree)
    assert before == release_of(tree)
    (tree / changed).write_text("other")
    assert release_of(tree) != before


def test_a_stylesheet_is_not_for_it_changes_no_byte_of_a_result(tree: Path) -> None:
    before = release_of(tree)
    (tree / "api/a.css").write_text("other")
    assert release_of(tree) == before
