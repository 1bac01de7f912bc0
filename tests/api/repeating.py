"""What one of the processes does that send the same submissions again: alone, since it starts anew each time."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from orjson import OPT_SORT_KEYS, dumps

from api.intake import submit
from api.node import node
from api.settings import Settings


@dataclass(frozen=True, slots=True)
class Sent:
    """One envelope, and which submission it is of."""

    submission: int
    envelope: bytes


def send_all(settings: Settings, sent: Sequence[Sent], answers: Path) -> None:
    """What one process does: a node of its own over the same database, and every envelope in turn."""
    with node(settings) as opened, answers.open("w", encoding="utf-8") as file:
        for one in sent:
            answer = submit(opened, one.envelope)
            body = dumps(answer.body, option=OPT_SORT_KEYS).decode()
            file.write(json.dumps([one.submission, answer.outcome, body]) + "\n")
