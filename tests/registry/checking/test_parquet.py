"""Parquet files are checked by the types they have, whatever stands beside a missing value."""

import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

from couchreg.registry.checking import checks, parquet

MOMENT = datetime.datetime(2020, 1, 2, 3, 4, 5)


def checked(folder: Path, columns: dict[str, Any], fields: list[dict[str, Any]] | None, **more: Any) -> Any:
    table = pyarrow.table(columns)
    pyarrow.parquet.write_table(table, folder / "t.parquet", row_group_size=2)
    resource: dict[str, Any] = {"name": "t", "path": "t.parquet", "format": "parquet"}
    if fields is not None:
        resource["schema"] = {"fields": fields, **more}
    return checks.check(str(folder), {"name": "p", "resources": [resource]})


COLUMNS = {
    "whole": pyarrow.array([1, None, 3], pyarrow.int64()),
    "real": pyarrow.array([1.0, float("nan"), None]),
    "money": pyarrow.array([Decimal("1.10"), None, Decimal("2.00")]),
    "text": pyarrow.array(["a", None, "c"]).dictionary_encode(),
    "flag": pyarrow.array([True, False, None]),
    "day": pyarrow.array([datetime.date(2020, 1, 1), None, datetime.date(2021, 1, 1)]),
    "moment": pyarrow.array([MOMENT, None, MOMENT], pyarrow.timestamp("ns")),
    "list": pyarrow.array([[1, 2], None, []]),
    "part": pyarrow.array([{"a": 1}, None, {"a": 2}]),
}
TYPES = {
    "whole": "integer",
    "real": "number",
    "money": "number",
    "text": "string",
    "flag": "boolean",
    "day": "date",
    "moment": "datetime",
    "list": "array",
    "part": "object",
}


@pytest.mark.parametrize("stated", [True, False])
def test_every_type_is_read_as_itself(tmp_path: Path, stated: bool) -> None:
    fields = [{"name": name, "type": kind} for name, kind in TYPES.items()]
    columns = {"id": [1, 2, 3], **COLUMNS}
    report = checked(tmp_path, columns, [{"name": "id", "type": "integer"}, *fields] if stated else None)
    assert (report["valid"], report["problems"], report["skipped"]) == (True, [], [])


def test_what_is_wrong_has_row_and_field(tmp_path: Path) -> None:
    whole = {"name": "whole", "type": "integer", "constraints": {"required": True, "maximum": 2}}
    columns = {name: COLUMNS[name] for name in ("whole", "text")}
    report = checked(tmp_path, columns, [whole, {"name": "text", "type": "integer"}], primaryKey=["whole"])
    assert [(item["row"], item["field"], item["type"]) for item in report["problems"]] == [
        (2, "text", "type-error"),
        (3, "whole", "constraint-error"),
        (4, "whole", "constraint-error"),
        (4, "text", "type-error"),
    ]


def test_batches_are_bounded_by_their_bytes(tmp_path: Path) -> None:
    rows = [f"{at}{'x' * 100_000}" for at in range(500)]
    pyarrow.parquet.write_table(pyarrow.table({"a": rows}), tmp_path / "t.parquet")
    assert parquet._batch_size(pyarrow.parquet.read_metadata(tmp_path / "t.parquet")) < 400
