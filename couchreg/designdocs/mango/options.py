"""What a query, an index or a list of indexes to delete may say, in CouchDB's words for what is wrong. Pure.

Options are checked in CouchDB's order, so that of several mistakes the same one is told.
Source: https://docs.couchdb.org/en/stable/api/database/find.html
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from couchreg.errors import BadRequest, Unavailable
from couchreg.model import json, selector
from couchreg.model.erlang import pretty, show
from couchreg.model.partitions import check_partition
from couchreg.model.selector import Selector

LONGEST: Final = 2_000  # characters of a value as an error shows it
LARGEST: Final = 2**53  # whatever is counted
DESIGN: Final = "_design/"
JSON: Final = "json"
SERVICES: Final = ("text", "nouveau")  # types of indexes that are a service of their own

Check = Callable[[Any], Any]


class ServiceMissing(Unavailable):
    """An index of a type that CouchDB has a service of its own for, which is not here."""

    error = "required index service unavailable"


_REQUIRED: Final = object()


class Option(NamedTuple):
    name: str
    check: Check
    default: Any = _REQUIRED


def read(members: Mapping[str, Any], options: Sequence[Option]) -> dict[str, Any]:
    """Every option by its name, checked. Raises BadRequest for one that is missing, wrong or unknown."""
    found = {}
    for option in options:
        given = members.get(option.name, option.default)
        if given is _REQUIRED:
            raise BadRequest(f"Missing required key: {option.name}", error="missing_required_key")
        found[option.name] = option.check(given) if option.name in members else given
    for name in members:
        if name not in found:
            raise BadRequest(f"Invalid key {name} for this request.", error="invalid_key")
    return found


def shown(value: Any, spell: Callable[[Any], str] = show) -> str:
    """A value as errors show it, cut off where it is long."""
    if json.count_values(json.encode(value), LONGEST) > LONGEST:
        return "…"
    try:
        return spell(value)[:LONGEST]
    except RecursionError:
        return "…"


# -- checks of single options


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise BadRequest(f"Invalid string: {shown(value)}", error="invalid_string")
    return value


def _name(value: Any) -> str:
    if value == "":
        raise BadRequest("Index name or ddoc cannot be empty string", error="invalid_empty_string")
    return _text(value)


def _boolean(value: Any) -> bool:
    if type(value) is not bool:
        raise BadRequest(f"Invalid boolean value: {shown(value)}", error="invalid_boolean")
    return value


def _positive(value: Any) -> int:
    if type(value) is not int or value <= 0:
        reason = f"{shown(value)} is not an integer greater than zero"
        raise BadRequest(reason, error="invalid_pos_integer")
    return min(value, LARGEST)


def _natural(value: Any) -> int:
    if type(value) is not int or value < 0:
        reason = f"{shown(value)} is not an integer greater than or equal to zero"
        raise BadRequest(reason, error="invalid_non_neg_integer")
    return min(value, LARGEST)


def _selector(value: Any) -> Selector:
    return selector.normalize(value)


def _use_index(value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    if isinstance(value, str):
        parts = value.split("/")
        if len(parts) > 1 and parts[0] == "_design":
            parts = parts[1:]
        if len(parts) <= 2:
            return tuple(parts)
    elif isinstance(value, list) and len(value) <= 2 and all(isinstance(part, str) for part in value):
        return tuple(value)
    raise BadRequest(f"Invalid index name: {shown(value)}", error="invalid_index_name")


def _bookmark(value: Any) -> str | None:
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise invalid_bookmark(value)
    return value


def invalid_bookmark(value: Any) -> BadRequest:
    return BadRequest(f"Invalid bookmark value: {json.brief(value, LONGEST)}", error="invalid_bookmark")


class Sort(NamedTuple):
    """Fields in the order of their weight, all in one direction. `directions` are theirs."""

    fields: tuple[str, ...] = ()
    directions: tuple[str, ...] = ()

    @property
    def descending(self) -> bool:
        return self.directions[:1] == ("desc",)

    @property
    def members(self) -> dict[str, str]:
        return dict(zip(self.fields, self.directions, strict=True))


def sort(value: Any) -> Sort:
    """A list of names, or of objects of a name and `asc` or `desc`. Raises BadRequest."""
    if not isinstance(value, list):
        reason = f"Sort must be an array of sort specs, not: {shown(value, pretty)}"
        raise BadRequest(reason, error="invalid_sort_json")
    pairs = [_sort_field(one) for one in value]
    if len({direction for _, direction in pairs}) > 1:
        reason = "Sorts currently only support a single direction for all fields."
        raise BadRequest(reason, error="unsupported_mixed_sort")
    return Sort(tuple(name for name, _ in pairs), tuple(direction for _, direction in pairs))


def _sort_field(value: Any) -> tuple[str, str]:
    if isinstance(value, str) and value:
        return value, "asc"
    if isinstance(value, dict) and len(value) == 1:
        [(name, direction)] = value.items()
        if direction in ("asc", "desc"):
            return name, direction
    raise BadRequest(f"Invalid sort field: {shown(value, pretty)}", error="invalid_sort_field")


def _fields(value: Any) -> tuple[str, ...] | None:
    if not isinstance(value, list):
        reason = f"Fields must be an array of strings, not: {shown(value)}"
        raise BadRequest(reason, error="invalid_fields")
    for one in value:
        if not isinstance(one, str):
            raise BadRequest(f"Invalid JSON for field spec: {shown(one)}", error="invalid_field")
    return tuple(value) or None


def _stale(value: Any) -> str | bool:
    if value in ("ok", "false") or value is False:
        return "ok" if value == "ok" else False
    reason = f'Invalid value for stale: {shown(value)}, should be "ok" or false'
    raise BadRequest(reason, error="invalid_ok_or_false_value")


def _anything(value: Any) -> Any:
    return value


def _partition(value: Any) -> str:
    return "" if value == "" else check_partition(value)


def _partitioned(value: Any) -> bool:
    if type(value) is not bool:
        reason = f"Invalid value for partitioned: {shown(value)}, should be true or false"
        raise BadRequest(reason, error="invalid_partitioned_value")
    return value


def _docids(value: Any) -> list[tuple[str, ...]]:
    if not isinstance(value, list):
        reason = f"Bulk Delete requires an array of non-null docids. Docids: {shown(value)}"
        raise BadRequest(reason, error="invalid_bulk_docs")
    for one in value:
        _use_index(one)
    return value


# -- queries

PARTITION: Final = "partition"
_QUERY: Final = (
    Option("selector", _selector),
    Option("use_index", _use_index, ()),
    Option("bookmark", _bookmark, None),
    Option("limit", _natural, None),
    Option("skip", _natural, 0),
    Option("sort", sort, Sort()),
    Option("fields", _fields, None),
    Option(PARTITION, _partition, ""),
    Option("r", _positive, 1),
    Option("conflicts", _boolean, False),
    Option("stale", _stale, False),
    Option("update", _boolean, True),
    Option("stable", _boolean, False),
    Option("execution_stats", _boolean, False),
    Option("allow_fallback", _boolean, True),
)


@dataclass(frozen=True, slots=True)
class MangoQuery:
    """What `_find` and `_explain` are asked. `selector` is normalized, `fields` None for whole documents."""

    selector: Selector
    use_index: tuple[str, ...] = ()
    bookmark: str | None = None
    limit: int = 25
    skip: int = 0
    sort: Sort = field(default_factory=Sort)
    fields: tuple[str, ...] | None = None
    partition: str = ""
    r: int = 1
    conflicts: bool = False
    stale: str | bool = False
    update: bool = True
    stable: bool = False
    execution_stats: bool = False
    allow_fallback: bool = True

    @property
    def is_of_partition(self) -> bool:
        return self.partition != ""

    @property
    def refreshes(self) -> bool:
        """Whether the index is brought up to date first."""
        return self.update and self.stale is False

    def shown(self) -> dict[str, Any]:
        """The options as `_explain` shows them."""
        members = {option.name: getattr(self, option.name) for option in _QUERY[1:]}
        return {
            **members,
            "use_index": list(self.use_index),
            "bookmark": self.bookmark or "nil",
            "sort": self.sort.members,
            "fields": list(self.fields or ()),
        }


def query(members: Mapping[str, Any], *, default_limit: int = 25) -> MangoQuery:
    """Raises BadRequest."""
    found = read(members, _QUERY)
    if found["limit"] is None:
        found["limit"] = default_limit
    return MangoQuery(**found)


# -- indexes


class IndexOptions(NamedTuple):
    """What `POST _index` is asked to make. `given` is the definition as it was sent."""

    given: dict[str, Any]
    sort: Sort
    partial_filter_selector: Selector
    name: str | None
    ddoc: str | None
    w: int
    partitioned: bool | None


_NEW: Final = (
    Option("index", _anything),
    Option("type", _text, JSON),
    Option("name", _name, None),
    Option("ddoc", _name, None),
    Option("w", _positive, 2),
    Option("partitioned", _partitioned, None),
)
_DEFINITION: Final = (
    Option("fields", sort),
    Option("partial_filter_selector", _selector, {}),
)


def index(members: Mapping[str, Any]) -> IndexOptions:
    """Raises BadRequest, and Unavailable for a type that needs a service."""
    found = read(members, _NEW)
    if found["type"] in SERVICES:
        raise ServiceMissing(found["type"])
    if found["type"] != JSON:
        raise BadRequest(f"Invalid type for index: {found['type']}", error="invalid_index")
    given = found["index"]
    if not isinstance(given, dict):
        reason = f"JSON indexes must be an object, not: {shown(given)}"
        raise BadRequest(reason, error="invalid_index")
    definition = read(given, _DEFINITION)
    return IndexOptions(
        given=given,
        sort=definition["fields"],
        partial_filter_selector=definition["partial_filter_selector"],
        name=found["name"],
        ddoc=found["ddoc"],
        w=found["w"],
        partitioned=found["partitioned"],
    )


_BULK_DELETE: Final = (Option("docids", _docids), Option("w", _positive, 2))


def bulk_delete(members: Mapping[str, Any]) -> list[str]:
    """The design documents whose indexes are to go. Raises BadRequest."""
    found: list[Any] = read(members, _BULK_DELETE)["docids"]
    for one in found:
        if not isinstance(one, str):
            raise BadRequest(f"Invalid index name: {shown(one)}", error="invalid_index_name")
    return found
