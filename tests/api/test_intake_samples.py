"""Every real file of the sample collection has the outcome that docs/intake.md says, through the whole path.

LETOPIS_WRITE_TABLE=1 writes the table anew: read the difference before it is committed.
"""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest

from api import laboratories
from api.formats import content_type_of
from api.intake import submit
from api.laboratories import envelope_id_of
from api.node import Node
from api.settings import Settings
from domain.laboratory import LaboratoryRegistered
from domain.report import evolve
from tests.api.cast import Laboratory
from tests.api.test_fhir_samples import NO_SAMPLES, SAMPLES

TABLE = Path(__file__).parents[2] / "docs/intake.md"
HEAD = "| file | outcome | reports | observations | problem |\n|---|---|---|---|---|\n"
FOLDERS = (
    "cda-ccda",
    "cda-ccda-fragment",
    "cda-nonxml",
    "cda-ru",
    "cda-xdlab",
    "fhir-json",
    "fhir-xml",
    "hl7v2",
    "hostile-json",
    "hostile-xml",
    "pdf",
)


def outcome_of(laboratory: Laboratory, path: Path) -> str:
    """The line of one file, after submitting it in an envelope of its own."""
    content = path.read_bytes()
    sealed = laboratory.seal(
        content, content_type=content_type_of(content), envelope_id=envelope_id_of(content)
    )
    answer = submit(laboratory.opened, sealed)
    states = [laboratory.opened.ledger.load(report_id, evolve)[0] for report_id in map(UUID, answer.reports)]
    observations = sum(len(state.current.observations) for state in states if state is not None)
    problem = "" if answer.outcome == "recorded" or answer.problem is None else answer.problem.code
    name = path.relative_to(SAMPLES)
    return f"| {name} | {answer.outcome} | {len(states)} | {observations} | {problem} |\n"


def laboratories_of(opened: Node) -> Iterator[Laboratory]:
    """One laboratory a folder: the same report in two formats would else be a duplicate."""
    default = Settings.model_fields["submission_limit_bytes"].default
    node = replace(opened, settings=opened.settings.model_copy(update={"submission_limit_bytes": default}))
    for folder in FOLDERS:
        registered = LaboratoryRegistered(handle=folder, name=folder, inn="7830002293", ogrn="1027739054420")
        laboratory_id, sender = laboratories.add(node.ledger, node.settings.home, registered)
        yield Laboratory(laboratory_id, sender, node)


def test_every_real_file_has_its_outcome(opened: Node) -> None:
    if not SAMPLES.exists():
        pytest.skip(NO_SAMPLES)
    found = HEAD
    for folder, laboratory in zip(FOLDERS, laboratories_of(opened), strict=True):
        found += "".join(outcome_of(laboratory, path) for path in sorted((SAMPLES / folder).iterdir()))
    words, head, written = TABLE.read_text(encoding="utf-8").partition(HEAD)
    if "LETOPIS_WRITE_TABLE" in os.environ:
        TABLE.write_text(words + found, encoding="utf-8")
    else:
        assert head + written == found
