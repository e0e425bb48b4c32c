"""What a design document must look like before it is stored: members and their types, no code.

In CouchDB's own words; compiling functions is not done here.
https://docs.couchdb.org/en/stable/ddocs/ddocs.html
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from couchreg.errors import BadRequest

Body = Mapping[str, Any]

ANY = ""  # stands for every member
RANKED = ("_top_", "_bottom_")
BUILT_IN_REDUCES = (
    "_sum",
    "_count",
    "_stats",
    "_approx_count_distinct",
    "_first",
    "_last",
    *RANKED,
)
COMPILED = frozenset({"javascript", "coffeescript", "erlang", "query"})

_IS: dict[str, Callable[[Any], bool]] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
}


class ShapeStep(NamedTuple):
    """A member on the way to another, and what it may be."""

    name: str
    types: tuple[str, ...]


def _path(*steps: tuple[str, str]) -> tuple[ShapeStep, ...]:
    return tuple(ShapeStep(name, tuple(types.split("|"))) for name, types in steps)


_PATHS = (
    _path(("filters", "object"), (ANY, "string|object")),
    _path(("language", "string")),
    _path(("lists", "object"), (ANY, "string|object")),
    _path(("options", "object")),
    _path(("options", "object"), ("include_design", "boolean")),
    _path(("options", "object"), ("local_seq", "boolean")),
    _path(("options", "object"), ("partitioned", "boolean")),
    _path(("rewrites", "array|string")),
    _path(("shows", "object"), (ANY, "string|object")),
    _path(("updates", "object"), (ANY, "string|object")),
    _path(("validate_doc_update", "string")),
    _path(("views", "object"), ("lib", "object")),
)
_REDUCE = _path(("views", "object"), (ANY, "object"), ("reduce", "string"))


def check_design_document(body: Body) -> None:
    """Raises BadRequest (invalid_design_doc) for the first member that is not as it must be."""
    kind = "object" if body.get("language") == "query" else "string"
    map_path = _path(("views", "object"), (ANY, "object"), ("map", kind))
    for path in (*_PATHS, map_path, _REDUCE):
        _check(body, path, ())
    for name, view in body.get("views", {}).items():
        if name != "lib":
            _check_view(body, name, view)


def _check(value: Any, path: Sequence[ShapeStep], before: tuple[str, ...]) -> None:
    if not path or not isinstance(value, dict):
        return
    step, *rest = path
    for name in list(value) if step.name == ANY else [step.name]:
        if name not in value:
            continue
        if not any(_IS[kind](value[name]) for kind in step.types):
            where = ".".join((*before, name))
            raise _invalid(f"`{where}` field must have {' or '.join(step.types)} type")
        _check(value[name], rest, (*before, name))


def _check_view(body: Body, name: str, view: Body) -> None:
    if "map" not in view:
        raise _invalid(f"View `{name}` must contain map function")
    reduce = view.get("reduce", "")
    if reduce.startswith(RANKED):
        _check_rank(reduce.removeprefix("_").partition("_")[2])
    if not reduce.startswith("_") or reduce.startswith(BUILT_IN_REDUCES):
        return
    if body.get("language", "javascript") in COMPILED:
        raise _invalid(f"`{reduce}` is not a supported reduce function.")


def _check_rank(text: str) -> None:
    if not (text.isascii() and text.isdigit()):
        raise _invalid("invalid rank reducer")
    if len(text) > 9 or not 1 <= int(text) <= 100:
        raise _invalid("rank value must be between 1 and 100")


def _invalid(reason: str) -> BadRequest:
    return BadRequest(reason, error="invalid_design_doc")
