"""Hold the Parquet files of packages against what frictionless reads from their sources, cell by cell. Used
by `scripts/compare_tables`.

Each package below the folders that are named is published to a new registry, without checks, and each of its
tables is read back from its Parquet file beside frictionless, which reads the folder. Values have
to be equal, and of the type that the field has. A table that frictionless reads without an error has to be
there; one that is not has to have an error of frictionless, too. `--rows` adds a made-up table of so many
rows.
"""

import argparse
import json
import shutil
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock
from decimal import Decimal
from pathlib import Path
from typing import Any

import bench_servers
import isodate
import pyarrow.parquet as pq
from bench_tables import package as made_package
from frictionless import FrictionlessException, Package, system

from couchreg.client import Credentials, publish
from couchreg.errors import CouchregError

BATCH = 1024  # rows
SHOWN = 5  # differences of a table
VERSION = "1.0.0"
NATIVE: dict[str, type | tuple[type, ...]] = {  # what a value of a field is in Parquet
    "integer": int,
    "year": int,
    "number": (Decimal, float),
    "boolean": bool,
    "date": date,
    "datetime": datetime,
    "time": (clock, str),
}
LEFT_OUT = ("bytes", "hash", "licenses", "sources", "profile", "title", "description")
_JSON = ("object", "array", "geojson", "list")


def main() -> int:
    options = arguments().parse_args()
    system.trusted = True  # the folders were named by whoever runs this
    failed = 0
    with tempfile.TemporaryDirectory(prefix="couchreg-compare-") as scratch:
        folders = [found.parent for folder in options.folders for found in packages(Path(folder))]
        if options.rows:
            folders.append(made_package(Path(scratch) / "made", options.rows))
        with bench_servers.couchreg("--validation", "off", door="Registry") as subject:
            url = subject.url.replace(f"{bench_servers.LOGIN}@", "")
            for number, folder in enumerate(folders):
                failed += not compared(url, folder, f"p{number}", Path(scratch))
    print(f"{len(folders)} packages, {failed} with differences")
    return 1 if failed else 0


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="scripts/compare_tables", description=__doc__)
    parser.add_argument("folders", nargs="*", help="with packages somewhere below them")
    parser.add_argument("--rows", type=int, default=0, help="of a made-up table (0: none)")
    return parser


def packages(folder: Path) -> list[Path]:
    return sorted(folder.rglob("datapackage.json"))


def compared(url: str, folder: Path, name: str, scratch: Path) -> bool:
    """Publishes a package under a name, and tells what is in its tables; False where something differs."""
    shown, began = folder.name, time.monotonic()
    folder = plain(folder, name, scratch / name)
    try:
        publish(url, folder, credentials=Credentials(*bench_servers.LOGIN.split(":")))
        source = Package(str(folder / "datapackage.json"))
    except CouchregError as error:
        print(f"{shown}: not published: {error.reason[:200]}", flush=True)
        return True
    except FrictionlessException as error:
        print(f"{shown}: frictionless refuses the descriptor: {str(error)[:300]}", flush=True)
        return True
    right, whole, types = True, Counter[str](), set[str]()
    for table in settled(f"{url}/-/parquet/{name}/{VERSION}"):
        label, resource = f"{shown}/{table['resource']}", source.get_resource(table["resource"])
        if table["state"] == "failed":
            found = fault(resource)
            right = right and found is not None
            place = f"row {table['row']}: " if table["row"] else ""
            said = f"frictionless: {found}" if found else "BUT FRICTIONLESS READS IT"
            print(f"{label}: failed: {place}{table['reason'][:120]} ({said})", flush=True)
            continue
        file = scratch / "table.parquet"
        urllib.request.urlretrieve(table["url"], file)
        rows, cells, differences = held(resource, file)
        whole.update(tables=1, rows=rows, cells=cells, differences=len(differences))
        types.update(column["type"] for column in table["columns"])
        for difference in differences[:SHOWN]:
            print(f"{label}: {difference}", flush=True)
    counted = ", ".join(f"{whole[what]:,} {what}" for what in ("tables", "rows", "cells", "differences"))
    said = f"{counted} ({', '.join(sorted(types))}), {time.monotonic() - began:.0f} s"
    print(f"{shown}: {said if whole['tables'] else 'no tables'}", flush=True)
    return right and not whole["differences"]


