"""What is in a JSON index: the map of a view that is a list of fields and a selector. Blocking and pure.

Source: https://docs.couchdb.org/en/stable/api/database/find.html#find-partial-indexes
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from couchreg.designdocs.emitted import Maps, Pairs, rows_text
from couchreg.errors import BadRequest
from couchreg.model import json, selector
from couchreg.model import selector_operators as operators
from couchreg.model.work import TooMuchWork

ABSENT: Final = operators.ABSENT


def partial_filter(view_map: Mapping[str, Any]) -> Any:
    """The selector that documents of an index fit; older indexes have it by another name."""
    return view_map.get("partial_filter_selector") or view_map.get("selector") or {}


class JsonMap:
    """The map of one index. Raises BadRequest for names of fields or selectors that are none."""

    def __init__(self, view_map: Mapping[str, Any]) -> None:
        fields = view_map.get("fields")
        self._paths = [_path(name) for name in fields] if isinstance(fields, dict) else None
        form = selector.normalize(partial_filter(view_map))
        self._matches: Callable[[dict[str, Any]], bool] = selector.compile_form(form)
        asked = [operators.split(name) for name in selector.named_fields(form)]
        self.names = {path[0] for path in (*asked, *(self._paths or ()))}  # of the members that count

    def pairs(self, doc: dict[str, Any]) -> Pairs:
        """One pair or none: a document that lacks a field, or that is too much work for the selector."""
        if self._paths is None:
            return []
        try:
            if not self._matches(doc):
                return []
        except TooMuchWork:
            return []
        values = [operators.value_at(doc, path) for path in self._paths]
        return [] if any(value is ABSENT for value in values) else [(values, None)]


def _path(name: str) -> list[str]:
    path = operators.split(name)
    if "" in path:
        raise BadRequest(f"Invalid field name: {name}", error="invalid_field_name")
    return path


def map_documents(maps: Maps, docs: Sequence[bytes]) -> bytes:
    """The rows of documents, as `emitted.rows_text`. Sources of maps are JSON, `docs` the documents' text."""
    made = [JsonMap(json.decode(source)) for source in maps.sources]
    read = json.reader(frozenset().union(*(one.names for one in made)))
    found: list[list[Pairs]] = []
    for text in docs:
        doc = read(text)
        found.append([one.pairs(doc) for one in made])
    return rows_text(found, maps.raw)
