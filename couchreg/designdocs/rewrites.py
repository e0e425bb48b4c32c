"""The rules of `rewrites`: which one a request meets, and where it leads. Pure.

What rules say: https://docs.couchdb.org/en/stable/api/ddoc/rewrites.html. What a function says instead of
rules is checked here as well.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote, quote_plus

from couchreg.errors import Failure, NotFound
from couchreg.model import json

EVERYTHING: Final = "*"
UP: Final = ".."
UPS: Final = 2  # out of the design document; one more would lead out of the database
JSON_KEYS: Final = frozenset({"key", "startkey", "start_key", "endkey", "end_key", "keys"})
SAFE: Final = "/%:@!$&'()*+,;=~"  # of a path that a function gives

Pairs = Sequence[tuple[str, Any]]


@dataclass(frozen=True, slots=True)
class RewriteRule:
    """One rule. Steps that begin with a colon take a part of the path, `*` all that is left."""

    method: str
    source: tuple[str, ...]
    target: tuple[str, ...]
    query: Mapping[str, Any]
    formats: Mapping[str, Any]


def rules_of(value: Sequence[Any], *, secure: bool) -> list[RewriteRule]:
    """The rules of a design document. Raises Failure in CouchDB's words for a target that is none, and,
    where rules have to be `secure`, for one outside of the database."""
    return [_rule(item, secure) for item in value if isinstance(item, Mapping)]


def _rule(item: Mapping[str, Any], secure: bool) -> RewriteRule:
    if not isinstance(item.get("to"), str):
        raise Failure("invalid_rewrite_target", error="error")
    target = _steps(item["to"])
    if secure and target.count(UP) > UPS:
        raise Failure("too many ../.. segments", error="insecure_rewrite_rule")
    query, formats = item.get("query"), item.get("formats")
    return RewriteRule(
        method=str(item.get("method", EVERYTHING)),
        source=_steps(item["from"]) if isinstance(item.get("from"), str) else (EVERYTHING,),
        target=target,
        query=query if isinstance(query, Mapping) else {},
        formats=formats if isinstance(formats, Mapping) else {},
    )


def _steps(path: str) -> tuple[str, ...]:
    return tuple(step for step in path.split("/") if step)


# -- where a request goes


def target_of(
    rules: Iterable[RewriteRule], method: str, parts: Sequence[str], query: Pairs
) -> tuple[str, str]:
    """The path, relative to the design document, and the query string that the first fitting rule says.

    `parts` are those of the path behind `_rewrite`; `query` has JSON values for keys. Raises NotFound.
    """
    for rule in rules:
        if rule.method not in (EVERYTHING, method):
            continue
        met = _met(rule.source, parts)
        if met is not None:
            return _resolved(rule, *met, query)
    raise NotFound("missing")


def _met(source: Sequence[str], parts: Sequence[str]) -> tuple[list[tuple[str, Any]], Sequence[str]] | None:
    """What the steps of a rule take of a path, and what is left for `*`; None if they do not fit."""
    taken: list[tuple[str, Any]] = []
    for place, step in enumerate(source):
        if step == EVERYTHING and place == len(source) - 1:
            return taken, parts[place:]
        if place >= len(parts):
            return None
        if step.startswith(":"):
            taken.insert(0, (step[1:], parts[place]))
        elif step != parts[place]:
            return None
    return (taken, ()) if len(source) == len(parts) else None


def _resolved(rule: RewriteRule, taken: Pairs, rest: Sequence[str], query: Pairs) -> tuple[str, str]:
    known: dict[str, Any] = {}
    for name, value in (*taken, *query):
        known.setdefault(name, value)
    own = {name: _filled(value, known, rule.formats) for name, value in rule.query.items()}
    others = [pair for pair in (*taken, *query) if pair[0] not in own]
    every = {**known, **own}
    steps: list[str] = []
    for step in rule.target:
        if step == EVERYTHING:
            steps += rest
            break
        steps.append(_text(every.get(step[1:], "undefined")) if step.startswith(":") else step)
    pairs = [*own.items(), *reversed(others)]
    return "/".join(map(_quoted, steps)), query_string(
        [(name, _parameter(name, value)) for name, value in pairs if name != EVERYTHING]
    )


def _filled(value: Any, known: Mapping[str, Any], formats: Mapping[str, Any]) -> Any:
    """A value of a rule's query, with what `:name` stands for."""
    if isinstance(value, list):
        return [_variable(item, known, formats) if isinstance(item, str) else item for item in value]
    return _variable(value, known, formats) if isinstance(value, str) else value


def _variable(text: str, known: Mapping[str, Any], formats: Mapping[str, Any]) -> Any:
    if not text.startswith(":"):
        return text
    name = text[1:]
    return _formatted(known.get(name, text), formats.get(name))


def _formatted(value: Any, kind: Any) -> Any:
    if kind == "int" and isinstance(value, str):
        digits = value.removeprefix("-")
        return int(value) if digits.isascii() and digits.isdigit() and len(digits) < 1000 else value
    if kind == "bool" and isinstance(value, str):
        return {"true": True, "false": False}.get(value.lower(), value)
    return value


def _parameter(name: str, value: Any) -> str:
    return json.encode(value).decode() if name in JSON_KEYS else _text(value)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.encode(value).decode()


def _quoted(step: str) -> str:
    return quote_plus(step, errors="surrogateescape")


def query_string(pairs: Iterable[tuple[str, str]]) -> str:
    return "&".join(f"{_quoted(name)}={_quoted(value)}" for name, value in pairs)


def joined(database: str, design: str, path: str) -> str:
    """A path relative to a design document as one of the server, without dots and empty steps."""
    found: list[str] = []
    for step in [quote(database, safe=""), "_design", quote(design, safe=""), *path.split("/")]:
        if step == UP:
            if found and found[-1] != UP:
                found.pop()
            else:
                found.append(step)
        elif step not in ("", "."):
            found.append(step)
    return "/" + "/".join(found)


# -- what a function says


def check_answer(found: Any) -> dict[str, Any]:
    """What a rewrite function gave, as an object. Raises Failure (rewrite_error) in CouchDB's words."""
    if not isinstance(found, dict):
        raise _refused("bad rewrite")
    for name, value in found.items():
        if name in ("method", "path", "body") and not isinstance(value, str):
            raise _refused(f"bad {name}")
        if name in ("headers", "query"):
            _check_texts(name, value)
        if name == "code" and (type(value) is not int or not 200 <= value < 600):
            raise _refused("bad code")
    if "code" not in found and "path" not in found:
        raise _refused("Rewrite result must produce a new path.")
    return found


def _check_texts(name: str, value: Any) -> None:
    if not isinstance(value, dict):
        raise _refused(f"bad {name}")
    for key, item in value.items():
        if not isinstance(item, str):
            shown = json.encode(item).decode()
            raise _refused(f'object key/value must be strings <<"{key}">>={shown}')


def _refused(reason: str) -> Failure:
    return Failure(reason, error="rewrite_error")


def spelt(path: str) -> tuple[str, str]:
    """A function's path as it may stand in a request line, and the query string that it may have."""
    bare, _, query = path.partition("?")
    return quote(bare, safe=SAFE, errors="replace"), quote(query, safe=SAFE + "?", errors="replace")
