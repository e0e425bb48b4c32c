"""Rows of an index as they are handed to its file."""

import json
from collections.abc import Mapping, Sequence

from couchreg.designdocs.views.filling import Mapped

Row = tuple[int, bytes, bytes, bytes]  # map, sort key, key, value


def mapped(docs: Mapping[str, Sequence[Row]]) -> Mapped:
    """What maps made of documents, each with its rows in their order."""
    rows = [
        [place, at, sort.hex(), number, key.decode(), value.decode()]
        for place, made in enumerate(docs.values())
        for number, (at, sort, key, value) in enumerate(made)
    ]
    return Mapped(list(docs), json.dumps(rows).encode())
