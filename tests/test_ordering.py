"""What is slow is begun first, by each worker, and nothing is lost or doubled."""

import pytest

from tests.ordering import SLOW_FILES_SECONDS, dealt
from tests.test_tidy import ROOT

SLOWEST, *OTHERS = sorted(SLOW_FILES_SECONDS, key=lambda name: -SLOW_FILES_SECONDS[name])
RUN = [
    (name, f"{name}::{number}")
    for name in ("tests/a.py", *OTHERS[:5], SLOWEST, "tests/z.py")
    for number in range(9)
]


@pytest.mark.parametrize("workers", [1, 2, 3, 8, 100])
def test_every_test_is_there_once(workers: int) -> None:
    assert sorted(dealt(RUN, workers=workers)) == sorted(test for _, test in RUN)


def test_each_worker_begins_with_a_slow_file() -> None:
    found = dealt(RUN, workers=2)
    first, second = found[: len(RUN) // 2], found[len(RUN) // 2 :]
    assert first[:9] == [f"{SLOWEST}::{number}" for number in range(9)]
    assert second[:9] == [f"{OTHERS[0]}::{number}" for number in range(9)]


def test_the_slow_files_are_there() -> None:
    assert not [name for name in SLOW_FILES_SECONDS if not (ROOT / name).is_file()]
