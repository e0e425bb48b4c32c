"""Aggregates as babbage answers them: its tests' table and requests, and what its users asked for."""

import csv
import io
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest
import pytest_asyncio

from tests.packages import Package, small
from tests.served import ADMIN, Served, serving

pytestmark = pytest.mark.asyncio(loop_scope="module")
FUNCTIONS = {"4": "Economic affairs", "6": "Housing", "10": "Social protection, and more"}
REGIONS = ["ENG", "SCO", "WAL"]
FACTS = [
    {
        "id": number,
        "amount": f"{(number * 37 % 19 - 9) * 100}.50",
        "year": 2003 + number % 6,
        "date": f"{2003 + number % 6}-0{number % 9 + 1}-15",
        "function": list(FUNCTIONS)[number % 3],
        "region": REGIONS[number % 2],
    }
    for number in range(36)
]


def cra() -> Package:
    """Facts, and a table of functions that they refer to, with one function twice."""
    types = {"id": "integer", "amount": "number", "year": "integer", "date": "date"}
    key = {"fields": "function", "reference": {"resource": "functions", "fields": "code"}}
    fields = [{"name": name, "type": types.get(name, "string")} for name in FACTS[0]]
    functions = [{"code": code, "label": label} for code, label in [*FUNCTIONS.items(), ("4", "Again")]]
    texts = [{"name": "code", "type": "string"}, {"name": "label", "type": "string"}]
    resources = [
        {
            "name": "cra",
            "data": FACTS,
            "schema": {"fields": fields, "primaryKey": "id", "foreignKeys": [key]},
        },
        {"name": "functions", "data": functions, "schema": {"fields": texts}},
    ]
    return Package({"name": "cra", "resources": resources}, {})


def fiscal() -> Package:
    mapping = {
        "measures": {"amount": {"source": "Value", "factor": 1000}},
        "dimensions": {
            "administrator": {
                "attributes": {"budget-institution": {"source": "Budget Institution"}},
                "primaryKey": "budget-institution",
            }
        },
    }
    fields = [{"name": "Budget Institution", "type": "string"}, {"name": "Value", "type": "integer"}]
    resource = {"name": "treasury", "path": "t.csv", "schema": "s.json"}
    files = {
        "t.csv": b"Budget Institution,Value\nA,1\nA,2\nB,5\n",
        "s.json": str({"fields": fields}).replace("'", '"').encode(),
    }
    return Package({"name": "fiscal", "mapping": mapping, "resources": [resource]}, files)


def two() -> Package:
    """Two tables, neither of which is called like the package."""
    return Package(
        {"name": "two", "resources": [{"name": name, "type": "table", "data": [{"x": 1}]} for name in "ab"]},
        {},
    )


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    """One registry for all, since nobody leaves anything in it."""
    async with serving(tmp_path_factory.mktemp("cubes")) as serve:
        served = await serve(with_tables=True, validation="off")
        published = ((cra(), "1.0.0"), (fiscal(), "2"), (small(), "1"), (small(), "2"), (two(), "1"))
        for package, version in published:
            assert (await served.put(package, version))[0] == 201
            await served.made(package.name, version)
        yield served


async def ask(served: Served, path: str, cube: str = "cra:cra", **params: Any) -> tuple[int, Any]:
    given = {name: str(value) for name, value in params.items()}
    return await served.ask("GET", f"/api/3/cubes/{cube}/{path}", params=given)


async def right(served: Served, path: str, cube: str = "cra:cra", **params: Any) -> Any:
    status, answer = await ask(served, path, cube, **params)
    assert (status, answer["status"]) == (200, "ok"), answer
    return answer


def total(facts: list[dict[str, Any]]) -> Decimal:
    return sum((Decimal(fact["amount"]) for fact in facts), Decimal())


async def test_the_index_leads_to_the_cubes(served: Served) -> None:
    _, answer = await served.get("/api/3/")
    assert answer["api"] == "babbage"
    async with served.client.get(answer["cubes_index_url"]) as response:
        listed = await response.json()
    names = ["cra:cra", "cra:functions", "fiscal:treasury", "small:words", "two:a", "two:b"]
    assert [one["name"] for one in listed["data"]] == names
    assert listed["next"] is None
    _, first = await served.get("/api/3/cubes?pagesize=2")
    async with served.client.get(first["next"]) as response:
        second = await response.json()
    assert [one["name"] for one in [*first["data"], *second["data"]]] == names


