"""Comparing a reply with what CouchDB answered: the first difference as a sentence, or None."""

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from tests.conformance.wire import BODY_KINDS, Reply, decode, expand, plain_type


def _is_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_text(value: Any, pattern: str = ".+") -> bool:
    return isinstance(value, str) and re.fullmatch(pattern, value, re.DOTALL) is not None


def _is_seq(value: Any) -> bool:
    return _is_text(value) or _is_int(value)


KINDS: dict[str, Callable[[Any], bool]] = {
    "any": lambda v: True,
    "string": _is_text,
    "int": _is_int,
    "number": lambda v: _is_int(v) or isinstance(v, float),
    "bool": lambda v: isinstance(v, bool),
    "object": lambda v: isinstance(v, dict),
    "array": lambda v: isinstance(v, list),
    "seq": _is_seq,
    "null_or_seq": lambda v: v is None or _is_seq(v),
    "uuid": lambda v: _is_text(v, "[0-9a-f]{32}"),
    "rev": lambda v: _is_text(v, "[1-9][0-9]*-[0-9a-f]{32}"),
    "etag": lambda v: _is_text(v, '(W/)?"[^"]+"'),
}
# Of attachments: CouchDB's policy, and that no page is shown of them at all.
STRICTER = "sandbox; default-src 'none'"
_CORS = ("methods", "headers")
_SETS = {"allow", "access-control-expose-headers", *(f"access-control-allow-{what}" for what in _CORS)}


def show(value: Any, limit: int = 160) -> str:
    text = repr(value)
    return text if len(text) <= limit else text[:limit] + "…"


def difference(expected: Any, actual: Any, path: str = "body") -> str | None:
    """The first difference between two JSON values, wildcards of `expected` honoured."""
    if isinstance(expected, dict):
        return _object_difference(expected, actual, path)
    if isinstance(expected, list):
        return _array_difference(expected, actual, path)
    if type(expected) is type(actual):
        close = isinstance(expected, float) and math.isclose(expected, actual, rel_tol=1e-12)
        if close or expected == actual:
            return None
    return f"{path}: want {show(expected)}, got {show(actual)}"


def _object_difference(expected: dict[str, Any], actual: Any, path: str) -> str | None:
    if "$match" in expected:
        kind = expected["$match"]
        return None if KINDS[kind](actual) else f"{path}: want any {kind}, got {show(actual)}"
    if "$prefix" in expected:
        begins = isinstance(actual, str) and actual.startswith(expected["$prefix"])
        return None if begins else f"{path}: want text beginning {expected['$prefix']!r}, got {show(actual)}"
    if "$unordered" in expected:
        return _unordered_difference(expected["$unordered"], actual, path)
    wanted = expected.get("$partial", expected)
    if not isinstance(actual, dict):
        return f"{path}: want an object, got {show(actual)}"
    return _member_difference(wanted, actual, path, partial="$partial" in expected)


def _member_difference(
    wanted: dict[str, Any], actual: dict[str, Any], path: str, *, partial: bool
) -> str | None:
    for key, value in wanted.items():
        if key not in actual:
            return f"{path}: no member {key!r} (want {show(value)})"
        if found := difference(value, actual[key], f"{path}.{key}"):
            return found
    extra = [] if partial else sorted(set(actual) - set(wanted))
    return f"{path}: unexpected member {extra[0]!r} = {show(actual[extra[0]])}" if extra else None


def _array_difference(expected: list[Any], actual: Any, path: str) -> str | None:
    if not isinstance(actual, list):
        return f"{path}: want an array, got {show(actual)}"
    for index, (want, got) in enumerate(zip(expected, actual, strict=False)):
        if found := difference(want, got, f"{path}[{index}]"):
            return found
    if len(expected) != len(actual):
        return f"{path}: want {len(expected)} elements, got {len(actual)}"
    return None


def _unordered_difference(expected: list[Any], actual: Any, path: str) -> str | None:
    if not isinstance(actual, list) or len(actual) != len(expected):
        return f"{path}: want {len(expected)} elements in any order, got {show(actual)}"
    left = list(actual)
    for index, want in enumerate(expected):
        equal = next((got for got in left if difference(want, got) is None), None)
        if equal is None:
            return f"{path}: nothing equals element {index} {show(want)}; left over: {show(left)}"
        left.remove(equal)
    return None


def _cookie_shape(header: str) -> dict[str, Any]:
    """What is comparable of a Set-Cookie header: no values, no times."""
    first, *attributes = (piece.strip() for piece in header.split(";"))
    name, _, value = first.partition("=")
    keys = [
        a.split("=")[0].lower() if a.lower().startswith(("expires=", "path=", "max-age=")) else a.lower()
        for a in attributes
    ]
    return {"name": name, "empty": value in ("", '""'), "attributes": sorted(keys)}


def _comparable_headers(reply: Reply, base_url: str) -> dict[str, Any]:
    """The reply's headers in the form in which they were recorded."""
    headers: dict[str, Any] = dict(reply.headers)
    if "content-type" in headers:
        headers["content-type"] = plain_type(headers["content-type"])
    if headers.get("location", "").startswith("/"):
        headers["location"] = "/".join(base_url.split("/")[:3]) + headers["location"]
    for name in headers.keys() & _SETS:
        headers[name] = ",".join(sorted(item.strip() for item in headers[name].split(",")))
    if headers.get("content-security-policy") == STRICTER:
        headers["content-security-policy"] = "sandbox"
    if reply.cookies:
        headers["set-cookie"] = _cookie_shape(reply.cookies[0])
    return headers


def check(
    recorded: Mapping[str, Any], reply: Reply, variables: Mapping[str, str], base_url: str
) -> str | None:
    """The first difference between a recorded response and a reply, or None."""
    if reply.status != recorded["status"]:
        return f"status: want {recorded['status']}, got {reply.status} {show(reply.body[:200])}"
    expected = expand(recorded, variables)
    headers = _comparable_headers(reply, base_url)
    for name, value in expected.get("headers", {}).items():
        if name not in headers:
            return f"header {name}: want {show(value)}, got none"
        if found := difference(value, headers[name], f"header {name}"):
            return found
    return _body_difference(expected, reply)


def _body_difference(expected: Mapping[str, Any], reply: Reply) -> str | None:
    kind = next((kind for kind in BODY_KINDS if kind in expected), None)
    if kind is None:
        return f"body: want none, got {show(reply.body[:200])}" if reply.body.strip() else None
    try:
        _, actual = decode(reply.body, reply.headers.get("content-type", ""), kind)
    except (ValueError, KeyError) as error:
        return f"body: not readable as {kind} ({error}): {show(reply.body[:200])}"
    return difference(expected[kind], actual)
