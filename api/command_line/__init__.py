"""`letopis`: each group of commands has a file. What stands under `lab` is put there by being imported."""

from api.command_line import (
    code_maps,
    lab_client,
    lab_profile,
    lab_show,
    lab_submissions,
    lab_trust,
    registry_persons,
)
from api.command_line.ingest import ingest
from api.command_line.lab import lab
from api.command_line.matches import match
from api.command_line.misfiled import misfiled
from api.command_line.notices import notice
from api.command_line.quarantine import quarantine
from api.command_line.registry import registry
from api.command_line.sandbox import sandbox
from api.command_line.staff import staff
from api.command_line.study_request import study_request

__all__ = [
    "code_maps",
    "ingest",
    "lab",
    "lab_client",
    "lab_profile",
    "lab_show",
    "lab_submissions",
    "lab_trust",
    "match",
    "misfiled",
    "notice",
    "quarantine",
    "registry",
    "registry_persons",
    "sandbox",
    "staff",
    "study_request",
]
