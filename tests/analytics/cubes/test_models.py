"""Models of tables: out of a Fiscal Data Package's mapping, out of a Table Schema, with foreign keys."""

from typing import Any

from couchreg.analytics.cubes.models import Model, columns_of, model_of


def listed(*columns: tuple[str, str]) -> list[dict[str, Any]]:
    arrow = {"integer": "int64", "number": "decimal128(18, 2)", "year": "int64"}
    return [{"name": name, "type": type, "arrow": arrow.get(type, "string")} for name, type in columns]


SPENDING = listed(
    ("Id", "integer"), ("Budget Institution", "string"), ("Value", "integer"), ("Year", "integer")
)


def shown(model: Model) -> dict[str, list[str]]:
    return {name: list(dimension.attributes) for name, dimension in model.dimensions.items()}


def test_numbers_that_are_no_keys_and_no_years_are_measures() -> None:
    columns = columns_of([*SPENDING, *listed(("taxed", "number"), ("budget year", "string"), ("y", "year"))])
    schema = {"primaryKey": "Id", "fields": [{"name": "Value", "title": "Amount paid"}, {"name": "Id"}]}
    model = model_of("t", schema, {}, columns, {})
    assert list(model.measures) == ["Value", "taxed"]
    assert model.measures["Value"].label == "Amount paid"
    assert shown(model) == {
        "Id": ["Id"],
        "Budget_Institution": ["Budget_Institution"],
        "Year": ["Year"],
        "budget_year": ["budget_year"],
        "y": ["y"],
    }
    assert model.dimensions["Budget_Institution"].label == "Budget Institution"


def test_the_mapping_of_a_fiscal_data_package_is_heeded() -> None:
    mapping = {
        "measures": {
            "amount": {"source": "Value", "currency": "ALL", "factor": 1000},
            "no": {"source": "Nope"},
        },
        "dimensions": {
            "administrator": {
                "dimensionType": "entity",
                "attributes": {
                    "id": {"source": "Id"},
                    "budget-institution": {"source": "Budget Institution", "labelfor": "id"},
                },
                "primaryKey": "id",
            },
            "date": {"attributes": {"year": {"source": "Year"}}, "primaryKey": ["year"]},
            "elsewhere": {"attributes": {"x": {"source": "Year", "resource": "other"}}},
        },
    }
    model = model_of("t", {}, mapping, columns_of(SPENDING), {})
    assert [(name, one.column.name, one.factor) for name, one in model.measures.items()] == [
        ("amount", "Value", 1000)
    ]
    assert shown(model) == {"administrator": ["id", "budget_institution"], "date": ["year"]}
    administrator = model.dimensions["administrator"]
    assert (administrator.key, administrator.label_attribute) == ("id", "budget_institution")


def test_older_mappings_are_lists_and_texts() -> None:
    mapping = {
        "measures": [{"name": "amount", "source": "Value"}],
        "dimensions": [{"name": "who", "attributes": [{"name": "name", "source": "Budget Institution"}]}],
    }
    model = model_of("t", {}, mapping, columns_of(SPENDING), {})
    assert (list(model.measures), shown(model)) == (["amount"], {"who": ["name"]})


def test_a_mapping_that_is_about_another_table_is_left_alone() -> None:
    for mapping in (
        {"measures": {"amount": {"source": "Cost"}}, "dimensions": {"d": {"attributes": {"a": "Id"}}}},
        {"measures": "amount", "dimensions": 7},
        {"measures": {"amount": {"source": "Value", "resource": "other"}}, "dimensions": None},
    ):
        assert "Value" in model_of("t", {}, mapping, columns_of(SPENDING), {}).measures


def test_foreign_keys_bring_more_attributes() -> None:
    schema = {
        "foreignKeys": [
            {"fields": "who", "reference": {"resource": "people", "fields": "id"}},
            {"fields": ["a", "b"], "reference": {"resource": "places", "fields": ["x", "y"]}},
            {"fields": "who", "reference": {"resource": "absent", "fields": "id"}},
            {"fields": "who", "reference": {"resource": "people", "fields": "nope"}},
            {"fields": "who", "reference": {"resource": "", "fields": "a"}},
            "nonsense",
        ]
    }
    columns = columns_of(listed(("who", "integer"), ("a", "string"), ("b", "string"), ("paid", "number")))
    joined = {
        "people": listed(("id", "integer"), ("name", "string"), ("who", "string")),
        "places": listed(("x", "string"), ("y", "string"), ("size", "number")),
    }
    model = model_of("t", schema, {}, columns, joined)
    assert list(model.measures) == ["paid"]
    assert shown(model) == {
        "who": ["who", "name", "who_2"],
        "a": ["a"],
        "b": ["b"],
        "places": ["a", "b", "size"],
    }
    assert model.dimensions["who"].label_attribute == "name"
    assert [(join.resource, len(join.on)) for join in model.joins] == [("people", 1), ("places", 2)]
    assert {one.column.table for one in model.dimensions["places"].attributes.values()} == {0, 2}


def test_names_are_such_that_references_can_have_them() -> None:
    columns = columns_of(listed(("a b", "string"), ("a-b", "string"), ("été", "string"), ("…", "number")))
    model = model_of("t", {}, {}, columns, {})
    assert list(model.dimensions) == ["a_b", "a_b_2", "t"]
    assert list(model.measures) == ["x"]
