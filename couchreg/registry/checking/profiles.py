"""JSON Schemas that come with a package: what a profile demands of a descriptor, and `jsonSchema` of a cell.

Nothing is fetched: a schema may refer to others in the package's files and to JSON Schema's own. Pure but for
those files; only in the child process.

Source: https://datapackage.org/standard/glossary/#profile and https://json-schema.org/specification.
"""

from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, cast
from urllib.parse import unquote, urlsplit

from jsonschema import SchemaError
from jsonschema.validators import Draft202012Validator, validator_for
from jsonschema_specifications import REGISTRY
from referencing import Registry, Resource
from referencing.exceptions import NoSuchResource, Unresolvable
from referencing.jsonschema import DRAFT202012

from couchreg.errors import BadRequest
from couchreg.package.paths import path_fault, plain_path
from couchreg.package.text import read_json

MOST = 100  # faults of one value that are told
_BASE = "https://package.invalid/"  # where the files are, for references between them: nobody has that host

Faults = Callable[[Any], Iterator[str]]


class BadSchema(ValueError):
    """No JSON Schema, or one that refers to what is not here; the text says which."""


class EndlessSchema(BadSchema):
    """One that nobody can apply: it comes back to itself, or is nested deeper than is looked into."""

    def __init__(self) -> None:
        super().__init__("it refers to itself without end, or is nested too deeply")


def validator(schema: Any, *, folder: str | None = None, path: str = "") -> Faults:
    """What is wrong with a value by a JSON Schema, the file `path` of the package in `folder` (if any).

    Raises BadSchema, then or when a value is looked at.
    """
    if not isinstance(schema, dict | bool):
        raise BadSchema("a JSON Schema is an object")
    found = validator_for(schema, default=Draft202012Validator)
    try:
        found.check_schema(schema)
    except SchemaError as error:
        raise BadSchema(f"it is not a JSON Schema: {error.message[:300]}") from None
    except RecursionError:
        raise EndlessSchema from None
    registry = cast(Any, Registry)(retrieve=_from(folder)).combine(REGISTRY) if folder else REGISTRY
    root = _BASE + path
    resource = Resource.from_contents(schema, default_specification=DRAFT202012)
    checker = found({"$ref": root}, registry=registry.with_resource(root, resource))
    if isinstance(schema, bool):
        checker = found(schema)

    def faults(value: Any) -> Iterator[str]:
        try:
            for error in islice(checker.iter_errors(value), MOST):
                place = "/".join(map(str, error.absolute_path))
                yield f"{error.message[:500]}{f' at {place}' if place else ''}"
        except Unresolvable as error:
            raise BadSchema(f"it refers to {str(error.ref)[:200]!r}, which is not in the package") from None
        except RecursionError:
            raise EndlessSchema from None

    return faults


def _from(folder: str) -> Callable[[str], Resource[Any]]:
    def retrieve(uri: str) -> Resource[Any]:
        path = plain_path(unquote(urlsplit(uri).path).lstrip("/"))
        if not uri.startswith(_BASE) or path_fault(path):
            raise NoSuchResource(uri)
        try:
            contents = read_json(Path(folder, path).read_bytes())
        except (OSError, BadRequest):
            raise NoSuchResource(uri) from None
        return Resource.from_contents(contents, default_specification=DRAFT202012)

    return retrieve
