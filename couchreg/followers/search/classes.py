"""The classes of schema.org and what each is a kind of: a table of names that is shipped with the program.

Source: the relations “subTypeOf” of schema.org 30.0.
"""

import json
from functools import cache
from pathlib import Path

from couchreg.model.jsonld import SCHEMA_ORG

_FILE = Path(__file__).with_name("schema_org.json")


@cache
def _parents() -> tuple[dict[str, list[str]], dict[str, str]]:
    """Class -> its parents, and the name of a class by its lower case."""
    found = json.loads(_FILE.read_bytes())
    names = {parent for parents in found.values() for parent in parents} | set(found)
    return found, {name.casefold(): name for name in names}


def class_of(written: str) -> str | None:
    """The class of schema.org that a type names, by its IRI or its last word; capitals do not matter."""
    local = written
    for start in (SCHEMA_ORG, SCHEMA_ORG.replace("http:", "https:"), "schema:"):
        if written.casefold().startswith(start):
            local = written[len(start) :]
    return _parents()[1].get(local.casefold())


def ancestors(name: str) -> tuple[str, ...]:
    """Everything that a class is a kind of, itself first, the nearest next."""
    parents, _ = _parents()
    found = {name: None}
    todo = [name]
    while todo:
        for parent in parents.get(todo.pop(0), ()):
            if parent not in found:
                found[parent] = None
                todo.append(parent)
    return tuple(found)
