"""The checks of a package's content with `frictionless`; runs only in the child process of a worker.

The sandbox lets nothing here reach a network, start a program, or use files outside of the package and the
job's scratch folder. Importing this module costs 0.3 s.
"""

import tempfile
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import requests
from frictionless import Checklist, Dialect, Package, system
from frictionless.formats import ParquetParser
from frictionless.resources import TableResource

from couchreg.package.references import references
from couchreg.package.report import Report, problem, shown
from couchreg.registry.checking import documents, parquet
from couchreg.registry.checking.declared import Declared, declared
from couchreg.registry.checking.demands import check_demands
from couchreg.registry.checking.explaining import Explainer
from couchreg.registry.checking.files import check_files
from couchreg.registry.checking.form import check_form
from couchreg.registry.checking.headers import read_labels
from couchreg.registry.checking.json_rows import check_inline, check_members, check_rows
from couchreg.registry.checking.naming import FieldNames
from couchreg.registry.checking.opening import BROKEN
from couchreg.registry.checking.plugins import standard_reading
from couchreg.registry.checking.preparing import Prepared, prepare
from couchreg.registry.checking.profiles import in_package
from couchreg.registry.checking.reading import StandardReading
from couchreg.registry.checking.sifting import Demands, Sifter, opened, sifted, without_references
from couchreg.registry.checking.telling import Tell, Telling, silent, sizes_of
from couchreg.registry.checking.texts import Recorded, check_text
from couchreg.sandbox.ending import OF_THE_MACHINE

MAX_ERRORS = 10_000  # of one resource; checking stops there
_TRACED = -5  # the last calls, which tell; one that calls itself would fill the log
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
_ELSEWHERE = {  # why a schema is held against nothing, and what to do about it
    "ods": "tables of OpenDocument are not read here: save it as xlsx or CSV, and it is checked",
    "xlsm": "workbooks with macros are not read here: save it as xlsx, and it is checked",
    "xlsb": "binary workbooks are not read here: save it as xlsx, and it is checked",
    "txt": 'text without a format is no table here: state "format": "csv", and it is checked',
    "tab": 'state "format": "tsv", and it is checked',
}
setattr(ParquetParser, "read_cell_stream_create", parquet.cells)  # noqa: B010 — it is typed as a method
setattr(Dialect, "read_labels", read_labels)  # noqa: B010 — likewise
TABULAR = frozenset(form for form, needed in _READERS.items() if all(map(find_spec, needed.split())))


