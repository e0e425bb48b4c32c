"""A statement with the versions in it that it was answered of, so that it says the same for ever. Pure."""

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

from couchreg.analytics.quoting import quoted

MOST: Final = 50  # places; longer ones are no links
_NAME: Final = re.compile(rb'"(?:[^"]|"")*"|[A-Za-z_\x80-\xff][A-Za-z0-9_$\x80-\xff]*')


class PinnedPlace(NamedTuple):
    """Where a statement names a table: its byte, the schema and the name that stand there, and the schema
    that names the version."""

    place: int | None
    schema: str
    name: str
    exact: str


def pinned(sql: str, places: Sequence[PinnedPlace]) -> str | None:
    """The statement with each schema replaced by what names the version. None where that cannot be done:
    where there are too many, a schema does not stand at its place, or is named before a column, too."""
    if len(places) > MOST:
        return None
    data = sql.encode()
    for one in sorted(places, key=lambda one: one.place or 0, reverse=True):
        found = None if one.place is None else _NAME.match(data, one.place)
        if found is None or _plain(found[0]) != one.schema.casefold():
            return None
        data = data[: found.start()] + quoted(one.exact).encode() + data[found.end() :]
    text = data.decode()
    qualified = {(one.schema, one.name) for one in places if one.schema != one.exact}
    return None if any(_is_before_column(text, *names) for names in qualified) else text


def _plain(written: bytes) -> str:
    name = written.decode(errors="replace")
    return (name[1:-1].replace('""', '"') if name.startswith('"') else name).casefold()


def _is_before_column(sql: str, *names: str) -> bool:
    """Whether `schema.table.` stands somewhere, as only in front of a column. It may be in a text, too: then
    nothing is pinned that could be."""
    schema, name = [f"(?:{re.escape(part)}|{re.escape(quoted(part))})" for part in names]
    return re.search(rf"{schema}\s*\.\s*{name}\s*\.", sql, re.IGNORECASE) is not None
