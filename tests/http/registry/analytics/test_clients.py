"""Clients that were written for others: the hub's own library and scripts as its documentation has them, and
the requests of babbage's tests. Only the address is another.

Sources: https://huggingface.co/docs/dataset-viewer/quick_start and
https://github.com/openspending/babbage/blob/master/tests/test_api.py.
"""

import asyncio
import csv
import io
from collections.abc import AsyncIterator
from typing import Any

import huggingface_hub
import pandas as pd
import pytest
import pytest_asyncio
import requests
from huggingface_hub import HfApi

from tests.packages import Package, small
from tests.served import Served, serving

pytestmark = pytest.mark.asyncio(loop_scope="module")
ROWS = 250
COFOG = {  # name -> label, rows, sum of amounts
    "3": ("Public order and safety", 5, 500_000),
    "4": ("Economic affairs", 12, 45_400_000),
    "6": ("Housing and community amenities", 8, -608_900_000),
    "10": ("Social protection", 11, 191_500_000),
}


def cra() -> Package:
    """A table with the model that babbage's tests have, as a Fiscal Data Package says it."""
    lines = []
    for name, (label, rows, total) in COFOG.items():
        amounts = [number * 1000 for number in range(rows - 1)]
        for amount in (*amounts, total - sum(amounts)):
            lines.append(f"{len(lines)},{name},{label},{name}.1,{amount},{amount}")
    columns = ("id", "cofog1_name", "cofog1_label", "cofog2_name", "amount", "total")
    text = "\n".join([",".join(columns), *lines, ""])
    types = {"id": "integer", "amount": "integer", "total": "integer"}
    fields = [{"name": name, "type": types.get(name, "string")} for name in columns]
    mapping = {
        "measures": {name: {"source": name} for name in ("amount", "total")},
        "dimensions": {
            "cofog1": {
                "attributes": {"name": {"source": "cofog1_name"}, "label": {"source": "cofog1_label"}},
                "primaryKey": "name",
            },
            "cofog2": {"attributes": {"name": {"source": "cofog2_name"}}, "primaryKey": "name"},
        },
    }
    resource = {"name": "cra", "path": "cra.csv", "schema": {"fields": fields, "primaryKey": "id"}}
    return Package({"name": "cra", "mapping": mapping, "resources": [resource]}, {"cra.csv": text.encode()})


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    async with serving(tmp_path_factory.mktemp("clients")) as serve:
        served = await serve(with_tables=True, validation="off")
        words = small(text="id,word\n" + "".join(f"{n},word {n % 7}\n" for n in range(ROWS)))
        for package in (words, cra()):
            assert (await served.put(package, "1.0.0"))[0] == 201
            await served.made(package.name, "1.0.0")
        yield served


async def test_the_library_of_the_hub_lists_parquet_files(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "DATASETS_SERVER_ENDPOINT", f"{served.url}/-/viewer")
    for config in (None, "words"):
        [file] = await asyncio.to_thread(
            HfApi(token=False).list_dataset_parquet_files, "small", config=config
        )
        assert (file.config, file.split) == ("words", "train")
        frame = await asyncio.to_thread(pd.read_parquet, file.url)
        assert frame["id"].tolist() == list(range(ROWS))


def quick_start(api: str) -> dict[str, Any]:
    """What its documentation does with each endpoint, and a script that reads a table page by page."""

    def query(path: str) -> Any:
        response = requests.get(f"{api}/{path}", timeout=60)
        return response.json()

    table = "dataset=small&config=default&split=train"
    found = {
        "valid": query("is-valid?dataset=small"),
        "splits": query("splits?dataset=small"),
        "first": query(f"first-rows?{table}"),
        "rows": query(f"rows?{table}&offset=150&length=10"),
        "search": query(f"search?{table}&query=word+3"),
        "filter": query(f'filter?{table}&where="word"=\'word 3\'&orderby="id" DESC&offset=0&length=2'),
        "parquet": query("parquet?dataset=small"),
        "size": query("size?dataset=small"),
        "statistics": query(f"statistics?{table}"),
        "absent": query("rows?dataset=absent&config=default&split=train"),
    }
    pages: list[Any] = []
    [split] = found["splits"]["splits"]
    while True:
        page = requests.get(f"{api}/rows", params={**split, "offset": len(pages), "length": 100}, timeout=60)
        page.raise_for_status()
        pages += [item["row"] for item in page.json()["rows"]]
        if len(pages) >= page.json()["num_rows_total"]:
            return {**found, "pages": pages}


