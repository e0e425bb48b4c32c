"""What can be counted and what it can be counted by: measures and dimensions of a table.

They are those of a Fiscal Data Package's mapping where the descriptor has one. Otherwise numbers that are in
no key and are no years are measures, and all other columns dimensions of one attribute; what a foreign key
refers to are more attributes of its dimension. Pure.

Source: https://github.com/openspending/babbage, https://specs.frictionlessdata.io/fiscal-data-package/.
"""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

FUNCTIONS = ("sum", "avg", "min", "max", "count")
COUNT = "_count"  # of facts
MOST_JOINS = 16
_NO_NAME = re.compile(r"[^A-Za-z0-9_]")
_YEAR = re.compile(r"(?:.*[_\s-])?(?:year|jahr|annee|année|anno|ano|año|rok)", re.IGNORECASE)
_LABELS = ("label", "name", "title")
_NUMBERS = ("int64", "double", "decimal")


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table: `table` is 0 for that of the facts, else the number of the join."""

    name: str
    type: str  # of the Table Schema
    arrow: str
    table: int = 0

    @property
    def is_number(self) -> bool:
        return self.arrow.startswith(_NUMBERS)


@dataclass(frozen=True, slots=True)
class Attribute:
    name: str
    ref: str
    label: str
    column: Column


@dataclass(frozen=True, slots=True)
class Measure:
    name: str
    label: str
    column: Column
    factor: float | int = 1


@dataclass(slots=True)
class Dimension:
    name: str
    label: str
    attributes: dict[str, Attribute] = field(default_factory=dict)
    key: str = ""
    label_attribute: str = ""

    def add(self, name: str, label: str, column: Column) -> None:
        unique = free(name, self.attributes)
        self.attributes[unique] = Attribute(unique, f"{self.name}.{unique}", label, column)


@dataclass(frozen=True, slots=True)
class Join:
    """A table that a foreign key refers to: pairs of a column of the facts and one of it."""

    resource: str
    on: tuple[tuple[Column, Column], ...]


@dataclass(slots=True)
class Model:
    fact_table: str
    measures: dict[str, Measure] = field(default_factory=dict)
    dimensions: dict[str, Dimension] = field(default_factory=dict)
    joins: list[Join] = field(default_factory=list)

    def dimension(self, name: str, label: str) -> Dimension:
        unique = free(name, {**self.dimensions, **self.measures})
        self.dimensions[unique] = Dimension(unique, label)
        return self.dimensions[unique]


Columns = Mapping[str, Column]  # by name, in their order


def free(wanted: str, taken: Iterable[str]) -> str:
    """A name that references can have, and that nothing else has."""
    plain = _NO_NAME.sub("_", wanted).strip("_") or "x"
    unique, number = plain, 2
    known = set(taken)
    while unique in known:
        unique, number = f"{plain}_{number}", number + 1
    return unique


def columns_of(listed: Sequence[Mapping[str, Any]], table: int = 0) -> dict[str, Column]:
    """Those of a table's ledger entry."""
    return {item["name"]: Column(item["name"], item["type"], item["arrow"], table) for item in listed}


def foreign_keys(schema: Mapping[str, Any]) -> list[tuple[list[str], str, list[str]]]:
    """Fields, resource and fields there of each that refers to another table of the package."""
    found = []
    for item in schema.get("foreignKeys") or ():
        reference = item.get("reference") if isinstance(item, dict) else None
        if not isinstance(reference, dict) or reference.get("package"):
            continue
        own, there = _names(item.get("fields")), _names(reference.get("fields"))
        resource = reference.get("resource")
        if own and len(own) == len(there) and isinstance(resource, str) and resource:
            found.append((own, resource, there))
    return found[:MOST_JOINS]


def model_of(
    resource: str,
    schema: Mapping[str, Any],
    mapping: Mapping[str, Any],
    columns: Columns,
    joined: Mapping[str, Sequence[Mapping[str, Any]]],
) -> Model:
    """The model of a table. `mapping` is that of a Fiscal Data Package, or empty; `joined` has the columns of
    tables that foreign keys refer to, as ledger entries have them."""
    model = Model(resource)
    if not _fiscal(model, mapping, columns):
        model = Model(resource)
        _plain(model, schema, columns)
    for own, other, there in foreign_keys(schema):
        if other in joined and all(name in columns for name in own):
            _join(model, other, [columns[name] for name in own], there, joined[other])
    return model


# -- from a Table Schema