class NoNet(requests.Session):
    """A session that fetches nothing."""

    def request(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise requests.ConnectionError("nothing is fetched from outside the package")


@contextmanager
def without_network() -> Iterator[None]:
    """frictionless fetches nothing and trusts no path. Its own context is left as it is by what raises."""
    context = system.use_context(http_session=NoNet(), trusted=False)
    context.__enter__()
    try:
        yield
    finally:
        context.__exit__(None, None, None)


def warm() -> None:
    """Check a small table, so that a child finds imported what it will need; most of a check is that."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "warm.csv").write_text("id,day\n1,2020-01-01\n", "utf-8")
        fields = [{"name": "id", "type": "integer"}, {"name": "day", "type": "date"}]
        typed = {"name": "typed", "path": "warm.csv", "schema": {"fields": fields}}
        inferred = {"name": "inferred", "path": "warm.csv"}
        check(folder, {"name": "warm", "resources": [typed, inferred]})


def check(folder: str, members: dict[str, Any], tell: Tell = silent) -> dict[str, Any]:
    """Check the package whose files lie in `folder`; a `Report` as JSON, and what was not checked:
    `skipped`, resources whose data nobody looks into (another format, or elsewhere), and `unchecked`,
    ``{resource, member, reason}`` for what a descriptor demands of data that is. `recorded` has what was
    found out of the data and the descriptor does not say, ``{resource, member, value}``. `tell` is given
    notes of progress."""
    report = Report()
    reading = standard_reading()
    recorded: list[Recorded] = []
    with without_network(), in_package(folder):
        prepared = prepare(folder, members, report)
        check_form(prepared)
        check_demands(prepared)
        check_files(prepared, references(members))
        package = _package(prepared)
        _look_into_documents(prepared, _take_out_unread(package, prepared))
        for name in list(prepared.tables):
            resource = package.get_resource(name)
            recorded += check_text(prepared, resource)
            if check_rows(prepared, resource):
                check_members(prepared, resource)
            check_inline(prepared, resource)
        telling = Telling(tell, sizes_of(folder, prepared.tables))
        _run(prepared, reading, recorded, telling)
    return {
        **report.to_json(),
        "skipped": prepared.skipped,
        "unchecked": prepared.unchecked,
        "recorded": [item for item in recorded if item["resource"] in prepared.tables],
    }


class Readable(NamedTuple):
    """A table that can be opened, as often as is wanted, and the names of its fields."""

    open: Callable[[], Any]
    names: FieldNames


@contextmanager
def readable_table(folder: str, members: dict[str, Any], report: Report) -> Iterator[Readable | None]:
    """The table of a package of one resource, to be read as it is checked. None where it cannot be: `report`
    says why. What has no schema is text, or has the types of its file."""
    standard_reading()
    with without_network(), in_package(folder):
        prepared = prepare(folder, members, report)
        check_form(prepared)
        package = _package(prepared)
        _take_out_unread(package, prepared)
        for name in list(prepared.tables):
            check_text(prepared, package.get_resource(name))
            check_rows(prepared, package.get_resource(name))
        _leave_keys_into_absent(prepared)
        tables = _tables(_package(prepared))
        yield (
            Readable(lambda: opened(_typed(tables[0])), prepared.names_of(tables[0].name)) if tables else None
        )


def _typed(resource: Any) -> Any:
    copy = without_references(resource)
    if not copy.schema:
        copy.detector.field_type = "any"
    return copy


def _package(prepared: Prepared) -> Any:
    """The tables as frictionless has them, which are all well formed."""
    members = {key: value for key, value in prepared.members.items() if key in ("$schema", "name")}
    resources = list(prepared.tables.values())
    return Package.from_descriptor(
        {**members, "resources": resources}, allow_invalid=True, basepath=prepared.folder
    )


def _take_out_unread(package: Any, prepared: Prepared) -> list[Any]:
    """Leave what is a table that can be read, or data in the descriptor; the others are answered."""
    unread = [item for item in package.resources if item.path and not _is_readable_table(item)]
    for item in unread:
        del prepared.tables[item.name]
    return unread


def _is_readable_table(resource: Any) -> bool:
    return bool(resource.datatype == "table" and resource.format in TABULAR)


def _look_into_documents(prepared: Prepared, resources: Sequence[Any]) -> None:
    """JSON is looked into at least; whatever else is no table is named as not read."""
    with_schema = {item["name"] for item in prepared.members["resources"] if item.get("schema")}
    for item in resources:
        paths = prepared.paths[item.name]
        if len(paths) > 1 and documents.are_whole(prepared.folder, paths, item.format):
            message = (
                f"Files of the format {item.format} cannot be put together to one: make a resource of each."
            )
            prepared.report.add(problem("format-error", message, resource=item.name, field="path"))
        elif item.format not in documents.FORMATS or item.compression:
            prepared.skipped.append(item.name)
            if item.format in _ELSEWHERE and item.name in with_schema:
                prepared.leave(item.name, "schema", _ELSEWHERE[item.format])
        elif fault := documents.fault_of(Path(prepared.folder, paths[0]), item.format):
            prepared.skipped.append(item.name)
            prepared.leave(item.name, "path", f"{shown(paths[0])} {fault}")
        elif item.name in with_schema:
            prepared.skipped.append(item.name)
            prepared.leave(item.name, "schema", f"{item.format} is not read as a table here")


def _run(prepared: Prepared, reading: StandardReading, recorded: list[Recorded], telling: Telling) -> None:
    _leave_keys_into_absent(prepared)
    more, faults = declared(prepared.tables)
    for name, fault in faults:
        prepared.report.add(problem("schema-error", fault + ".", resource=name, field="schema"))
    package = _package(prepared)
    explainer = Explainer(prepared, reading)
    sifter = Sifter(MAX_ERRORS, telling)
    with sifted(sifter, {}):
        plans = {item.name: _suspects(sifter, item, _wanted(more, item.name)) for item in _tables(package)}
    with sifted(sifter, plans):
        for item in package.resources:
            _validate(item, more, prepared.report, explainer)
    for item in _tables(package):
        explainer.guessed(item, recorded, prepared.report)


def _suspects(sifter: Sifter, resource: Any, wanted: Demands) -> Any:
    """Those of one resource; None, so that all its rows are read, where it makes this stumble: that is told
    where the table itself is read, or nothing is wrong with it."""
    try:
        return sifter.suspects(resource, wanted)
    except (*BROKEN, ValueError, ArithmeticError):
        return None
    except Exception as error:
        if _is_of_the_machine(error):
            raise
        traceback.print_exc(limit=_TRACED)
        return None


def _validate(resource: Any, more: Declared | None, report: Report, explainer: Explainer) -> None:
    """What frictionless finds in the data of one resource; what it stumbles over is of this one alone."""
    try:
        result = resource.validate(Checklist(checks=[more] if more else []), limit_errors=MAX_ERRORS)
    except Exception as error:
        if _is_of_the_machine(error):
            raise
        if not isinstance(error, OSError):
            traceback.print_exc(limit=_TRACED)
        report.add(explainer.stumbled(resource.name, error))
        return
    found = [error for task in result.tasks for error in task.errors] + list(result.errors)
    for item in found:
        told = explainer.problem(item, resource.name)
        if told is not None:
            report.add(told)
    if len(found) >= MAX_ERRORS:
        report.complete = False


def _is_of_the_machine(error: Exception) -> bool:
    """Whether there was no memory or no room on the disk, which says nothing of the resource that was looked
    at."""
    return isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno in OF_THE_MACHINE)


def _leave_keys_into_absent(prepared: Prepared) -> None:
    """Leave out the foreign keys that refer to resources whose data is not read."""
    for name, resource in prepared.tables.items():
        schema = resource.get("schema")
        keys = schema.get("foreignKeys") if isinstance(schema, dict) else None
        if not isinstance(keys, list):
            continue
        kept = [key for key in keys if (key["reference"].get("resource") or name) in prepared.tables]
        if len(kept) < len(keys):
            reason = "the data of the resource that the key refers to is not read here"
            prepared.leave(name, "foreignKeys", reason)
            resource["schema"] = {**resource["schema"], "foreignKeys": kept}


def _tables(package: Any) -> list[Any]:
    return [item for item in package.resources if isinstance(item, TableResource)]


def _wanted(more: Declared | None, name: str) -> Demands:
    return Demands(more.keys.get(name, ()), more.allowed.get(name, {})) if more else Demands()
