"""The checks of a package's content with `frictionless`; runs only in the child process of a worker.

The sandbox lets nothing here reach a network, start a program, or use files outside of the package and the
job's scratch folder. Importing this module costs 0.3 s.
"""

import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NoReturn

import requests
from frictionless import Checklist, FrictionlessException, Package, system
from frictionless.formats import ParquetParser
from frictionless.resources import TableResource

from couchreg.package.report import Report, problem
from couchreg.registry.checking import parquet
from couchreg.registry.checking.declared import Declared, declared
from couchreg.registry.checking.preparing import Prepared, prepare, without_keys_into
from couchreg.registry.checking.sifting import Sifter, Wanted, sifted

MAX_ERRORS = 10_000  # of one resource; checking stops there
# Formats whose tables are read, and the modules that frictionless needs for that.
_READERS = {
    "csv": "",
    "tsv": "",
    "inline": "",
    "json": "ijson",
    "jsonl": "jsonlines",
    "ndjson": "jsonlines",
    "xlsx": "openpyxl",
    "xls": "xlrd",
    "ods": "ezodf",
    "parquet": "pyarrow",
}
setattr(ParquetParser, "read_cell_stream_create", parquet.cells)  # noqa: B010 — it is typed as a method
TABULAR = frozenset(form for form, needed in _READERS.items() if all(map(find_spec, needed.split())))


class NoNet(requests.Session):
    """A session that fetches nothing."""

    def request(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise requests.ConnectionError("nothing is fetched from outside the package")


def warm() -> None:
    """Check a small table, so that a child finds imported what it will need; most of a check is that."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "warm.csv").write_text("id,day\n1,2020-01-01\n", "utf-8")
        fields = [{"name": "id", "type": "integer"}, {"name": "day", "type": "date"}]
        typed = {"name": "typed", "path": "warm.csv", "schema": {"fields": fields}}
        inferred = {"name": "inferred", "path": "warm.csv"}
        check(folder, {"name": "warm", "resources": [typed, inferred]})


def check(folder: str, members: dict[str, Any]) -> dict[str, Any]:
    """Check the package whose files lie in `folder`; a `Report` as JSON, and what was not checked:
    `skipped`, resources whose data is not read (another format, or elsewhere), and `unchecked`,
    ``{resource, member, reason}`` for what a descriptor demands of data that is."""
    report = Report()
    prepared = prepare(folder, members)
    with system.use_context(http_session=NoNet(), trusted=False):
        try:
            package = _package(folder, prepared.members, prepared.members["resources"])
            prepared.skipped += _take_out_unread(package, prepared)
            _run(folder, package, prepared, report)
        except FrictionlessException as exception:
            for error in exception.reasons or [exception.error]:
                report.add(_problem(error, None))
    return {**report.to_json(), "skipped": prepared.skipped, "unchecked": prepared.unchecked}


def _package(folder: str, members: dict[str, Any], resources: list[dict[str, Any]]) -> Any:
    return Package.from_descriptor({**members, "resources": resources}, basepath=folder)


def _take_out_unread(package: Any, prepared: Prepared) -> list[str]:
    tables = [item for item in package.resources if item.name in prepared.tables]
    unread = [item.name for item in tables if _is_unread_table(item)]
    for name in unread:
        del prepared.tables[name]
    return unread


def _is_unread_table(resource: Any) -> bool:
    return bool(resource.path) and resource.datatype == "table" and resource.format not in TABULAR


def _run(folder: str, package: Any, prepared: Prepared, report: Report) -> None:
    absent = {item["name"] for item in prepared.members["resources"]} - set(prepared.tables)
    without_keys_into(prepared, absent)
    more, faults = declared(prepared.tables)
    for name, fault in faults:
        report.add(problem("schema-error", fault + ".", resource=name))
    if not prepared.tables:
        return
    if absent:
        package = _package(folder, prepared.members, list(prepared.tables.values()))
    sifter = Sifter(MAX_ERRORS)
    with sifted(sifter, {}):
        plans = {item.name: sifter.suspects(item, _wanted(more, item.name)) for item in _tables(package)}
    with sifted(sifter, plans):
        result = package.validate(Checklist(checks=[more] if more else []), limit_errors=MAX_ERRORS)
    for error in result.errors:
        report.add(_problem(error, None))
    for task in result.tasks:
        for error in task.errors:
            report.add(_problem(error, task.name))
        if len(task.errors) >= MAX_ERRORS:
            report.complete = False


def _tables(package: Any) -> list[Any]:
    return [item for item in package.resources if isinstance(item, TableResource)]


def _wanted(more: Declared | None, name: str) -> Wanted:
    return Wanted(more.keys.get(name, ()), more.allowed.get(name, {})) if more else Wanted()


def _problem(error: Any, resource: str | None) -> dict[str, Any]:
    if error.type in ("source-error", "scheme-error", "format-error") and not error.note:
        # Frictionless wraps every exception with its text, and the one without a text is this:
        raise MemoryError
    row = getattr(error, "row_number", None)
    field = getattr(error, "field_name", None) or getattr(error, "label", None)
    if row is None:
        row = next(_row_numbers(error), None)
    return problem(error.type, error.message, resource=resource, row=row, field=field or None)


def _row_numbers(error: Any) -> Iterator[int]:
    return iter(getattr(error, "row_numbers", None) or ())