def plain(folder: Path, name: str, copy: Path) -> Path:
    """A copy under another name: those resources alone whose files are there, and of what is said of them
    only what tables are read by."""
    shutil.copytree(folder, copy)
    descriptor = copy / "datapackage.json"
    members = json.loads(descriptor.read_text("utf-8-sig"))
    there = []
    for resource in members.get("resources", []):
        paths = resource.get("path", [])
        if all((copy / path).is_file() for path in ([paths] if isinstance(paths, str) else paths)):
            there.append({key: value for key, value in resource.items() if key not in LEFT_OUT})
        else:
            print(f"{folder.name}/{resource.get('name')}: left out, since its file is not there", flush=True)
    standard = {key: members[key] for key in ("$schema",) if key in members}
    descriptor.write_text(
        json.dumps({**standard, "name": name, "version": VERSION, "resources": there}), "utf-8"
    )
    return copy


def settled(listing: str) -> list[dict[str, Any]]:
    """The tables when none is pending any more."""
    while True:
        with urllib.request.urlopen(listing) as answer:
            tables: list[dict[str, Any]] = json.load(answer)["tables"]
        if all(table["state"] != "pending" for table in tables):
            return tables
        time.sleep(0.2)


def fault(resource: Any) -> str | None:
    """The first error of frictionless in the data of a resource, but for constraints."""
    report = resource.validate()
    for errors in (report.errors, *(task.errors for task in report.tasks)):
        for error in errors:
            if error.type not in ("constraint-error", "primary-key", "foreign-key", "unique-error"):
                return str(error.message)[:120]
    return None


def held(resource: Any, file: Path) -> tuple[int, int, list[str]]:
    """How many rows and cells were compared, and what differs."""
    differences: list[str] = []
    rows = cells = 0
    parquet = pq.ParquetFile(file)
    with resource:
        types = [field.type for field in resource.schema.fields]
        ours = values(parquet)
        for expected in resource.row_stream:
            found = next(ours, None)
            if found is None:
                differences.append(f"row {expected.row_number} is missing")
                break
            rows += 1
            wanted = [expected[name] for name in resource.schema.field_names]
            if len(wanted) != len(found):
                differences.append(f"row {expected.row_number} has {len(found)} cells, not {len(wanted)}")
                continue
            for type, one, other in zip(types, wanted, found, strict=True):
                cells += 1
                if not same(one, other, type) and len(differences) < 1000:
                    differences.append(f"row {expected.row_number}: {one!r} ({type}) is {other!r}")
        if not differences and next(ours, None) is not None:
            differences.append(f"rows that frictionless has not, after {rows}")
    if len(parquet.schema_arrow) and rows and len(types) != len(parquet.schema_arrow):
        differences.append("the columns are not those of the schema")
    return rows, cells, differences


def values(parquet: pq.ParquetFile) -> Iterator[tuple[Any, ...]]:
    for batch in parquet.iter_batches(BATCH):
        yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)


def same(expected: Any, found: Any, type: str) -> bool:
    """Whether a value of frictionless is kept in a value of the file, which is of the type for it."""
    if expected is None or found is None:
        return expected is found
    native = NATIVE.get(type, str)
    if not isinstance(found, native) or (isinstance(found, bool) and type != "boolean"):
        return False
    if type == "number":
        return float(expected) == found if isinstance(found, float) else bool(Decimal(expected) == found)
    if type in _JSON:
        return bool(json.loads(found) == expected)
    if type == "yearmonth":
        return bool(found == f"{expected[0]:04d}-{expected[1]:02d}")
    if type == "geopoint":
        return bool([Decimal(part) for part in found.split(",")] == [expected.lon, expected.lat])
    if type == "duration":
        return bool(duration(found) == duration(expected))
    if type == "datetime" and found.tzinfo and not expected.tzinfo:
        expected = expected.replace(tzinfo=UTC)
    if type == "any" and not isinstance(expected, str):
        return bool(json.loads(found) == expected)
    return bool(expected == found)


def duration(value: Any) -> Any:
    parsed = isodate.parse_duration(value) if isinstance(value, str) else value
    return isodate.Duration(tdelta=parsed) if isinstance(parsed, timedelta) else parsed


if __name__ == "__main__":
    sys.exit(main())
