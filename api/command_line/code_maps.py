"""`letopis lab map|unmap|codes|unmapped`: what a laboratory's own codes mean in LOINC or ФСЛИ."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from api.code_map_table import TableError, read_table
from api.command_line.console import err, opened_node
from api.command_line.lab import lab
from api.laboratories import OPERATOR
from domain.code_map import FSLI, LOINC, CodeMap, LocalCode, LocalCodeNotMappedError
from ledger import code_maps, onboarding
from ledger.commands import LaboratoryNotFoundError
from projections import terminology

_HANDLE = typer.Argument(help="The laboratory's short name, as given to `letopis lab add`.")
_JSON = typer.Option("--json", help="One JSON object a line.")
_SHORT = {LOINC: "LOINC", FSLI: "ФСЛИ"}


@lab.command(name="map")
def map_table(
    handle: Annotated[str, _HANDLE],
    table: Annotated[
        Path,
        typer.Argument(
            exists=True,
            dir_okay=False,
            help="CSV (UTF-8; comma or semicolon) with the columns system, code, standard_system (LOINC or"
            " ФСЛИ), standard_code, standard_display; display may be there too.",
        ),
    ],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check the table; change nothing.")] = False,
) -> None:
    """Say what local codes mean. All of the table is taken, or nothing if any row of it is wrong."""
    try:
        codes = read_table(table.read_bytes())
    except TableError as error:
        for line, reason in error.rows:
            err.print(f"line {line}: {reason}", markup=False, highlight=False)
        sys.exit(1)
    with opened_node(LaboratoryNotFoundError, LocalCodeNotMappedError) as opened:
        laboratory_id, _ = onboarding.load_laboratory(opened.ledger, handle)
        if dry_run:
            known = code_maps.load(opened.ledger, laboratory_id).codes
            changed = sum(known.get(mapped.local) != mapped for mapped in codes)
            print(f"{handle}: {len(codes)} codes, {changed} would be new or changed; nothing was changed")
            return
        changed = code_maps.map_codes(opened.ledger, laboratory_id, codes, OPERATOR)
        print(f"{handle}: {len(codes)} codes, {changed} new or changed")


@lab.command(name="unmap")
def unmap(
    handle: Annotated[str, _HANDLE],
    code: Annotated[str, typer.Argument(help="The local code.")],
    system: Annotated[str | None, typer.Option(help="Its system, as `codes` shows it.")] = None,
) -> None:
    """Forget what a local code means."""
    with opened_node(LaboratoryNotFoundError, LocalCodeNotMappedError) as opened:
        laboratory_id, _ = onboarding.load_laboratory(opened.ledger, handle)
        local = LocalCode(system=system or None, code=code)
        code_maps.unmap_codes(opened.ledger, laboratory_id, [local], OPERATOR)
        print(f"{handle}: {code} is not mapped any more")


@lab.command(name="codes")
def list_codes(handle: Annotated[str, _HANDLE], as_json_lines: Annotated[bool, _JSON] = False) -> None:
    """The mapping in force."""
    with opened_node(LaboratoryNotFoundError, LocalCodeNotMappedError) as opened:
        laboratory_id, _ = onboarding.load_laboratory(opened.ledger, handle)
        _print_map(code_maps.load(opened.ledger, laboratory_id), as_json_lines=as_json_lines)


def _print_map(code_map: CodeMap, *, as_json_lines: bool) -> None:
    for local, mapped in sorted(
        code_map.codes.items(), key=lambda item: (item[0].system or "", item[0].code)
    ):
        standard = mapped.standard
        line = {
            "system": local.system,
            "code": local.code,
            "display": mapped.display,
            "standard_system": standard.system,
            "standard_code": standard.code,
            "standard_display": standard.display,
        }
        if as_json_lines:
            print(json.dumps(line, ensure_ascii=False))
        else:
            short = _SHORT.get(standard.system or "", standard.system)
            print(
                f"{local.system or '-'}  {local.code}  {short} {standard.code}  {standard.display or ''}".rstrip()
            )


@lab.command(name="unmapped")
def list_unmapped(handle: Annotated[str, _HANDLE], as_json_lines: Annotated[bool, _JSON] = False) -> None:
    """Codes that came without a code of LOINC or ФСЛИ and have no mapping, the most frequent first: how many
    observations, system, code."""
    with opened_node(LaboratoryNotFoundError, LocalCodeNotMappedError) as opened:
        laboratory_id, _ = onboarding.load_laboratory(opened.ledger, handle)
        code_map = code_maps.load(opened.ledger, laboratory_id)
        for seen in terminology.unmapped_codes(opened.ledger, laboratory_id, code_map):
            local = seen.local
            line = {"system": local.system, "code": local.code, "observations": seen.observations}
            if as_json_lines:
                print(json.dumps(line, ensure_ascii=False))
            else:
                print(f"{seen.observations}  {local.system or '-'}  {local.code}")
