"""What a design document says of its views. Pure.

Views with the same map function share their rows, and design documents whose maps, options and library are
equal share an index, whatever their names are and whatever they reduce.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from couchreg.errors import NotFound
from couchreg.model import json
from couchreg.model.collation import sort_key
from couchreg.model.partitions import partition_of, span
from couchreg.model.raw_order import raw_sort_key

LIBRARY = "lib"
DESIGN = "_design/"
QUERY = "query"  # the language of Mango's indexes


@dataclass(frozen=True, slots=True)
class View:
    """One view: the place of its map among those of the index, and its reduce function or built-in name."""

    name: str
    map: int
    reduce: str | None


@dataclass(frozen=True, slots=True)
class Definition:
    """All views of a design document. `text` is the design document as their functions see it. Where it is
    `partitioned` the rows of each partition lie together, and only those of one are asked for.
    """

    maps: tuple[str, ...]
    raw: tuple[bool, ...]  # of each map, whether its keys are ordered as Erlang's terms
    views: Mapping[str, View]
    language: str
    include_design: bool
    local_seq: bool
    partitioned: bool
    text: bytes
    signature: str

    def view(self, name: str) -> View:
        """Raises NotFound in CouchDB's word."""
        if name not in self.views:
            raise NotFound("missing_named_view")
        return self.views[name]

    def order(self, place: int, partition: str | None) -> Callable[[Any], bytes]:
        """What the keys of a map are sorted by, among the rows of a partition if it has one."""
        inner = raw_sort_key if self.raw[place] else sort_key
        if partition is None:
            return inner
        before = edges(partition)[0]
        return lambda key: before + inner(key)

    def is_mapped(self, doc_id: str, deleted: bool) -> bool:
        is_design = doc_id.startswith(DESIGN)
        if is_design and self.partitioned:
            return False  # it is in no partition
        return not deleted and (self.include_design or not is_design)

    def before(self, ids: Sequence[str]) -> Sequence[bytes]:
        """What the rows of documents in partitions have before their sort keys."""
        if not self.partitioned:
            return ()
        partitions = [partition_of(doc_id) for doc_id in ids]
        return [b"" if partition is None else edges(partition)[0] for partition in partitions]


def edges(partition: str) -> tuple[bytes, bytes]:
    """Between these are the sort keys of a partition's rows. No name has a colon in it."""
    first, beyond = span(partition)
    return first.encode(), beyond.encode()


def definition_of(body: Mapping[str, Any], *, partitions: bool = False) -> Definition:
    """Of a design document's members, in a database with partitions or without."""
    listed = body.get("views")
    found = listed if isinstance(listed, dict) else {}
    language = str(body.get("language", "javascript"))
    maps: dict[tuple[str, bool], int] = {}
    views = {}
    for name, members in found.items():
        if name == LIBRARY or not isinstance(members, dict):
            continue
        source = _source(members.get("map"), language)
        if source is None:
            continue
        options = members.get("options")
        raw = language != QUERY and isinstance(options, dict) and options.get("collation") == "raw"
        place = maps.setdefault((source, raw), len(maps))
        reduce = members.get("reduce")
        views[name] = View(name, place, reduce if isinstance(reduce, str) else None)
    options = body.get("options")
    options = options if isinstance(options, dict) else {}
    ordered = sorted(maps)  # so that the order of the views makes no difference
    library = found.get(LIBRARY) if isinstance(found.get(LIBRARY), dict) else {}
    include_design = bool(options.get("include_design")) and language != QUERY
    local_seq = bool(options.get("local_seq"))
    partitioned = partitions and options.get("partitioned") is not False
    signed = [
        language,
        ordered,
        library,
        include_design,
        local_seq,
        *(["partitioned"] if partitioned else []),
    ]
    digest = hashlib.md5(json.encode(signed), usedforsecurity=False).hexdigest()
    places = {maps[pair]: place for place, pair in enumerate(ordered)}
    return Definition(
        maps=tuple(source for source, _ in ordered),
        raw=tuple(raw for _, raw in ordered),
        views={name: View(name, places[view.map], view.reduce) for name, view in views.items()},
        language=language,
        include_design=include_design,
        local_seq=local_seq,
        partitioned=partitioned,
        text=json.encode({"views": {LIBRARY: library}}),
        signature=digest,
    )


def _source(view_map: Any, language: Any) -> str | None:
    """The text of a map: a function, or for Mango the fields and the selector of an index."""
    if language == QUERY:
        return json.encode(view_map).decode() if isinstance(view_map, dict) else None
    return view_map if isinstance(view_map, str) else None
