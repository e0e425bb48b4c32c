"""What the files of a package that hold a schema or a profile refer to: other files of the package. Pure.

A JSON Schema names others by `$ref`, from its own place. What is elsewhere is fetched nowhere, and names that
are no file of the package are nobody's. So many files, bytes and references are looked at, and no more.

Source: https://json-schema.org/understanding-json-schema/structuring.
"""

from collections import deque
from collections.abc import Collection, Iterator, Mapping
from typing import Any
from urllib.parse import unquote, urldefrag, urljoin

from couchreg.errors import BadRequest
from couchreg.package.descriptor import resources_of
from couchreg.package.references import references
from couchreg.package.text import read_json

MOST_FILES = 200
MOST_REFERENCES = 10_000  # in all of them
LARGEST = 1 << 20  # bytes of one file that is looked into
MOST_BYTES = 4 << 20  # of all of them
_ROOT = "https://package.invalid/"
_REFERRING = ("$ref", "$dynamicRef", "$recursiveRef")


class Referred:
    """Files that belong to a package because its schemas and profiles refer to them, directly or not.

    `wanted` gives the path of the next file to be looked into, and whoever asked has it `read`. `there` are
    the paths of the files that there are.
    """

    def __init__(self, members: Mapping[str, Any], there: Collection[str]) -> None:
        self._there = there
        self._met: set[str] = set()
        self._waiting: deque[str] = deque()
        self._references, self._bytes = MOST_REFERENCES, MOST_BYTES
        for reference in references(members):
            if reference.needed and reference.path.lower().endswith(".json"):
                self._meet(reference.path)

        for shape in _shapes(members):
            for target in self._targets(shape, _ROOT):
                self._meet(target)

    def wanted(self) -> str | None:
        """The next of them; None when there are no more. Each comes once."""
        return self._waiting.popleft() if self._waiting else None

    def read(self, path: str, data: bytes) -> None:
        """Look into a file. One that is no JSON is the check's to complain about."""
        self._bytes -= len(data)
        if len(data) > LARGEST or self._bytes < 0:
            return
        try:
            schema = read_json(data)
        except BadRequest:
            return
        for target in self._targets(schema, _ROOT + path):
            self._meet(target)

    def _meet(self, path: str) -> None:
        if path in self._there and path not in self._met and len(self._met) < MOST_FILES:
            self._met.add(path)
            self._waiting.append(path)

    def _targets(self, schema: Any, address: str) -> Iterator[str]:
        """The paths that a schema at an address refers to; an `$id` changes what they are relative to."""
        left: deque[tuple[Any, str]] = deque([(schema, address)])
        while left and self._references > 0:
            value, base = left.popleft()
            if isinstance(value, list):
                left.extend((item, base) for item in value)
            elif isinstance(value, dict):
                own = value.get("$id")
                base = _joined(base, own) if isinstance(own, str) and own else base
                for word in _REFERRING:
                    stated = value.get(word)
                    if isinstance(stated, str) and not stated.startswith("#"):
                        self._references -= 1
                        target = urldefrag(_joined(base, stated)).url
                        if target.startswith(_ROOT):
                            yield unquote(target.removeprefix(_ROOT))
                left.extend((item, base) for item in value.values())


def _shapes(members: Mapping[str, Any]) -> Iterator[Any]:
    """The JSON Schemas that stand in a descriptor: `jsonSchema` of fields."""
    for resource in resources_of(members):
        schema = resource.members.get("schema")
        fields = schema.get("fields") if isinstance(schema, dict) else None
        for item in fields if isinstance(fields, list) else ():
            constraints = item.get("constraints") if isinstance(item, dict) else None
            if isinstance(constraints, dict) and isinstance(constraints.get("jsonSchema"), dict):
                yield constraints["jsonSchema"]


def _joined(base: str, stated: str) -> str:
    try:
        return urljoin(base, stated)
    except ValueError:  # what is no address leads nowhere
        return base
