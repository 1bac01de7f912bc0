"""What the pages of taking data away are shown with in tests."""

from typing import Any

TAKE_AWAY_SAMPLES: dict[str, tuple[str, dict[str, Any]]] = {
    "my-data": ("my_data.html", {"count": 47, "kept": 2, "long": None}),
    "my-data-long": ("my_data.html", {"count": 2000, "kept": 0, "long": {"megabytes": 200, "minutes": 5}}),
    "my-data-none": ("my_data.html", {"count": 0, "kept": 0, "long": None}),
}
