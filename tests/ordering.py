"""The slowest files come first, shared among the workers: none is left with a minute of work while the others are idle.

`--dist worksteal` gives each worker a stretch of the tests, and later moves what stands at a stretch's end. So each
stretch begins with its share of the slow files, whole: what a module sets up is set up once.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import TypeVar

Test = TypeVar("Test")

# Roughly, on 2 cores; what is missing is quick. Only the order goes by it: `pytest --durations=60` tells.
SLOW_FILES_SECONDS = {
    "tests/api/test_mutations.py": 95,
    "tests/api/test_kill.py": 80,
    "tests/api/test_way_in_by_keyboard.py": 60,
    "tests/api/test_serving.py": 50,
    "tests/api/test_bench.py": 45,
    "tests/api/test_staff_journey.py": 45,
    "tests/api/test_journey.py": 45,
    "tests/test_demo.py": 35,
    "tests/api/test_backup.py": 30,
    "tests/api/test_probes.py": 30,
    "tests/api/test_consultation_journey.py": 27,
    "tests/api/test_integration_page.py": 25,
    "tests/api/test_repeats.py": 25,
    "tests/api/test_staff_roles.py": 23,
    "tests/api/test_role_journeys.py": 20,
    "tests/api/test_routes.py": 17,
    "tests/api/test_access_log.py": 14,
    "tests/projections/test_follow.py": 13,
    "tests/api/test_delivery_kill.py": 13,
    "tests/api/test_passkey_journey.py": 12,
}


def dealt(tests: Sequence[tuple[str, Test]], *, workers: int) -> list[Test]:
    """The tests, each given with its file, in the order in which that many workers end soonest."""
    files = defaultdict[str, list[Test]](list)
    for name, test in tests:
        files[name].append(test)
    quick = [test for name, test in tests if name not in SLOW_FILES_SECONDS]
    hands: list[list[Test]] = [[] for _ in range(workers)]
    seconds = [0] * workers
    for name in sorted(files.keys() & SLOW_FILES_SECONDS, key=lambda one: (-SLOW_FILES_SECONDS[one], one)):
        least = seconds.index(min(seconds))
        hands[least] += files[name]
        seconds[least] += SLOW_FILES_SECONDS[name]
    found: list[Test] = []
    for number, hand in enumerate(hands):
        # As worksteal cuts: each worker takes its part of what is left.
        size = (len(tests) - len(found)) // (workers - number)
        room = max(0, size - len(hand))
        found += [*hand, *quick[:room]]
        del quick[:room]
    return found
