"""`python -m api.observing`: the commands of a witness and a monitor alone, for a machine that runs nothing else.

It needs cryptography, httpx2, structlog, typer and uvicorn, and a quarter of the memory of `letopis`, whose commands
`witness` and `monitor` are the same.
"""

import typer

from api.observing.monitor_command import monitor
from api.observing.witness_command import witness
from api.process import prepare

cli = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_show_locals=False)
cli.add_typer(witness, name="witness")
cli.command()(monitor)

if __name__ == "__main__":
    prepare()
    cli()
