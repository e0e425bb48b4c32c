"""The query parameters that `_all_docs` shares with views, from a query string or a JSON body.

Source: https://docs.couchdb.org/en/stable/api/ddoc/views.html
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from couchreg.errors import QueryParseError
from couchreg.http.couch.frame import params
from couchreg.http.couch.frame.settings import CouchSettings
from couchreg.http.couch.listings.rowdocs import DocOptions, doc_options
from couchreg.model import json
from couchreg.model.partitions import check_partition

UNSET: Final = object()

BOOLEANS = frozenset(
    {
        "descending",
        "inclusive_end",
        "include_docs",
        "attachments",
        "att_encoding_info",
        "update_seq",
        "conflicts",
        "sorted",
        "reduce",
        "group",
    }
)
NUMBERS = frozenset({"limit", "skip", "group_level"})
KEYS = {
    "key": ("start", "end"),
    "startkey": ("start",),
    "start_key": ("start",),
    "endkey": ("end",),
    "end_key": ("end",),
}
DOCIDS = {
    "startkey_docid": "start_docid",
    "start_key_doc_id": "start_docid",
    "endkey_docid": "end_docid",
    "end_key_doc_id": "end_docid",
}
CHOICES = {"stale": ("ok", "update_after"), "stable": ("true", "false"), "update": ("true", "false", "lazy")}


@dataclass(slots=True)
class ViewQuery:
    """`start` and `end` are JSON values or UNSET; `keys` a list (once checked), or None."""

    start: Any = UNSET
    end: Any = UNSET
    keys: Any = None
    flags: dict[str, bool] = field(default_factory=dict)
    numbers: dict[str, int] = field(default_factory=dict)
    partition: str | None = None
    start_docid: str | None = None
    end_docid: str | None = None
    lists_one: bool = False  # a list of a single key is a list, too, as list functions take it

    def shared(self) -> "ViewQuery":
        """What a query of several takes over from the query string: everything but keys."""
        taken = (dict(self.flags), dict(self.numbers), self.partition, self.start_docid, self.end_docid)
        return ViewQuery(self.start, self.end, None, *taken)

    @property
    def descending(self) -> bool:
        return self.flags.get("descending", False)

    @property
    def inclusive_end(self) -> bool:
        return self.flags.get("inclusive_end", True)

    @property
    def limit(self) -> int | None:
        return self.numbers.get("limit")

    @property
    def skip(self) -> int:
        return self.numbers.get("skip", 0)

    @property
    def docs(self) -> DocOptions:
        return doc_options(self.flags)

    def read(self, pairs: Iterable[tuple[str, str]]) -> "ViewQuery":
        """Take the parameters of a query string. Raises QueryParseError, BadRequest."""
        for name, value in pairs:
            self._take(name, value, params.json_value, params.parse_int)
        return self

    def read_body(self, body: dict[str, Any]) -> "ViewQuery":
        """Take those of a JSON object, whose values are values already: a number in quotes is none."""
        for name, value in body.items():
            self._take(name, value, _as_it_is, _no_number)
        return self

    def _take(
        self, name: str, value: Any, decoded: Callable[[Any], Any], number: Callable[[str], int | None]
    ) -> None:
        if name in KEYS:
            key = decoded(value)
            for bound in KEYS[name]:
                setattr(self, bound, key)
        elif name in DOCIDS:
            setattr(self, DOCIDS[name], _text(value))
        elif name == "keys":
            self._take_keys(decoded(value))
        elif name in BOOLEANS:
            self.flags[name] = boolean(value)
        elif name in NUMBERS:
            self.numbers[name] = natural(value, number)
        elif name == "partition":
            self.partition = check_partition(_text(value))
        elif name in CHOICES and _text(value) not in CHOICES[name]:
            raise QueryParseError(f"Invalid value for `{name}`.")

    def _take_keys(self, value: Any) -> None:
        """A list of a single key is a range of that key."""
        is_one = isinstance(value, list) and len(value) == 1
        if is_one:
            self.start = self.end = value[0]
        if not is_one or self.lists_one:
            self.keys = "null" if value is None else value  # not the same as no keys

    def check_reduce(self) -> None:
        """What cannot go together where rows are reduced. Raises QueryParseError."""
        level = self.numbers.get("group_level", 0)
        if self.keys is not None and not level and not self.flags.get("group"):
            raise QueryParseError("Multi-key fetches for reduce views must use `group=true`")
        if self.flags.get("include_docs"):
            raise QueryParseError("`include_docs` is invalid for reduce")
        if self.flags.get("conflicts"):
            raise QueryParseError("`conflicts` is invalid for reduce views.")
        if self.flags.get("group") is False and level:
            raise QueryParseError("Can't specify group=false and group_level>0 at the same time")
        self._check_keys()

    def check(self, *, map_only: bool = True) -> None:
        """What cannot go together where nothing is reduced. Raises QueryParseError."""
        level = self.numbers.get("group_level", 0)
        if self.flags.get("group") is False and level:
            raise QueryParseError("Can't specify group=false and group_level>0 at the same time")
        if self.flags.get("reduce") and map_only:
            raise QueryParseError("Reduce is invalid for map-only views.")
        self._check_keys()
        if level or (self.flags.get("group") and "group_level" not in self.numbers):
            raise QueryParseError("Invalid use of grouping on a map view.")

    def _check_keys(self) -> None:
        keys = self.keys
        if keys is None:
            return
        if not isinstance(keys, list):
            raise QueryParseError("`keys` must be an array of strings.")
        unbounded = self.start is UNSET and self.end is UNSET
        if keys and not unbounded and not (len(keys) == 1 and _same(keys[0], self.start, self.end)):
            raise QueryParseError("`keys` is incompatible with `key`, `start_key` and `end_key`")


def _same(key: Any, start: Any, end: Any) -> bool:
    """Whether both bounds are this key; as text, since Python compares what is nested deeply on its stack."""
    if start is UNSET or end is UNSET:
        return False
    return json.encode(key) == json.encode(start) == json.encode(end)


def limit_rows(settings: CouchSettings, query: ViewQuery, *, partition: bool) -> None:
    """Heed `[query_server_config] query_limit`, and `partition_query_limit`. Raises QueryParseError."""
    name = "partition_query_limit" if partition else "query_limit"
    most = params.parse_int(settings.text("query_server_config", name, "infinity"))
    if most is None:
        return
    if query.numbers.setdefault("limit", most) > most:
        raise QueryParseError(f"Limit is too large, must not exceed {most}")


def _as_it_is(value: Any) -> Any:
    return value


def _no_number(text: str) -> None:
    return None


def _text(value: Any) -> str:
    return json.encode(value).decode() if not isinstance(value, str) else value


def _quoted(value: Any) -> str:
    """A value as an error shows it: a text as Erlang does, which takes the empty one for a list."""
    if value == "":
        return "[]"
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return json.encode(value).decode()


def boolean(value: Any) -> bool:
    """`true` or `false`, as text in any case or as JSON. Raises QueryParseError."""
    text = _text(value).lower() if isinstance(value, str | bool) else ""
    if text not in ("true", "false"):
        raise QueryParseError(f"Invalid boolean parameter: {_quoted(value)}")
    return text == "true"


def natural(value: Any, parse: Callable[[str], int | None]) -> int:
    """An integer of zero or more, as JSON or as a text that `parse` takes. Raises QueryParseError."""
    shown = _quoted(value)
    number = parse(value) if isinstance(value, str) else value
    if parse is _no_number and isinstance(value, str):
        shown = f"<<{shown if value else ''}>>"  # CouchDB shows its bytes
    if not isinstance(number, int) or isinstance(number, bool):
        raise QueryParseError(f"Invalid value for integer: {shown}")
    if number < 0:
        raise QueryParseError(f"Invalid value for positive integer: {shown}")
    return min(number, params.LARGEST)
