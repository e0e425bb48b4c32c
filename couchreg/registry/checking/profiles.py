"""JSON Schemas that come with a package: what a profile demands of a descriptor, and `jsonSchema` of a cell.

Nothing is fetched: a schema may refer to others in the package's files and to JSON Schema's own. What is
elsewhere demands nothing, and is named; what a schema says itself is applied. One that refers to a file that
is not in the package is refused, for readers look for that file beside it. Pure but for those files; only in
the child process.

Source: https://datapackage.org/standard/glossary/#profile and https://json-schema.org/specification.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple, cast
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

from jsonschema import SchemaError
from jsonschema.validators import Draft202012Validator, extend, validator_for
from jsonschema_specifications import REGISTRY
from referencing import Registry, Resource
from referencing.exceptions import NoSuchResource, Unresolvable
from referencing.jsonschema import DRAFT202012, specification_with

from couchreg.errors import BadRequest
from couchreg.package.paths import path_fault, plain_path
from couchreg.package.referring import MOST_FILES
from couchreg.package.text import read_json

_LONGEST = 500  # characters of a message
MOST = 100  # faults of one value that are told
_BASE = "https://package.invalid/"  # where the files are, for references between them: nobody has that host
_folder: ContextVar[str | None] = ContextVar("_folder", default=None)  # of the package that is checked
_REFERRING = ("$ref", "$dynamicRef", "$recursiveRef")
# What may find fault with a value because something else demands nothing of it.
_DOUBTFUL = frozenset(
    ("not", "oneOf", "then", "else", "contains", "unevaluatedProperties", "unevaluatedItems")
)

Faults = Callable[[Any], Iterator[str]]


class BadSchema(ValueError):
    """No JSON Schema, or one that refers to what is not here; the text says which."""


class EndlessSchema(BadSchema):
    """One that nobody can apply: it comes back to itself, or is nested deeper than is looked into."""

    def __init__(self) -> None:
        super().__init__("it refers to itself without end, or is nested too deeply")


class LeadsNowhere(EndlessSchema):
    """One that refers to what should be in the package and is not: nobody can apply it, either."""

    def __init__(self, reference: str) -> None:
        BadSchema.__init__(
            self,
            f"it refers to {reference[:200]!r}, which is not in the package. Put that file into the "
            "package, at this place beside the one that refers to it, or what it says into this one",
        )


@dataclass(slots=True)
class _Elsewhere:
    """References to what is neither in the package nor JSON Schema's own."""

    asked: int = 0
    first: str = field(default="")


@contextmanager
def in_package(folder: str) -> Iterator[None]:
    """Within it, the JSON Schemas of a descriptor may refer to the files of the package in `folder`."""
    before = _folder.set(folder)
    try:
        yield
    finally:
        _folder.reset(before)


