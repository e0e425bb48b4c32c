"""Indexes as they stand in design documents: `language: "query"`, a view each. Pure.

A view's map is `{"fields": {"a": "asc"}, "partial_filter_selector": {…}}`; `options.def` keeps what was
asked for. Every document that has all the fields and fits the selector is in the index, under their values.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from couchreg.designdocs.mango.options import DESIGN, IndexOptions
from couchreg.designdocs.views.json_map import partial_filter
from couchreg.docstore.base import Revision
from couchreg.model import etf

LANGUAGE: Final = "query"
SPECIAL: Final = "_all_docs"


@dataclass(frozen=True, slots=True, eq=False)
class JsonIndex:
    """An index of a design document; without one (`ddoc` is None) the documents by their ids.

    `map` is that of the view, `design` the revision that it stands in.
    """

    ddoc: str | None
    name: str
    columns: tuple[str, ...]
    map: Mapping[str, Any]
    partitioned: bool = False
    design: Revision | None = None

    @property
    def is_special(self) -> bool:
        return self.ddoc is None

    @property
    def is_partial(self) -> bool:
        return bool(partial_filter(self.map)) and not self.is_special

    @property
    def order(self) -> tuple[bytes, bytes]:
        """Indexes are listed in this order, the documents themselves first."""
        return (self.ddoc or "").encode(), self.name.encode()

    def shown(self) -> dict[str, Any]:
        """As `_index` lists it."""
        if self.is_special:
            definition = {"fields": [{name: "asc"} for name in self.columns]}
            return {"ddoc": None, "name": self.name, "type": "special", "def": definition}
        return {
            "ddoc": self.ddoc,
            "name": self.name,
            "type": "json",
            "partitioned": self.partitioned,
            "def": _shown_definition(self.map),
        }


ALL_DOCS: Final = JsonIndex(None, SPECIAL, ("_id",), {})


def _shown_definition(view_map: Mapping[str, Any]) -> dict[str, Any]:
    found = {}
    for name, value in view_map.items():
        if name == "fields":
            found[name] = [{column: direction} for column, direction in value.items()]
        elif not (name == "partial_filter_selector" and value == {}):
            found[name] = value
    return found


def indexes_of(revision: Revision, *, partitions: bool) -> Iterator[JsonIndex]:
    """The indexes of a design document of a database with partitions or without; no other views."""
    body = revision.body
    views = body.get("views")
    if body.get("language") != LANGUAGE or not isinstance(views, dict):
        return
    options = body.get("options")
    partitioned = partitions
    if isinstance(options, dict) and isinstance(options.get("partitioned"), bool):
        partitioned = options["partitioned"]
    for name, view in views.items():
        view_map = view.get("map") if isinstance(view, dict) else None
        if not isinstance(view_map, dict) or not isinstance(view.get("options"), dict):
            continue
        fields = view_map.get("fields")
        if isinstance(fields, dict):
            yield JsonIndex(revision.id, name, tuple(fields), view_map, partitioned, revision)


class NewIndex:
    """An index to be made: where it will stand, and what its view is."""

    def __init__(self, options: IndexOptions) -> None:
        made = None if options.ddoc and options.name else _made_name(options)
        self.name = options.name or str(made)
        self.ddoc = _design_id(options.ddoc or str(made))
        self.view = {
            "map": {
                "fields": options.sort.members,
                "partial_filter_selector": options.partial_filter_selector,
            },
            "reduce": "_count",
            "options": {"def": options.given},
        }
        self.partitioned = options.partitioned


def _design_id(name: str) -> str:
    return name if name.startswith(DESIGN) else DESIGN + name


def _made_name(options: IndexOptions) -> str:
    """The name that CouchDB gives: a digest of the term of definition and options."""
    definition = bytes(etf.encode(options.given))
    pairs = {
        "ddoc": etf.atom("auto_name") if options.ddoc is None else bytes(etf.encode(options.ddoc)),
        "def": definition,
        "name": etf.atom("auto_name") if options.name is None else bytes(etf.encode(options.name)),
        "partitioned": etf.atom("db_default")
        if options.partitioned is None
        else bytes(etf.encode(options.partitioned)),
        "type": bytes(etf.encode("json")),
        "w": bytes(etf.integer(options.w)),
    }
    listed = b"".join(b"h\x02" + etf.atom(name) + value for name, value in pairs.items())
    term = b"\x83h\x02" + definition + b"l" + len(pairs).to_bytes(4, "big") + listed + etf.NIL
    return hashlib.sha1(term, usedforsecurity=False).hexdigest()
