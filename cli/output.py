"""How commands speak: lines for people, JSON for programs, chosen once by `--json`."""

import json
from collections.abc import Sequence
from typing import Any

import click

_META_KEY = "cli.output.json"


def wants_json(context: click.Context | None = None) -> bool:
    """Whether `--json` was given, to `lintas` itself or to the command."""
    context = context or click.get_current_context()
    return bool(context.meta.get(_META_KEY, False))


def emit(data: Any, lines: Sequence[str]) -> None:
    """Prints the data as JSON if that was asked for, else the lines."""
    if wants_json():
        click.echo(json.dumps(data, indent=2, default=str))
        return
    for line in lines:
        click.echo(line)


def table(rows: Sequence[Sequence[object]], head: Sequence[str]) -> list[str]:
    """Columns as wide as their widest cell."""
    cells = [list(head), *([str(value) for value in row] for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(head))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]


def _remember(context: click.Context, _parameter: click.Parameter, value: bool) -> None:
    # Never set to False: a command's missing flag must not undo the one given to `lintas`.
    if value:
        context.meta[_META_KEY] = True


json_option = click.option(
    "--json", is_flag=True, expose_value=False, callback=_remember, help="Print JSON where there is something to list."
)
