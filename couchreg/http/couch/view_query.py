"""The query parameters that `_all_docs` shares with views, from a query string or a JSON body.

Source: https://docs.couchdb.org/en/stable/api/ddoc/views.html
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from couchreg.errors import QueryParseError
from couchreg.http.couch import params
from couchreg.http.couch.rowdocs import DocOptions, doc_options
from couchreg.model import json

UNSET: Final = object()

BOOLEANS = frozenset({
    "descending", "inclusive_end", "include_docs", "attachments", "att_encoding_info", "update_seq",
    "conflicts", "sorted", "reduce", "group",
})  # fmt: skip
NUMBERS = frozenset({"limit", "skip", "group_level"})
KEYS = {
    "key": ("start", "end"), "startkey": ("start",), "start_key": ("start",), "endkey": ("end",),
    "end_key": ("end",),
}  # fmt: skip
CHOICES = {"stale": ("ok", "update_after"), "stable": ("true", "false"), "update": ("true", "false", "lazy")}


@dataclass(slots=True)
class ViewQuery:
    """`start` and `end` are JSON values or UNSET; `keys` a list, or None."""

    start: Any = UNSET
    end: Any = UNSET
    keys: list[Any] | None = None
    flags: dict[str, bool] = field(default_factory=dict)
    numbers: dict[str, int] = field(default_factory=dict)

    def copy(self) -> "ViewQuery":
        return ViewQuery(self.start, self.end, self.keys, dict(self.flags), dict(self.numbers))

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
            self._take(name, value, params.json_value)
        return self

    def read_body(self, body: dict[str, Any]) -> "ViewQuery":
        """Take those of a JSON object, whose values are values already."""
        for name, value in body.items():
            self._take(name, value, _as_it_is)
        return self

    def _take(self, name: str, value: Any, decoded: Callable[[Any], Any]) -> None:
        if name in KEYS:
            for bound in KEYS[name]:
                setattr(self, bound, decoded(value))
        elif name == "keys":
            self.keys = _checked_keys(decoded(value))
        elif name in BOOLEANS:
            self.flags[name] = boolean(value)
        elif name in NUMBERS:
            self.numbers[name] = natural(value)
        elif name in CHOICES and _text(value) not in CHOICES[name]:
            raise QueryParseError(f"Invalid value for `{name}`.")

    def check(self) -> None:
        """What cannot go together where nothing is reduced. Raises QueryParseError."""
        if self.flags.get("reduce"):
            raise QueryParseError("Reduce is invalid for map-only views.")
        if self.flags.get("group") or self.numbers.get("group_level"):
            raise QueryParseError("Invalid use of grouping on a map view.")
        if self.keys and not (self.start is UNSET and self.end is UNSET):
            raise QueryParseError("`keys` is incompatible with `key`, `start_key` and `end_key`")


def _as_it_is(value: Any) -> Any:
    return value


def _checked_keys(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise QueryParseError("`keys` must be an array of strings.")
    return value


def _text(value: Any) -> str:
    return json.encode(value).decode() if not isinstance(value, str) else value


def _quoted(value: Any) -> str:
    """A value as an error shows it."""
    return f'"{value}"' if isinstance(value, str) else json.encode(value).decode()


def boolean(value: Any) -> bool:
    """`true` or `false`, as text in any case or as JSON. Raises QueryParseError."""
    text = _text(value).lower() if isinstance(value, str | bool) else ""
    if text not in ("true", "false"):
        raise QueryParseError(f"Invalid boolean parameter: {_quoted(value)}")
    return text == "true"


def natural(value: Any) -> int:
    """An integer of zero or more, as text or as JSON. Raises QueryParseError."""
    shown = _quoted(value)
    number = params.parse_int(value) if isinstance(value, str) else value
    if not isinstance(number, int) or isinstance(number, bool):
        raise QueryParseError(f"Invalid value for integer: {shown}")
    if number < 0:
        raise QueryParseError(f"Invalid value for positive integer: {shown}")
    return min(number, params.LARGEST)