async def test_scripts_of_the_quick_start(served: Served) -> None:
    found = await asyncio.to_thread(quick_start, f"{served.url}/-/viewer")
    assert all(found["valid"][name] for name in ("preview", "viewer", "search", "filter", "statistics"))
    assert found["splits"] == {
        "splits": [{"dataset": "small", "config": "words", "split": "train"}],
        "pending": [],
        "failed": [],
    }
    assert len(found["first"]["rows"]) == 100
    assert found["first"]["features"][0] == {
        "feature_idx": 0,
        "name": "id",
        "type": {"dtype": "int64", "_type": "Value"},
    }
    assert [item["row_idx"] for item in found["rows"]["rows"]] == list(range(150, 160))
    assert found["search"]["rows"][0]["row"] == {"id": 3, "word": "word 3"}
    assert [item["row"]["id"] for item in found["filter"]["rows"]] == [248, 241]
    [file] = found["parquet"]["parquet_files"]
    frame = await asyncio.to_thread(pd.read_parquet, file["url"])
    assert len(frame) == found["size"]["size"]["dataset"]["num_rows"] == ROWS
    kinds = [item["column_type"] for item in found["statistics"]["statistics"]]
    assert (found["statistics"]["num_examples"], kinds) == (ROWS, ["int", "string_label"])
    assert "absent" in found["absent"]["error"]
    assert [row["id"] for row in found["pages"]] == list(range(ROWS))


async def test_requests_of_babbage(served: Served) -> None:
    async def get(path: str, **params: str) -> tuple[int, Any]:
        return await served.ask("GET", f"/api/3/{path}", params=params)

    cubes = (await get("cubes/"))[1]["data"]
    assert {"name": "cra:cra"} in cubes
    _, model = await get("cubes/cra/model/")
    assert (model["name"], len(model["model"]["measures"])) == ("cra", 2)
    for path in ("crack/model/", "crack/aggregate/", "crack/facts/", "crack/members/cofog1/"):
        assert (await get(f"cubes/{path}"))[0] == 404
    _, found = await get("cubes/cra/aggregate/")
    assert (len(found["cells"]), found["summary"]["_count"]) == (1, 36)
    _, found = await get("cubes/cra/aggregate/", drilldown="cofog1")
    assert (len(found["cells"]), found["total_cell_count"]) == (4, 4)
    assert {"cofog1.name", "amount.sum"} <= set(found["cells"][0])
    assert (await get("cubes/cra/aggregate/", drilldown="cofoxxxg1"))[0] == 400
    _, found = await get("cubes/cra/aggregate/", drilldown="cofog1", aggregates="_count")
    assert "_count" in found["summary"]
    assert "amount.sum" not in found["cells"][0]
    _, found = await get("cubes/cra/facts/")
    assert (found["total_fact_count"], len(found["data"])) == (36, 36)
    for cut, count in (('cofog1:"10"', 11), ('cofog1:"4"', 12), ('cofog1:"4";"10"', 23)):
        _, found = await get("cubes/cra/facts/", cut=cut)
        assert (found["total_fact_count"], len(found["data"])) == (count, count)
    assert (await get("cubes/cra/facts/", cut='cofogXX:"4"'))[0] == 400
    assert (await get("cubes/cra/facts/", fields="cofog1,schnasel"))[0] == 400
    _, found = await get("cubes/cra/facts/", fields="cofog1,cofog2")
    assert "cofog1.name" in found["data"][0]
    assert "amount" not in found["data"][0]
    _, found = await get("cubes/cra/facts/", order="amount:desc")
    amounts = [fact["amount"] for fact in found["data"]]
    assert amounts == sorted(amounts, reverse=True)
    assert (await get("cubes/cra/members/codfss/"))[0] == 400
    _, found = await get("cubes/cra/members/cofog1/")
    assert (found["total_member_count"], len(found["data"])) == (4, 4)


async def test_csv_of_babbage(served: Served) -> None:
    """With all aggregates, where its test has a model with sums alone."""
    address = "/api/3/cubes/cra/aggregate/?drilldown=cofog1.label&order=cofog1.label&format=csv"
    _, _, body = await served.fetch(address)
    rows = list(csv.DictReader(io.StringIO(body.decode())))
    names = ("cofog1.label", "_count", "amount.sum", "total.sum")
    assert [tuple(row[name] for name in names) for row in rows] == [
        (label, str(count), str(total), str(total)) for label, count, total in sorted(COFOG.values())
    ]