def validator(schema: Any, *, folder: str | None = None, path: str | None = None) -> Faults:
    """What is wrong with a value by a JSON Schema, which is the file `path` of the package in `folder`, or,
    without these, a part of the descriptor.

    Raises BadSchema, then or when a value is looked at; of a file, for what is elsewhere, too, when all
    faults are told (of others `leading` tells it).
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
    away, folder = _Elsewhere(), folder or _folder.get()
    registry: Any = cast(Any, Registry)(retrieve=_from(folder, away)).combine(REGISTRY)
    found = _lenient(found, away)
    named = schema.get("$id") if path is None and isinstance(schema, dict) else None
    root = _joined(_BASE, named) if isinstance(named, str) else _BASE + (path or "")
    checker = found({"$ref": root}, registry=registry.with_resource(root, _resource(schema)))
    if isinstance(schema, bool):
        checker = found(schema)

    def faults(value: Any) -> Iterator[str]:
        try:
            for error in islice(checker.iter_errors(value), MOST):
                if away.asked and _DOUBTFUL.intersection(error.absolute_schema_path):
                    continue
                place = "/".join(map(str, error.absolute_path))
                yield f"{_short(error)}{f' at {place}' if place else ''}"
        except Unresolvable as error:
            if folder and not away.asked:
                raise LeadsNowhere(str(error.ref)) from None
            raise BadSchema(f"it refers to {str(error.ref)[:200]!r}, which is not in the package") from None
        except RecursionError:
            raise EndlessSchema from None
        if away.asked and path is not None:
            raise BadSchema(
                f"it refers to {away.first[:200]!r}, which is not in the package; "
                "what it says itself was applied"
            )

    return faults


class Leading(NamedTuple):
    """Where a schema of a descriptor leads: the first address that is elsewhere, and the first path of a file
    that is not in the package, or holds no JSON."""

    elsewhere: str | None
    absent: str | None


def leading(schema: Any) -> Leading:
    """Of a schema, and of the files of the package to which it refers, directly or not."""
    elsewhere = absent = None
    retrieve, met = _from(_folder.get(), _Elsewhere()), set[str]()
    waiting: list[tuple[Any, str]] = [(schema, _BASE)]
    while waiting and len(met) < MOST_FILES:
        own, asked = _addresses(*waiting.pop())
        for address in asked:
            place = urldefrag(address).url
            if place in own or place in met or REGISTRY.get(place) is not None:
                continue
            met.add(place)
            if not place.startswith(_BASE):
                elsewhere = elsewhere or address
                continue
            try:
                waiting.append((retrieve(place).contents, place))
            except NoSuchResource:
                absent = absent or unquote(place.removeprefix(_BASE))
    return Leading(elsewhere, absent)


def _addresses(schema: Any, base: str) -> tuple[set[str], list[str]]:
    """The addresses that the parts of a schema have, and those to which they refer."""
    own, asked = {base}, list[str]()
    left: list[tuple[Any, str]] = [(schema, base)]
    while left:
        value, base = left.pop()
        if isinstance(value, dict):
            stated = value.get("$id")
            base = _joined(base, stated) if isinstance(stated, str) else base
            own.add(urldefrag(base).url)
            asked += [_joined(base, value[word]) for word in _REFERRING if isinstance(value.get(word), str)]
            left += [(item, base) for item in value.values()]
        elif isinstance(value, list):
            left += [(item, base) for item in value]
    return own, asked


def placed(item: Any, path: str) -> Any:
    """A field of a schema that is the file `path`: its `jsonSchema` refers to others from there."""
    constraints = item.get("constraints") if isinstance(item, dict) else None
    shape = constraints.get("jsonSchema") if isinstance(constraints, dict) else None
    if not isinstance(shape, dict) or "/" not in path or not isinstance(shape.get("$id", ""), str):
        return item
    named = {**shape, "$id": _joined(_BASE + path.rpartition("/")[0] + "/", shape.get("$id", ""))}
    return {**item, "constraints": {**item["constraints"], "jsonSchema": named}}


def _joined(base: str, stated: str) -> str:
    try:
        return urljoin(base, stated)
    except ValueError:  # no address
        return base


def _short(error: Any) -> str:
    """The message of an error, in which a long value is cut and not what is said of it."""
    message = str(error.message)
    if len(message) > _LONGEST:
        value = repr(error.instance)
        message = (
            message.replace(value, f"{value[: _LONGEST // 2]}…") if len(value) > _LONGEST // 2 else message
        )
    return message[:_LONGEST]


def _resource(schema: Any) -> Resource[Any]:
    """A schema whose parts are read by its own validator, which its `$schema` has chosen already."""
    if not isinstance(schema, dict) or not isinstance(schema.get("$schema"), str):
        return Resource.from_contents(schema, default_specification=DRAFT202012)
    specification = specification_with(schema["$schema"], default=DRAFT202012)
    return specification.create_resource({key: item for key, item in schema.items() if key != "$schema"})


def _lenient(validator: Any, away: _Elsewhere) -> Any:
    """A validator for which what is elsewhere demands nothing."""

    def passing(inner: Callable[..., Iterator[Any]]) -> Callable[..., Iterator[Any]]:
        def refer(*asked: Any) -> Iterator[Any]:
            before = away.asked
            try:
                yield from inner(*asked)
            except Unresolvable:
                if away.asked == before:
                    raise

        return refer

    known = validator.VALIDATORS
    return extend(validator, {word: passing(known[word]) for word in _REFERRING if word in known})


def _from(folder: str | None, away: _Elsewhere) -> Callable[[str], Resource[Any]]:
    def retrieve(uri: str) -> Resource[Any]:
        path = plain_path(unquote(urlsplit(uri).path).lstrip("/"))
        if not uri.startswith(_BASE):
            away.asked += 1
            away.first = away.first or uri
            raise NoSuchResource(uri)
        if folder is None or path_fault(path):
            raise NoSuchResource(uri)
        try:
            contents = read_json(Path(folder, path).read_bytes())
        except (OSError, BadRequest):
            raise NoSuchResource(uri) from None
        return Resource.from_contents(contents, default_specification=DRAFT202012)

    return retrieve
