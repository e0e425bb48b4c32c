"""Tables as Hugging Face's dataset viewer has datasets: the same parameters, shapes and errors."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from statistics import mean, median, stdev
from typing import Any

import pytest
import pytest_asyncio

from couchreg.analytics.answering import AskingLimits
from tests.packages import Package, small
from tests.served import Served, serving

pytestmark = pytest.mark.asyncio(loop_scope="module")
COUNT = 70_000  # rows: two row groups
WORDS = ["Zürich", "Bern", "Genève"]
FIELDS = [
    ("id", "integer"),
    ("word", "string"),
    ("price", "number"),
    ("day", "date"),
    ("on", "boolean"),
    ("note", "string"),
]


def package() -> Package:
    fields = [{"name": name, "type": type} for name, type in FIELDS]
    lines = (
        f"{n},{WORDS[n % 3]},{n / 4},2024-01-{n % 31 + 1:02d},{'true' if n % 2 else 'false'},note {n}"
        for n in range(COUNT)
    )
    text = "\n".join(["id,word,price,day,on,note", *lines, "", ""])[:-1]
    odd = [{"file_row_number": 7, "row_idx": "x" * 2000}] * 3
    members = {
        "name": "seen",
        "description": "Things that are seen",
        "homepage": "http://example.org",
        "licenses": [{"name": "CC0-1.0"}],
        "resources": [
            {"name": "main", "path": "main.csv", "schema": {"fields": fields}},
            {"name": "odd", "data": odd, "schema": {"fields": [{"name": name} for name in odd[0]]}},
            {"name": "wrong", "data": [{"a": "x"}], "schema": {"fields": [{"name": "a", "type": "integer"}]}},
            {"name": "text", "path": "a.txt"},
        ],
    }
    members["resources"][1]["schema"]["fields"][0]["type"] = "integer"
    return Package(members, {"main.csv": text.encode(), "a.txt": b"words"})


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    """One registry for all, since nobody changes anything in it."""
    async with serving(tmp_path_factory.mktemp("viewer")) as serve:
        served = await serve(with_tables=True, validation="off")
        for one, version in ((package(), "1.0.0"), (small(), "1")):
            assert (await served.put(one, version))[0] == 201
            await served.made(one.name, version)
        yield served


@pytest_asyncio.fixture(loop_scope="module")
async def small_one(tmp_path: Path) -> AsyncIterator[Served]:
    """One of its own, for a test that changes something, with little memory for what is asked."""
    async with serving(tmp_path) as serve:
        limits = AskingLimits(data=16 << 20)
        yield await serve(with_tables=True, validation="off", asking_limits=limits)


async def ask(served: Served, endpoint: str, dataset: str = "seen@1.0.0", **given: Any) -> tuple[int, Any]:
    params = {"dataset": dataset, **{name: str(value) for name, value in given.items()}}
    return await served.ask("GET", f"/-/viewer/{endpoint}", params=params)


async def rows(served: Served, endpoint: str, **given: Any) -> Any:
    status, answer = await ask(served, endpoint, **{"config": "main", "split": "train", **given})
    assert status == 200, answer
    return answer


async def test_what_there_is_is_listed(served: Served) -> None:
    assert await ask(served, "is-valid") == (
        200,
        {"preview": True, "viewer": True, "search": True, "filter": True, "statistics": True},
    )
    _, answer = await ask(served, "splits")
    main = {"dataset": "seen@1.0.0", "config": "main", "split": "train"}
    assert answer["splits"] == [main, {**main, "config": "odd"}]
    assert answer["pending"] == []
    [failed] = answer["failed"]
    assert failed["config"] == "wrong"
    assert "'x' is not of type integer" in failed["error"]["error"]
    _, answer = await ask(served, "parquet", config="main")
    [file] = answer["parquet_files"]
    assert {name: file[name] for name in main} == main
    assert answer["features"]["price"] == {"dtype": "decimal128(18, 2)", "_type": "Value"}
    async with served.client.get(file["url"]) as response:
        assert len(await response.read()) == file["size"]


async def test_sizes_and_information(served: Served) -> None:
    _, answer = await ask(served, "size")
    whole, [main, odd] = answer["size"]["dataset"], answer["size"]["configs"]
    assert (main["num_rows"], main["num_columns"], odd["num_rows"]) == (COUNT, 6, 3)
    assert whole["num_rows"] == COUNT + 3
    assert main["num_bytes_memory"] > main["num_bytes_parquet_files"] > 0
    assert answer["size"]["splits"][0]["split"] == "train"
    _, answer = await ask(served, "info", config="main")
    info = answer["dataset_info"]
    assert (info["description"], info["license"]) == ("Things that are seen", "CC0-1.0")
    assert info["splits"]["train"]["num_examples"] == COUNT
    assert list(info["features"]) == [name for name, _ in FIELDS]
    assert info["version"] == {"version_str": "1.0.0", "major": 1, "minor": 0, "patch": 0}
    _, answer = await ask(served, "info")
    assert set(answer["dataset_info"]) == {"main", "odd"}


def row(number: int) -> dict[str, Any]:
    return {
        "id": number,
        "word": WORDS[number % 3],
        "price": number / 4,
        "day": f"2024-01-{number % 31 + 1:02d}",
        "on": bool(number % 2),
        "note": f"note {number}",
    }


async def test_rows_by_their_place(served: Served) -> None:
    answer = await rows(served, "rows", offset=65_500, length=100)
    numbers = list(range(65_500, 65_600))  # the end of one row group and the beginning of the next
    assert [one["row_idx"] for one in answer["rows"]] == numbers
    assert [one["row"] for one in answer["rows"]] == [row(number) for number in numbers]
    assert answer["rows"][0]["truncated_cells"] == []
    assert [one["name"] for one in answer["features"]] == [name for name, _ in FIELDS]
    assert answer["features"][3] == {
        "feature_idx": 3,
        "name": "day",
        "type": {"dtype": "date32", "_type": "Value"},
    }
    assert (answer["num_rows_total"], answer["num_rows_per_page"], answer["partial"]) == (COUNT, 100, False)
    assert len((await rows(served, "rows"))["rows"]) == 100
    assert len((await rows(served, "rows", offset=COUNT - 2))["rows"]) == 2
    assert (await rows(served, "rows", offset=COUNT + 5))["rows"] == []
    assert (await rows(served, "rows", length=0))["rows"] == []


async def test_first_rows_are_cut_to_a_size(small_one: Served, served: Served) -> None:
    answer = await rows(served, "first-rows")
    assert (answer["config"], answer["split"], answer["truncated"]) == ("main", "train", False)
    assert [one["row_idx"] for one in answer["rows"]] == list(range(100))
    long = small_one
    data = [{"id": n, "a": "x" * 30_000, "b": ["y" * 5] * 2000} for n in range(100)]
    resource = {"name": "t", "data": data, "type": "table"}
    await long.put(Package({"name": "long", "resources": [resource]}, {}), "1")
    await long.made("long", "1")
    _, answer = await ask(long, "first-rows", "long")
    assert len(json.dumps(answer)) < 1_100_000
    assert answer["rows"][0]["truncated_cells"] == []
    last = answer["rows"][-1]
    assert (last["row_idx"], last["truncated_cells"]) == (99, ["a", "b"])
    assert last["row"]["a"] == "x" * 100
    assert answer["truncated"] is False


async def test_rows_that_meet_a_condition(served: Served) -> None:
    answer = await rows(served, "filter", where="word='Bern' AND price >= 100", offset=10, length=3)
    numbers = [number for number in range(400, COUNT) if number % 3 == 1]
    assert [one["row_idx"] for one in answer["rows"]] == numbers[10:13]
    assert answer["rows"][0]["row"] == row(numbers[10])
    assert (answer["num_rows_total"], answer["num_rows_per_page"]) == (len(numbers), 100)
    assert len((await rows(served, "filter", where='"on"=true'))["rows"]) == 100
    answer = await rows(served, "filter", where="day='2024-01-05'", orderby='price DESC, "id"', length=2)
    numbers = [number for number in range(COUNT) if number % 31 == 4]
    assert [one["row_idx"] for one in answer["rows"]] == numbers[:-3:-1]
    answer = await rows(served, "filter", orderby="id DESC", length=1)
    assert answer["rows"][0]["row_idx"] == COUNT - 1
    _, answer = await ask(served, "filter", config="odd", where="file_row_number=7")
    assert [one["row_idx"] for one in answer["rows"]] == [0, 1, 2]
    assert answer["rows"][0]["row"]["file_row_number"] == 7


async def test_words_are_found_whatever_their_accents(served: Served) -> None:
    answer = await rows(served, "search", query="ZURICH note 69", length=100)
    numbers = [n for n in range(COUNT) if n % 3 == 0 and "69" in str(n)]
    assert answer["num_rows_total"] == len(numbers)
    assert [one["row_idx"] for one in answer["rows"]] == numbers[:100]
    assert (await rows(served, "search", query="nowhere"))["num_rows_total"] == 0
    assert (await rows(served, "search", query="geneve 'x' OR \"id\""))["num_rows_total"] == 0


async def test_statistics_of_every_kind_of_column(served: Served) -> None:
    answer = await rows(served, "statistics")
    assert (answer["num_examples"], answer["partial"]) == (COUNT, False)
    found = {one["column_name"]: one for one in answer["statistics"]}
    kinds = {name: one["column_type"] for name, one in found.items()}
    assert kinds == {
        "id": "int",
        "word": "string_label",
        "price": "float",
        "day": "datetime",
        "on": "bool",
        "note": "string_text",
    }
    ids, price = found["id"]["column_statistics"], found["price"]["column_statistics"]
    assert ids["histogram"] == {"hist": [7000] * 10, "bin_edges": [*range(0, COUNT, 7000), COUNT - 1]}
    prices = [number / 4 for number in range(COUNT)]
    for name, expected in (
        ("min", 0),
        ("max", prices[-1]),
        ("mean", mean(prices)),
        ("median", median(prices)),
        ("std", stdev(prices)),
    ):
        assert price[name] == pytest.approx(expected)
    assert sum(price["histogram"]["hist"]) == COUNT
    assert len(price["histogram"]["bin_edges"]) == 11
    words = found["word"]["column_statistics"]
    counts = {word: sum(WORDS[n % 3] == word for n in range(COUNT)) for word in WORDS}
    assert (words["n_unique"], words["frequencies"]) == (3, counts)
    assert found["on"]["column_statistics"]["frequencies"] == {"False": COUNT // 2, "True": COUNT // 2}
    days, notes = found["day"]["column_statistics"], found["note"]["column_statistics"]
    assert (days["min"][:10], days["max"][:10]) == ("2024-01-01", "2024-01-31")
    assert (notes["min"], notes["max"], notes["nan_count"]) == (6, 10, 0)


async def test_statistics_of_what_is_empty_equal_or_missing(small_one: Served) -> None:
    served = small_one
    text = "a,b,c,d\n,1,1.5,9223372036854775807\n,1,INF,-9223372036854775808\n,1,,0\n"
    fields = [("a", "integer"), ("b", "integer"), ("c", "number"), ("d", "integer")]
    schema = {"fields": [{"name": name, "type": type} for name, type in fields]}
    resources = [
        {"name": "t", "path": "t.csv", "schema": schema},
        {"name": "none", "path": "none.csv", "schema": schema},
    ]
    files = {"t.csv": text.encode(), "none.csv": b"a,b,c,d\n"}
    await served.put(Package({"name": "odd", "resources": resources}, files), "1")
    await served.made("odd", "1")
    _, answer = await ask(served, "statistics", "odd", config="t")
    a, b, c, d = (one["column_statistics"] for one in answer["statistics"])
    assert (a["nan_count"], a["nan_proportion"], a["min"], a["histogram"]) == (3, 1.0, None, None)
    assert b["histogram"] == {"hist": [3], "bin_edges": [1, 1]}
    assert (c["nan_count"], c["min"], c["max"], c["std"]) == (2, 1.5, 1.5, None)
    assert sum(d["histogram"]["hist"]) == 3
    assert (d["min"], d["max"]) == (-(1 << 63), (1 << 63) - 1)
    status, answer = await ask(served, "statistics", "odd", config="none")
    assert (status, answer["num_examples"]) == (200, 0)
    assert (await ask(served, "rows", "odd", config="none"))[1]["rows"] == []


async def test_statistics_are_made_once(served: Served) -> None:
    assert served.tables is not None
    await rows(served, "statistics")
    version = await served.registry.catalog.version("seen", "1.0.0")
    table = await served.tables.ready(version, "main")
    kept = await served.tables.statistics(table)
    assert kept is not None
    await served.tables.keep_statistics(table, kept.replace(b'"partial"', b'"kept": 1, "partial"'))
    assert (await rows(served, "statistics"))["kept"] == 1
    assert await served.tables.statistics(table._replace(sha256="of other bytes")) is None
    await served.tables.keep_statistics(table, kept)
    together = await asyncio.gather(*(rows(served, "statistics", config="odd") for _ in range(8)))
    assert all(one == together[0] for one in together)


async def test_statistics_that_need_too_much_are_refused_once_and_for_all(small_one: Served) -> None:
    lines = "".join(f"{number * 7919 % 1_000_003}\n" for number in range(800_000))
    schema = {"fields": [{"name": "a", "type": "number"}]}
    resource = {"name": "t", "path": "t.csv", "schema": schema}
    package = Package({"name": "much", "resources": [resource]}, {"t.csv": b"a\n" + lines.encode()})
    await small_one.put(package, "1")
    await small_one.made("much", "1")
    for _ in range(2):
        status, answer = await ask(small_one, "statistics", "much")
        assert (status, "memory" in answer["error"]) == (422, True), answer


async def test_answers_about_a_version_are_kept_for_good(served: Served) -> None:
    for path in (
        "rows",
        "first-rows",
        "statistics",
        "filter?where=id=1",
        "search?query=bern",
        "splits",
        "size",
    ):
        mark = "&" if "?" in path else "?"
        address = f"/-/viewer/{path}{mark}dataset=seen@1.0.0&config=main"
        status, headers, _ = await served.fetch(address)
        assert (status, "immutable" in headers["Cache-Control"]) == (200, True), path
        assert (await served.fetch(address, If_None_Match=headers["ETag"]))[0] == 304
        status, headers, _ = await served.fetch(address.replace("@1.0.0", ""))
        assert (status, "immutable" in headers["Cache-Control"]) == (200, False), path


@pytest.mark.parametrize(
    ("endpoint", "given", "status", "code", "says"),
    [
        ("rows", {"dataset": ""}, 422, "MissingRequiredParameter", "dataset"),
        ("rows", {"config": ""}, 422, "MissingRequiredParameter", "main, odd, wrong"),
        ("rows", {"dataset": "nothing"}, 404, "ResponseNotFound", "nothing"),
        ("rows", {"dataset": "some/one"}, 404, "ResponseNotFound", "not a package"),
        ("rows", {"dataset": "seen@3"}, 404, "ResponseNotFound", "no version"),
        ("rows", {"config": "nope"}, 404, "ConfigNotFoundError", "nope"),
        ("rows", {"config": "wrong"}, 404, "ResponseNotFound", "not of type integer"),
        ("info", {"config": "wrong"}, 404, "ResponseNotFound", "not of type integer"),
        ("rows", {"split": "test"}, 404, "SplitNotFoundError", "test"),
        ("rows", {"length": "101"}, 422, "InvalidParameter", "length"),
        ("rows", {"offset": "-1"}, 422, "InvalidParameter", "offset"),
        ("rows", {"offset": "x"}, 422, "InvalidParameter", "offset"),
        ("filter", {}, 422, "MissingRequiredParameter", "where"),
        ("filter", {"where": "nope=1"}, 422, "InvalidParameter", "character 1"),
        ("filter", {"where": "id='x'"}, 422, "InvalidParameter", "Could not convert"),
        ("search", {}, 422, "MissingRequiredParameter", "query"),
    ],
)
async def test_what_goes_wrong_is_told_as_there(
    served: Served, endpoint: str, given: dict[str, str], status: int, code: str, says: str
) -> None:
    params = {"dataset": "seen@1.0.0", "config": "main", "split": "train", **given}
    async with served.client.get(f"{served.url}/-/viewer/{endpoint}", params=params) as response:
        answer = await response.json()
        assert (response.status, response.headers["X-Error-Code"]) == (status, code), answer
        assert says in answer["error"]
        assert str(served.datastore) not in answer["error"]


async def test_the_only_table_needs_no_name(served: Served) -> None:
    for config in ("", "default", "words", "WORDS"):
        status, answer = await ask(served, "rows", "small", config=config)
        assert (status, answer["num_rows_total"]) == (200, 2)


async def test_what_is_being_made_is_told_to_be(small_one: Served) -> None:
    served = small_one
    assert served.tables is not None
    await served.tables.stop()
    await served.put(small(), "1")
    _, answer = await ask(served, "splits", "small@1")
    assert [one["config"] for one in answer["pending"]] == ["words"]
    assert (await ask(served, "is-valid", "small@1"))[1]["viewer"] is False
    params = {"dataset": "small@1"}
    async with served.client.get(served.url + "/-/viewer/rows", params=params) as response:
        assert (response.status, response.headers["X-Error-Code"]) == (503, "ResponseNotReady")
        assert response.headers["Retry-After"] == "5"
    async with served.client.get(served.url + "/-/viewer/splits", params=params) as response:
        assert "immutable" not in response.headers["Cache-Control"]
