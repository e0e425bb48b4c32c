"""Mango selectors: which documents a JSON query means.

Owns the meaning of a selector and CouchDB's words for a wrong one. Does not own indexes, sorting, or
the other options of `_find`. Source: "Selector Syntax" in the CouchDB API reference (`_find`).

A selector is first brought to one form, as CouchDB does, for what it means depends on that: operators
are spelt out, fields are whole paths beside their condition, and negations move inwards as far as they can::

    {"a": {"b": 1, "c": {"$gt": 2}}}     {"$and": [{"a.b": {"$eq": 1}}, {"a.c": {"$gt": 2}}]}
    {"$not": {"a": {"$gt": 2}}}          {"a": {"$lte": 2}}
    {"$nor": [{"a": 1}, {"b": 2}]}       {"$and": [{"a": {"$ne": 1}}, {"b": {"$ne": 2}}]}

So a document without the field `a` matches none of the last two.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from couchreg.errors import BadRequest
from couchreg.model import selector_operators as operators
from couchreg.model.erlang import show
from couchreg.model.work import STEPS, Work

Selector = dict[str, Any]
Test = operators.Test

_DEEPEST: Final = 200
# Characters of all conditions' whole paths together: each is split into its parts, however many share it.
_LONGEST_PATHS: Final = 1_000_000
_EXPRESSIONS: Final = 4_000  # characters of all regular expressions together

# An operator and its opposite: a negation in front of the one is the other.
_OPPOSITES: Final = {"$lt": "$gte", "$lte": "$gt", "$eq": "$ne", "$in": "$nin"}
_OPPOSITES.update({there: here for here, there in list(_OPPOSITES.items())})
_COMBINATIONS: Final = frozenset({"$and", "$or", "$nor"})
_NESTED: Final = frozenset({"$elemMatch", "$allMatch", "$keyMapMatch"})
_UNSUPPORTED: Final = frozenset({"$where", "$geoWithin", "$geoIntersects", "$near", "$nearSphere"})


class SelectorError(BadRequest):
    """A selector that means nothing; `error` is CouchDB's word for the kind of mistake."""


def compile(selector: Any, *, steps: int = STEPS) -> Callable[[dict[str, Any]], bool]:
    """A function that tells whether a document (with its `_id` and `_rev`) is meant.

    Raises SelectorError; the function raises TooMuchWork beyond so many steps.
    """
    return compile_form(normalize(selector), steps=steps)


def compile_form(form: Selector, *, steps: int = STEPS) -> Callable[[dict[str, Any]], bool]:
    """As `compile`, of what `normalize` made. Raises SelectorError for names of fields that are none."""
    work = Work(steps)
    test = _test(form, work)

    def matches(doc: dict[str, Any]) -> bool:
        work.renew()
        return test(doc)

    return matches


def normalize(selector: Any) -> Selector:
    """The one form of a selector, as `_explain` shows it. Raises SelectorError."""
    _check_depth(selector)
    if type(selector) is not dict:
        raise SelectorError(
            f"Selector must be a JSON object, not: {show(selector)}", error="invalid_selector_json"
        )
    if not selector:
        return {}
    form = _push_negations(_push_fields(_spell_out(selector), "", _Room(_LONGEST_PATHS)))
    if "" in form:
        raise SelectorError("One or more conditions is missing a field name.", error="invalid_selector")
    return form


def named_fields(form: Selector) -> Iterator[str]:
    """Every field that a normalized selector asks about, but for those within `$elemMatch` and its like."""
    for name, argument in form.items():
        if name.startswith("$") and type(argument) is list:
            for inner in argument:
                yield from named_fields(inner)
        else:
            yield name


def _check_depth(selector: Any) -> None:
    """What follows, and matching, recurse as deep as the selector with its arguments goes."""
    level = [selector]
    expressions = 0
    for _ in range(_DEEPEST):
        expressions += sum(map(_expression_length, level))
        if expressions > _EXPRESSIONS:
            reason = "The regular expressions of the selector are too long together."
            raise SelectorError(reason, error="invalid_selector")
        level = [inner for value in level if type(value) in (dict, list) for inner in _children(value)]
        if not level:
            return
    raise SelectorError("The selector is nested too deeply.", error="invalid_selector")


def _expression_length(value: Any) -> int:
    text = value.get("$regex") if type(value) is dict else None
    return len(text) if type(text) is str else 0


class _Room:
    """For so many characters."""

    def __init__(self, left: int) -> None:
        self._left = left

    def take(self, characters: int) -> None:
        self._left -= characters
        if self._left < 0:
            raise SelectorError("The fields of the selector are too long.", error="invalid_selector")


def _children(value: Any) -> Iterable[Any]:
    return value.values() if type(value) is dict else value


# -- the first step: operators are spelt out


