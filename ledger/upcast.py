"""Old event data lifted to today's shape, one pure step a version. Stored bytes never change.

A step takes the data of one schema version and returns that of the next. It never invents what the
old event did not say: a field that was not known then is absent or None. Each old version keeps its
golden file in tests/golden/events.
"""

from collections.abc import Callable, Mapping
from typing import Any

Data = dict[str, Any]

# Stored name and schema version -> the step to the next version.
STEPS: Mapping[tuple[str, int], Callable[[Data], Data]] = {}


class UpcastMissingError(Exception):
    """There is no step from a stored schema version to the next: this program is older than the data,
    or a step was removed. Run the version that wrote it."""


def upcast(name: str, data: Data, *, stored: int, current: int) -> Data:
    """Data of schema version `stored`, in the shape of version `current`."""
    if stored > current:
        raise UpcastMissingError(f"{name} of version {stored} is newer than {current}")
    for version in range(stored, current):
        if (name, version) not in STEPS:
            raise UpcastMissingError(f"{name} from version {version}")
        data = STEPS[name, version](data)
    return data