def _plain(model: Model, schema: Mapping[str, Any], columns: Columns) -> None:
    keys = {*_names(schema.get("primaryKey")), *(name for own, *_ in foreign_keys(schema) for name in own)}
    fields = [item for item in schema.get("fields") or () if isinstance(item, dict)]
    titles = {item.get("name"): item.get("title") for item in fields}
    for name, column in columns.items():
        title = titles.get(name)
        label = title if isinstance(title, str) and title else name
        if column.is_number and name not in keys and not _is_year(column):
            unique = free(name, model.measures)
            model.measures[unique] = Measure(unique, label, column)
    for name, column in columns.items():
        if all(measure.column is not column for measure in model.measures.values()):
            title = titles.get(name)
            dimension = model.dimension(name, title if isinstance(title, str) and title else name)
            dimension.add(name, dimension.label, column)
            dimension.key = dimension.label_attribute = next(iter(dimension.attributes))


def _is_year(column: Column) -> bool:
    return column.type == "year" or _YEAR.fullmatch(column.name[:200]) is not None


def _join(
    model: Model,
    resource: str,
    own: Sequence[Column],
    there: Sequence[str],
    listed: Sequence[Mapping[str, Any]],
) -> None:
    number = len(model.joins) + 1
    others = columns_of(listed, number)
    if not all(name in others for name in there):
        return
    model.joins.append(Join(resource, tuple(zip(own, [others[name] for name in there], strict=True))))
    dimension = _dimension_with(model, own) or model.dimension(resource, resource)
    if not dimension.attributes:
        for column in own:
            dimension.add(column.name, column.name, column)
        dimension.key = next(iter(dimension.attributes))
    for column in others.values():
        if column.name not in there:
            dimension.add(column.name, column.name, column)
    dimension.label_attribute = next(
        (name for name in _LABELS if name in dimension.attributes), dimension.key
    )


def _dimension_with(model: Model, own: Sequence[Column]) -> Dimension | None:
    """The one whose key is this one column."""
    if len(own) != 1:
        return None
    for dimension in model.dimensions.values():
        if dimension.attributes[dimension.key].column is own[0]:
            return dimension
    return None


# -- from a Fiscal Data Package


def _fiscal(model: Model, mapping: Mapping[str, Any], columns: Columns) -> bool:
    """Whether the mapping is about this table."""
    for name, said in _named(mapping.get("measures")):
        column = _source(model, said, columns)
        if column is not None and column.is_number:
            unique = free(name, model.measures)
            factor = said.get("factor", 1)
            model.measures[unique] = Measure(unique, _label(said, name), column, _factor(factor))
    for name, said in _named(mapping.get("dimensions")):
        sources = [(inner, _source(model, item, columns)) for inner, item in _named(said.get("attributes"))]
        there = [(inner, column) for inner, column in sources if column is not None]
        if there:
            _fiscal_dimension(model.dimension(name, _label(said, name)), said, there)
    return bool(model.measures and model.dimensions)


def _fiscal_dimension(
    dimension: Dimension, said: Mapping[str, Any], attributes: Sequence[tuple[str, Column]]
) -> None:
    known = {}
    about = dict(_named(said.get("attributes")))
    for name, column in attributes:
        dimension.add(name, _label(about[name], name), column)
        known[name] = list(dimension.attributes)[-1]
    keys = [known[name] for name in _names(said.get("primaryKey")) if name in known]
    dimension.key = keys[0] if keys else next(iter(dimension.attributes))
    labels = [known[name] for name in known if about[name].get("labelfor") in known]
    labels += [name for name in _LABELS if name in dimension.attributes]
    dimension.label_attribute = labels[0] if labels else dimension.key


def _named(stated: Any) -> list[tuple[str, Mapping[str, Any]]]:
    """Members by name; older packages have lists, in which each has a `name`. A text is the source alone."""
    pairs: list[tuple[Any, Any]]
    if isinstance(stated, dict):
        pairs = [(name, {"source": item} if isinstance(item, str) else item) for name, item in stated.items()]
    else:
        listed = stated if isinstance(stated, list) else []
        pairs = [(item["name"], item) for item in listed if isinstance(item, dict) and "name" in item]
    return [(name, item) for name, item in pairs if isinstance(name, str) and isinstance(item, dict)]


def _source(model: Model, said: Mapping[str, Any], columns: Columns) -> Column | None:
    source: Any = said.get("source")
    resource: Any = said.get("resource")
    if isinstance(source, dict):
        source, resource = source.get("field"), source.get("resource", resource)
    elsewhere = isinstance(resource, str) and resource and resource != model.fact_table
    return None if elsewhere or not isinstance(source, str) else columns.get(source)


def _factor(stated: Any) -> float | int:
    known = isinstance(stated, int | float) and not isinstance(stated, bool)
    return stated if known and math.isfinite(stated) and stated else 1


def _label(said: Mapping[str, Any], name: str) -> str:
    stated = [said.get(member) for member in ("label", "title", "description")]
    return next((text for text in stated if isinstance(text, str) and text), name)


def _names(stated: Any) -> list[str]:
    listed = stated if isinstance(stated, list) else [stated]
    return [name for name in listed if isinstance(name, str)]