async def test_a_package_alone_is_its_only_table_or_the_one_of_its_name(served: Served) -> None:
    for short, whole in (("cra", "cra:cra"), ("small", "small:words"), ("fiscal@2", "fiscal@2:treasury")):
        answers = [await right(served, "facts", cube) for cube in (short, whole)]
        assert answers[0] == answers[1]


async def test_cubes_of_large_packages_are_listed_in_one_answer(served: Served) -> None:
    """An answer has a place for a few large descriptors at most, and would wait for itself."""
    names = [f"zlarge{number}" for number in range(4)]
    for name in names:
        resource = {"name": "t", "data": [{"a": number} for number in range(20_000)], "type": "table"}
        assert (await served.put(Package({"name": name, "resources": [resource]}, {}), "1"))[0] == 201
        await served.made(name, "1")
    _, listed = await served.get("/api/3/cubes?start=z")
    assert [one["name"] for one in listed["data"]] == [f"{name}:t" for name in names]
    for name in names:
        assert (await served.ask("DELETE", f"/{name}/1", auth=ADMIN))[0] == 200


async def test_a_model_says_what_there_is(served: Served) -> None:
    model = (await right(served, "model"))["model"]
    assert list(model["measures"]) == ["amount"]
    assert set(model["aggregates"]) == {
        *(f"amount.{f}" for f in ("sum", "avg", "min", "max", "count")),
        "_count",
    }
    function = model["dimensions"]["function"]
    assert (function["key_ref"], function["label_ref"]) == ("function.function", "function.label")
    assert (function["cardinality"], function["cardinality_class"]) == (3, "tiny")
    assert model["dimensions"]["id"]["cardinality_class"] == "low"
    assert set(model["dimensions"]) == {"id", "year", "date", "function", "region"}


async def test_requests_of_babbages_own_tests(served: Served) -> None:
    simple = await right(served, "aggregate/")
    assert (len(simple["cells"]), simple["total_cell_count"]) == (1, 1)
    assert simple["summary"]["_count"] == 36
    assert simple["cells"][0]["amount.sum"] == float(total(FACTS))
    drilled = await right(served, "aggregate", drilldown="function")
    assert (len(drilled["cells"]), drilled["total_cell_count"]) == (3, 3)
    assert drilled["attributes"] == ["function.function", "function.label"]
    first = drilled["cells"][0]
    assert (first["function.function"], first["function.label"]) == ("10", FUNCTIONS["10"])
    assert first["amount.sum"] == float(total([fact for fact in FACTS if fact["function"] == "10"]))
    assert drilled["summary"]["amount.sum"] == float(total(FACTS))
    counted = await right(served, "aggregate", drilldown="function", aggregates="_count")
    assert counted["cells"][0] == {"function.function": "10", "function.label": FUNCTIONS["10"], "_count": 12}
    empty = await right(served, "aggregate", drilldown="function", pagesize=0)
    assert (empty["cells"], empty["total_cell_count"]) == ([], 3)
    facts = await right(served, "facts")
    assert (facts["total_fact_count"], len(facts["data"])) == (36, 36)
    assert "function.label" in facts["data"][0]
    assert "amount" in facts["data"][0]
    cut = await right(served, "facts", cut='function:"10"')
    assert (cut["total_fact_count"], cut["cell"]) == (
        12,
        [{"ref": "function", "operator": ":", "value": ["10"]}],
    )
    assert (await right(served, "facts", cut='function:"4";"10"'))["total_fact_count"] == 24
    fields = await right(served, "facts", fields="function.label,year")
    assert set(fields["data"][0]) == {"function.label", "year.year"}
    page = await right(served, "facts", pagesize=5, page=2, order="id")
    assert [fact["id.id"] for fact in page["data"]] == [5, 6, 7, 8, 9]
    assert (page["page"], page["page_size"], page["order"]) == (2, 5, [["id.id", "asc"]])
    members = await right(served, "members/function")
    assert (members["total_member_count"], len(members["data"])) == (3, 3)
    assert members["data"][0] == {"function.function": "10", "function.label": FUNCTIONS["10"]}
    assert (await right(served, "members/year.year/", order="year.year:desc"))["data"][0] == {
        "year.year": 2008
    }


async def test_orders(served: Served) -> None:
    found = await right(served, "aggregate", drilldown="year", order="amount.sum:desc")
    sums = [cell["amount.sum"] for cell in found["cells"]]
    assert sums == sorted(sums, reverse=True)
    assert found["order"] == [["amount.sum", "desc"]]
    found = await right(served, "aggregate", drilldown="year|region", order="region:desc,year")
    keys = [(cell["region.region"], cell["year.year"]) for cell in found["cells"]]
    assert keys == sorted(keys, key=lambda key: (-ord(key[0][0]), key[1]))
    amounts = [fact["amount"] for fact in (await right(served, "facts", order="amount:desc"))["data"]]
    assert amounts == sorted(amounts, reverse=True)


