"""A function's text as a function of Python, for maps and for validation."""

import re
from collections.abc import Callable, Sequence
from typing import Any, Final

from couchreg.designdocs.translation import methods, operations
from couchreg.designdocs.translation.statements import NAME, FunctionWriter
from couchreg.designdocs.translation.syntax import parsed
from couchreg.designdocs.translation.tokens import NotTranslated
from couchreg.designdocs.translation.values import DEEP, FUEL, UNDEFINED, GivesUp, Thrown, plain_pairs
from couchreg.model import json

_REFUSALS: Final = ("forbidden", "unauthorized")
_ROW: Final = 8  # steps that each row costs
_WORLD: Final = {
    "__builtins__": {"bool": bool, "range": range, "str": str, "type": type},
    "CONTAINERS": operations.CONTAINERS,
    "NUMBERS": operations.NUMBERS,
    "UNDEFINED": UNDEFINED,
    **{operation.__name__: operation for operation in (*operations.OPERATIONS, *methods.METHODS)},
}


class TranslatedMap:
    """A map function. `members` are those of the document that count, None where all may."""

    def __init__(self, source: str) -> None:
        """Raises NotTranslated."""
        self._call, self._takes, self.members = _translated(source, emits=True, objects=(0,))

    def pairs(self, doc: dict[str, Any]) -> list[tuple[Any, Any]]:
        """What it emits for a document, for as many steps as `FUEL` has. Raises GivesUp."""
        found: list[tuple[Any, Any]] = []
        try:
            self._call(found.append, *(doc,)[: self._takes])
        except (Thrown, RecursionError):
            raise GivesUp from None
        FUEL.left -= _ROW * len(found)
        return plain_pairs(found)


class TranslatedRule:
    """A `validate_doc_update`."""

    def __init__(self, source: str) -> None:
        """Raises NotTranslated."""
        self._call, self._takes, _ = _translated(source, emits=False, objects=(0, 2, 3))

    def refusal(self, case: Sequence[Any]) -> tuple[str, str] | None:
        """The word and the reason of a refusal of ``(new, old, user context, security)``, None without one.
        Takes as many steps as `FUEL` has. Raises GivesUp, also where something else is thrown."""
        try:
            self._call(None, *case[: self._takes])
        except Thrown as thrown:
            return _refusal(thrown.value)
        except RecursionError:
            raise GivesUp from None
        return None


def _refusal(thrown: Any) -> tuple[str, str]:
    for word in _REFUSALS:
        if type(thrown) is dict and word in thrown:
            if type(thrown[word]) is not str:
                raise GivesUp
            return word, thrown[word]
    raise GivesUp


def _translated(
    source: str, *, emits: bool, objects: Sequence[int]
) -> tuple[Callable[..., Any], int, frozenset[str] | None]:
    """The function, how many parameters it has, and the members of the first that count.
    Raises NotTranslated."""
    text = re.sub(r";\s*\Z", "", source)
    try:
        statements = FunctionWriter(emits=emits, objects=objects)
        scope = parsed(text)
        statements.write(scope)
        # Written by `statements` from a tree that has been checked: names of its own, literals.
        code = compile("\n".join(statements.lines), "<translated>", "exec")
    except (SyntaxError, RecursionError, MemoryError, OverflowError, ValueError) as error:
        raise NotTranslated(type(error).__name__) from None
    world = dict(_WORLD)
    exec(code, world)  # noqa: S102
    members = statements.expressions.members
    call: Any = world[NAME]
    return call, len(scope.params), None if members is None else frozenset(members)


def is_deep(text: bytes) -> bool:
    """Whether values may be nested so deeply that the engine has no place for them."""
    if text.count(b"[") + text.count(b"{") <= DEEP:
        return False
    level = [json.decode_own(text)]
    for _ in range(DEEP):
        level = [
            inner
            for item in level
            for inner in (item.values() if type(item) is dict else item)
            if type(inner) in (dict, list)
        ]
        if not level:
            return False
    return True