def _spell_out(value: Any) -> Selector:
    if type(value) is not dict or not value:
        return {"$eq": value}
    if len(value) > 1:
        return {"$and": [_spell_out({name: inner}) for name, inner in value.items()]}
    [(name, argument)] = value.items()
    if not name.startswith("$"):
        return {name: _spell_out(argument)}
    return _spell_operator(name, argument)


def _spell_operator(name: str, argument: Any) -> Selector:
    if name in _COMBINATIONS:
        if type(argument) is not list:
            raise _bad_argument(name, argument)
        return {name: [_spell_out(inner) for inner in argument]}
    if name == "$not" or name in _NESTED:
        if type(argument) is not dict:
            raise _bad_argument(name, argument)
        return {name: _spell_out(argument)}
    if name in _UNSUPPORTED:
        raise SelectorError(f"Unsupported operator: {name}", error="not_supported")
    if name == "$text" and operators.is_text(argument):
        return {"$default": {"$text": argument}}
    if name in ("$beginsWith", "$regex") and type(argument) is not str:
        raise _invalid_operator(name)  # CouchDB's own answer, and not "bad_arg"
    if name != "$default" and name not in operators.ARGUMENTS:
        raise _invalid_operator(name)
    if name in operators.ARGUMENTS and not operators.ARGUMENTS[name](argument):
        raise _bad_argument(name, argument)
    return {name: argument}


def _bad_argument(name: str, argument: Any) -> SelectorError:
    return SelectorError(f"Bad argument for operator {name}: {show(argument)}", error="bad_arg")


def _invalid_operator(name: str) -> SelectorError:
    return SelectorError(f"Invalid operator: {name}", error="invalid_operator")


# -- the second step: each condition gets its whole path


def _push_fields(form: Selector, path: str, room: _Room) -> Selector:
    [(name, argument)] = form.items()
    if name in _COMBINATIONS:
        return {name: [_push_fields(inner, path, room) for inner in argument]}
    if name == "$not":
        return {name: _push_fields(argument, path, room)}
    if name in _NESTED:
        room.take(len(path))
        return {path: {name: _push_fields(argument, "", room)}}
    if name == "$default":
        if path or type(argument) is not dict or list(argument) != ["$text"]:
            raise SelectorError(f"Invalid field normalization on selector: {show(form)}", error="bad_field")
        return form
    if name.startswith("$"):
        room.take(len(path))
        return {path: form}
    if path:
        room.take(len(path) + len(name))  # for the copy that is made
        name = f"{path}.{name}"
    return _push_fields(argument, name, room)


# -- the third step: negations move inwards


def _push_negations(form: Selector) -> Selector:
    [(name, argument)] = form.items()
    if name == "$not":
        return _negate(argument)
    if name == "$nor":
        return {"$and": [_negate(inner) for inner in argument]}
    if name in ("$and", "$or"):
        return {name: [_push_negations(inner) for inner in argument]}
    if name in ("$elemMatch", "$allMatch"):
        return {name: _push_negations(argument)}
    return form


def _negate(form: Selector) -> Selector:
    [(name, argument)] = form.items()
    if name == "$not":
        return _push_negations(argument)
    if name == "$nor":
        return {"$or": [_push_negations(inner) for inner in argument]}
    if name in ("$and", "$or"):
        return {"$or" if name == "$and" else "$and": [_negate(inner) for inner in argument]}
    if name == "$default":
        raise _bad_argument("$not", form)
    if name in _OPPOSITES:
        return {_OPPOSITES[name]: argument}
    if name == "$exists":
        return {name: not argument}
    if name.startswith("$"):
        return {"$not": form}
    return {name: _negate(argument)}


# -- the form as functions


def _test(form: Selector, work: Work) -> Test:
    """What tells whether a value fits a form; inside a field's condition the value is the field's."""
    if not form:
        return lambda value: True
    [(name, argument)] = form.items()
    if name in _COMBINATIONS:
        return operators.combination(name, [_test(inner, work) for inner in argument], work)
    if name == "$not":
        inner = _test(argument, work)
        return lambda value: not inner(value)
    if name in _NESTED:
        return operators.nested(name, _test(argument, work), work)
    if name.startswith("$"):
        return operators.condition(name, argument, work)
    if not name:
        return _test(argument, work)
    return _field(name, argument, work)


def _field(name: str, condition: Selector, work: Work) -> Test:
    path = operators.split(name)
    if "" in path:
        raise SelectorError(f"Invalid field name: {name}", error="invalid_field_name")
    absent = condition == {"$exists": False}
    [(operator, argument)] = condition.items()
    if name == "_id" and operator in operators.BY_BYTES:
        inner = operators.by_bytes(operator, argument, work)
    else:
        inner = _test(condition, work)
    return operators.at(path, inner, work, absent=absent)
