"""A difference between two versions, as lines for people: `+` what came, `-` what went, `~` what changed."""

from collections.abc import Iterator, Mapping
from typing import Any

import click

from couchreg.cli.showing import plain
from couchreg.model import json

_LONGEST = 100  # characters of a value


def show_difference(found: Mapping[str, Any]) -> None:
    click.echo(f"{plain(found.get('name'))}: {plain(found.get('old'))} → {plain(found.get('new'))}")
    lines = [*_members(found.get("descriptor")), *_resources(found.get("resources") or {})]
    for line in lines or ["Nothing changed."]:
        click.echo(f"  {line}")


def _members(found: Any, of: str = "") -> Iterator[str]:
    found = found if isinstance(found, dict) else {}
    for sign, member in (("+", "added"), ("-", "removed")):
        for name in found.get(member) or ():
            yield f"{sign} {of}{plain(name)}"
    for name, change in (found.get("changed") or {}).items():
        yield f"~ {of}{plain(name)}: {_value(change.get('from'))} → {_value(change.get('to'))}"


def _value(value: Any) -> str:
    text = plain(json.encode(value).decode())
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def _resources(found: Mapping[str, Any]) -> Iterator[str]:
    for sign, member in (("+", "added"), ("-", "removed")):
        for name in found.get(member) or ():
            yield f"{sign} resource {plain(name)}"
    for name, change in (found.get("changed") or {}).items():
        yield f"~ resource {plain(name)}"
        schema = change.get("schema") or {}
        inner = [
            *_members(change.get("members")),
            *_members(schema.get("fields"), "field "),
            *_members(schema.get("members"), "schema "),
            *_rows(change.get("rows")),
        ]
        for line in inner:
            yield f"  {line}"


def _rows(rows: Any) -> Iterator[str]:
    if not isinstance(rows, dict):
        return
    if "skipped" in rows:
        yield f"rows: {plain(rows['skipped'])}"
        return
    counts = ", ".join(f"{rows.get(kind)} {kind}" for kind in ("added", "removed", "changed"))
    yield f"rows: {plain(counts)}"
    examples = rows.get("examples") or {}
    for sign, kind in (("+", "added"), ("-", "removed"), ("~", "changed")):
        for example in examples.get(kind) or ():
            yield f"  {sign} {_value(example)}"
