"""From a path to a row of the table: a tree of dictionaries, one step for each path part.

Literal parts win over `{placeholder}` ones; where a literal leads nowhere the search goes back
(`/db/_bulk_docs/x` is an attachment of a document called `_bulk_docs`, as in CouchDB).
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from importlib import import_module
from typing import Any, NamedTuple

from aiohttp import web

from couchreg.auth.policy import Rule
from couchreg.http.couch.table import CouchEndpoint

PACKAGE = "couchreg.http.couch"

Function = Callable[[Any], Awaitable[web.StreamResponse]]


class BoundOperation(NamedTuple):
    """An operation with its function found."""

    function: Function
    rule: Rule
    opens: bool
    writes: bool


class CouchRoute:
    """One endpoint ready for requests."""

    __slots__ = ("_places", "_tail", "_taken", "allowed", "in_database", "names", "operations", "template")

    def __init__(self, row: CouchEndpoint, operations: Mapping[str, BoundOperation]) -> None:
        self.template = row.template
        self.allowed = row.allowed
        self.operations = operations
        self.in_database = row.template.startswith("/{db}")
        self.names = [part for part in row.template.split("/") if part]
        placed = [(place, name.strip("{}")) for place, name in enumerate(self.names) if name[0] == "{"]
        self._places = [(place, name) for place, name in placed if name[-1] not in "*?"]
        self._tail = [(place, name[:-1]) for place, name in placed if name[-1] in "*?"]
        taken = [name for _, name in self._places]
        all_are_taken = len(taken) == len(self.names) and not {"ddoc", "local"} & {*taken}
        self._taken = taken if all_are_taken else None  # where every part is a placeholder's

    def captured(self, parts: Sequence[str]) -> dict[str, str]:
        """What the placeholders took; and `docid` spelt out for `{ddoc}` and `{local}`."""
        if self._taken is not None:
            return dict(zip(self._taken, parts, strict=True))
        match = {name: parts[place] for place, name in self._places}
        for place, name in self._tail:
            match[name] = "/".join(parts[place:])
        if "ddoc" in match:
            match["docid"] = "_design/" + match["ddoc"]
        elif "local" in match:
            match["docid"] = "_local/" + match["local"]
        return match


class _Node:
    __slots__ = ("any", "literals", "rest", "route")

    def __init__(self) -> None:
        self.literals: dict[str, _Node] = {}
        self.any: _Node | None = None
        self.route: CouchRoute | None = None
        self.rest: CouchRoute | None = None  # `{name*}`: takes one part or more


class Router:
    """Finds routes; built once from the table."""

    def __init__(self, table: Sequence[CouchEndpoint], find: Callable[[str], Function]) -> None:
        self._root = _Node()
        for row in table:
            bound = {
                one.method: BoundOperation(find(one.name), one.rule, one.opens, one.writes)
                for one in row.operations
            }
            _insert(self._root, CouchRoute(row, bound))
        self._document = _search(self._root, ("db", "id"), 0)

    def find(self, parts: Sequence[str]) -> CouchRoute | None:
        if len(parts) == 2 and not (parts[0].startswith("_") or parts[1].startswith("_")):
            return self._document  # by far the most frequent
        if len(parts) == 2 and parts[1] == "_local/":
            parts = (parts[0], "_local")  # no id at all, however it is spelled
        return _search(self._root, parts, 0)


def _insert(root: _Node, route: CouchRoute) -> None:
    node = root
    for name in route.names:
        if name.endswith("?}"):
            node.route = node.route or route
        if name.endswith(("*}", "?}")):
            node.rest = node.rest or route
            return
        node = _step(node, name)
    node.route = route


def _step(node: _Node, name: str) -> _Node:
    if name.startswith("{"):
        node.any = node.any or _Node()
        return node.any
    return node.literals.setdefault(name, _Node())


def _search(node: _Node, parts: Sequence[str], depth: int) -> CouchRoute | None:
    if depth == len(parts):
        return node.route
    literal = node.literals.get(parts[depth])
    found = _search(literal, parts, depth + 1) if literal is not None else None
    if found is None and node.any is not None:
        found = _search(node.any, parts, depth + 1)
    return found or node.rest


def load(name: str) -> Function:
    """The function a row names. Raises ImportError or AttributeError for one that is not there."""
    module, _, function = name.rpartition(".")
    found: Function = getattr(import_module(f"{PACKAGE}.{module}"), function)
    return found
