"""`couchreg sql`: a question to the tables of a registry, and its answer as a table or in a format of
programs."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from couchreg.cli.account import account_options
from couchreg.cli.asking import ask as ask_registry
from couchreg.cli.showing import plain
from couchreg.client.errors import UsageError
from couchreg.client.registry import Registry
from couchreg.model import json

_WIDEST = 40  # characters of a cell in a table
_BINARY = ("parquet", "arrow")


@click.command()
@click.argument("statement", metavar="SELECT")
@click.option("--csv", "format", flag_value="csv", help="Write CSV.")
@click.option("--json", "format", flag_value="array", help="Write a JSON list of objects.")
@click.option("--parquet", "format", flag_value="parquet", help="Write a Parquet file.")
@click.option("--arrow", "format", flag_value="arrow", help="Write an Arrow stream.")
@click.option(
    "--output", "-o", type=click.Path(dir_okay=False, path_type=Path), help="Write it to this file."
)
@click.option("--param", "parameters", multiple=True, metavar="NAME=VALUE", help="A value for $NAME.")
@account_options
def sql(
    statement: str,
    format: str | None,
    output: Path | None,
    parameters: Sequence[str],
    registry: str | None,
    user: str | None,
) -> None:
    """Ask tables with one SELECT over package.table, or "package@version".table."""
    values = dict(_pair(text) for text in parameters)
    if format is None and output is None:
        body = ask_registry(
            registry, user, False, lambda found: _whole(found, statement, values), public=True
        )
        _show(json.decode(body))
        return
    format = format or "csv"
    if format in _BINARY and output is None and sys.stdout.isatty():
        raise click.UsageError(f"{format} is binary: send it to a file with --output FILE.")
    ask_registry(
        registry, user, False, lambda found: _write(found, statement, values, format, output), public=True
    )


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise click.UsageError(f"{text!r} is not NAME=VALUE.")
    return name, value


async def _whole(found: Registry, statement: str, values: Mapping[str, str]) -> bytes:
    return b"".join([chunk async for chunk in found.ask(statement, values, "arrays")])


async def _write(
    found: Registry, statement: str, values: Mapping[str, str], format: str, output: Path | None
) -> None:
    """A file is there when all of it has come."""
    size = "max" if format == "array" else None
    chunks = found.ask(statement, values, format, size)
    if output is None:
        async for chunk in chunks:
            sys.stdout.buffer.write(chunk)
        sys.stdout.buffer.flush()
        return
    part = output.with_name(f".{output.name}.part")
    try:
        with part.open("wb") as file:
            async for chunk in chunks:
                file.write(chunk)
        part.replace(output)
    except OSError as error:
        raise UsageError(f"{output} cannot be written: {error.strerror}.") from error
    finally:
        part.unlink(missing_ok=True)


def _show(answer: Mapping[str, Any]) -> None:
    names = [plain(column["name"]) for column in answer["columns"]]
    numbers = [
        column["type"].startswith(("int", "uint", "double", "float", "decimal"))
        for column in answer["columns"]
    ]
    rows = [[_cell(value) for value in row] for row in answer["rows"]]
    widths = [max(map(len, cells)) for cells in zip(names, *rows, strict=True)]
    for cells in [names, ["-" * width for width in widths], *rows]:
        padded = (
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(cells, widths, numbers, strict=True)
        )
        click.echo("  ".join(padded).rstrip())
    if answer["truncated"]:
        click.echo(f"There are more than these {len(rows)} rows: --csv gives all.", err=True)


def _cell(value: Any) -> str:
    if isinstance(value, str):
        text = plain(value)
    else:
        text = "" if value is None else plain(json.encode(value).decode())
    return text if len(text) <= _WIDEST else text[: _WIDEST - 1] + "…"