async def test_what_users_of_babbage_missed(served: Served) -> None:
    async def number(cut: str) -> int:
        return int((await right(served, "facts", cut=cut, pagesize=0))["total_fact_count"])

    assert await number("year:2004..2005") == 12
    assert await number("amount:<0") == sum(Decimal(fact["amount"]) < 0 for fact in FACTS)
    assert await number("amount:-500..-100.5") == sum(
        -500 <= Decimal(f["amount"]) <= Decimal("-100.5") for f in FACTS
    )
    assert await number("date:2003-01-15") == sum(fact["date"] == "2003-01-15" for fact in FACTS) > 0
    assert await number("date:2003-01-01..2003-12-31") == 6
    assert await number("function.label:~hous*") == 12
    simple = await right(served, "aggregate", drilldown="function", simple="")
    assert {"summary", "total_cell_count"} & set(simple) == set()
    assert len(simple["cells"]) == 3


async def test_csv_is_quoted(served: Served) -> None:
    address = "/api/3/cubes/cra:cra/aggregate?drilldown=function.label&aggregates=_count&format=csv"
    status, headers, text = await served.fetch(address)
    assert (status, headers["Content-Type"]) == (200, "text/csv; charset=utf-8")
    rows = list(csv.DictReader(io.StringIO(text.decode())))
    assert rows == [{"function.label": label, "_count": "12"} for label in sorted(FUNCTIONS.values())]
    _, _, text = await served.fetch(
        "/api/3/cubes/cra:cra/facts?format=csv&order=id&fields=id,amount&pagesize=1"
    )
    assert text == f"id.id,amount\r\n0,{FACTS[0]['amount']}\r\n".encode()


async def test_a_fiscal_data_package_has_the_model_of_its_mapping(served: Served) -> None:
    answer = await right(served, "aggregate", "fiscal@2:treasury", drilldown="administrator")
    cells = [(cell["administrator.budget_institution"], cell["amount.sum"]) for cell in answer["cells"]]
    assert cells == [("A", 3000), ("B", 5000)]


async def test_answers_about_a_version_are_kept_for_good(served: Served) -> None:
    for path in ("model", "aggregate?drilldown=word", "facts?format=csv", "members/word"):
        address = f"/api/3/cubes/small@1:words/{path}"
        _, headers, _ = await served.fetch(address)
        assert "immutable" in headers["Cache-Control"]
        assert (await served.fetch(address, If_None_Match=headers["ETag"]))[0] == 304
        _, headers, _ = await served.fetch(address.replace("@1", ""))
        assert "immutable" not in headers["Cache-Control"]


@pytest.mark.parametrize(
    ("path", "cube", "params", "status", "says"),
    [
        ("model", "crack", {}, 404, "no package"),
        ("model", "cra:crack", {}, 404, "cra:cra, cra:functions"),
        ("model", "two", {}, 404, "two:a, two:b"),
        ("aggregate", "../x:y", {}, 404, ""),
        ("aggregate", "cra:cra", {"drilldown": "cofoxxxg1"}, 400, "cofoxxxg1"),
        ("aggregate", "cra:cra", {"drilldown": "amount"}, 400, "amount"),
        ("aggregate", "cra:cra", {"aggregates": "amount"}, 400, "not an aggregate"),
        ("aggregate", "cra:cra", {"aggregates": "function.sum"}, 400, "not an aggregate"),
        ("aggregate", "cra:cra", {"order": "year"}, 400, "not among"),
        ("aggregate", "cra:cra", {"drilldown": "year", "order": "year:up"}, 400, "asc or desc"),
        ("facts", "cra:cra", {"fields": "function,schnasel"}, 400, "schnasel"),
        ("facts", "cra:cra", {"cut": "year:x"}, 400, "not a number"),
        ("facts", "cra:cra", {"pagesize": "10001"}, 400, "10000"),
        ("facts", "cra:cra", {"format": "xml"}, 400, "xml"),
        ("members/codfss", "cra:cra", {}, 400, "codfss"),
    ],
)
async def test_what_goes_wrong(
    served: Served, path: str, cube: str, params: dict[str, str], status: int, says: str
) -> None:
    found, answer = await ask(served, path, cube, **params)
    assert found == status, answer
    if says:
        assert (answer["status"], says in answer["message"]) == ("error", True), answer
