"""`letopis registry persons`: the registry of persons that profiles are compared with."""

from pathlib import Path
from typing import Annotated

import typer

from api.command_line.console import opened_node
from api.command_line.registry import registry
from api.laboratories import OPERATOR
from api.person_registry import LocalRegistry, PersonsFileError

persons = typer.Typer(no_args_is_help=True, help="The registry of persons that profiles are compared with.")
registry.add_typer(persons, name="persons")
_FILE = typer.Argument(
    exists=True,
    dir_okay=False,
    readable=True,
    help="UTF-8; CSV with a header, or JSON lines: snils, family, given, patronymic, birth_date, sex, inn, policy,"
    " document (series and number), document_valid_until.",
)


@persons.command(name="import")
def import_persons(file: Annotated[Path, _FILE]) -> None:
    """Take a file in, whole or not at all; who is known already is replaced. Keyed digests are kept, no names."""
    with opened_node(PersonsFileError, words=str) as opened:
        count = LocalRegistry(opened.ledger).take_in(file.read_bytes(), OPERATOR)
        print(f"{file.name}: {count} persons")


@persons.command()
def count() -> None:
    """How many persons the registry has."""
    with opened_node() as opened:
        print(LocalRegistry(opened.ledger).count())
