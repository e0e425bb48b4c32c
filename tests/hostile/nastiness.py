"""Values that cost a careless reader much: JSON texts of a given size, header values, query values."""

import json
from collections.abc import Callable
from random import Random
from typing import Any

Text = Callable[[Random, int], str]


def _repeated(unit: str) -> Text:
    return lambda chance, size: unit * max(1, size // len(unit))


def _listed(unit: str) -> Text:
    return lambda chance, size: "[" + ",".join([unit] * max(1, size // (len(unit) + 1))) + "]"


def _nested(begin: str, middle: str, end: str) -> Text:
    def make(chance: Random, size: int) -> str:
        depth = max(1, size // (len(begin) + len(end)))
        return begin * depth + middle + end * depth

    return make


def _members(name: Callable[[int], str], value: str = "1") -> Text:
    def make(chance: Random, size: int) -> str:
        count = max(1, size // (len(name(0)) + len(value) + 8))
        return "{" + ",".join(f'"{name(number)}":{value}' for number in range(count)) + "}"

    return make


# JSON whose cost is in its shape. What is no JSON at all is among it.
SHAPES: tuple[Text, ...] = (
    _nested("[", "", "]"),
    _nested('{"a":', "1", "}"),
    _nested('[{"a":', "1", "}]"),
    _repeated("["),
    _listed("[]"),
    _listed("{}"),
    _listed('""'),
    _listed('{"a":1}'),
    _listed('["a","b"]'),
    _listed("1"),
    _listed("1.5"),
    _listed("1e-400"),
    _listed("5e-324"),
    _listed("1" * 30),
    _listed("1" * 5000),
    _listed("0.0000000000000000000000000001"),
    _listed("-0.0"),
    _listed('"\\ud83d\\ude00"'),
    _listed('"\\ud800"'),
    _listed('"\\u0000"'),
    _listed('"a:b:c"'),
    _members(lambda number: "a"),
    _members(lambda number: f"k{number}"),
    _members(lambda number: "a.b.c" * 3 + str(number)),
    _members(lambda number: f"k{number}", "[]"),
    lambda chance, size: '"' + "a" * size + '"',
    lambda chance, size: '"' + '\\"' * (size // 2) + '"',
    lambda chance, size: '"' + ":" * size + '"',
    lambda chance, size: '"' + "\\u0001" * (size // 6) + '"',
    lambda chance, size: '"' + "\\" * size,
    lambda chance, size: '{"a":1,"a":' + "[" * (size // 2) + "]" * (size // 2) + "}",
    lambda chance, size: " " * size,
    lambda chance, size: "1" * size,
    lambda chance, size: "-" + "9" * size,
    lambda chance, size: "1e-" + "0" * size + "1",
    lambda chance, size: "0." + "0" * size + "1",
    lambda chance, size: "1" * 30 + "," + '"' * size,
)

REGEXES = (
    "(a+)+$",
    "(a|a)*b",
    "(.*)*x",
    "^(([a-z])+.)+[A-Z]([a-z])+$",
    "(x+x+)+y",
    "a" * 9000,
    "(" * 500 + ")" * 500,
    "[",
)
OPERATORS = ("$eq", "$ne", "$lt", "$gt", "$lte", "$gte", "$in", "$nin", "$all", "$exists", "$type", "$mod")
OPERATORS += ("$regex", "$size", "$beginsWith", "$text", "$elemMatch", "$allMatch", "$keyMapMatch", "$not")
OPERATORS += ("$and", "$or", "$nor", "$default", "$where", "$x")
FIELDS = ("_id", "_rev", "title", "name", "resources", "description", "couchreg", "x.y.z", "resources.0.name")


def selector(chance: Random, size: int) -> Any:
    """A selector of about so many bytes."""
    return chance.choice(_SELECTORS)(chance, size)


def _many(operator: str) -> Callable[[Random, int], Any]:
    def make(chance: Random, size: int) -> Any:
        inner = {chance.choice(FIELDS): _condition(chance)}
        return {operator: [inner] * max(1, size // 40)}

    return make


def _condition(chance: Random) -> Any:
    operator = chance.choice(OPERATORS)
    argument = chance.choice([1, "a", None, True, [1, 2], {"a": 1}, [2, 0], [], {}, 10**30, "(a+)+$"])
    return {operator: chance.choice(REGEXES) if operator == "$regex" else argument}


def _deep(chance: Random, size: int) -> Any:
    found: Any = {"a": 1}
    for _ in range(min(size // 12, 900)):
        found = {chance.choice(["a", "$not", "b" * 20]): found}
    return found


def _mixed(chance: Random, size: int) -> Any:
    found: list[Any] = [{"a": _condition(chance)}]
    for _ in range(size // 30):
        kind, pair = chance.choice(["$and", "$or", "$nor", "$not", "f"]), found[-2:]
        found.append({kind: found[-1]} if kind in ("$not", "f") else {kind: pair})
        if len(json.dumps(found[-1])) > size:
            break
    return found[-1]


def _below(operator: str) -> Callable[[Random, int], Any]:
    """A long path, which all conditions share that stand below it."""

    def make(chance: Random, size: int) -> Any:
        path = ".".join([chance.choice(["a", "ab", "resources"])] * (size // 8))
        return {path: {operator: [_condition(chance)] * max(1, size // 60)}}

    return make


_SELECTORS: tuple[Callable[[Random, int], Any], ...] = (
    _many("$and"),
    _many("$or"),
    _many("$nor"),
    _below("$and"),
    _below("$or"),
    lambda chance, size: {"a": {"$elemMatch": _below("$nor")(chance, size)}},
    _deep,
    _mixed,
    lambda chance, size: {chance.choice(FIELDS): _condition(chance)},
    lambda chance, size: {"_id": {"$in": [f"x{number}" for number in range(size // 8)]}},
    lambda chance, size: {"resources": {"$in": list(range(size // 6))}},
    lambda chance, size: {"resources": {"$all": [[number] for number in range(size // 6)]}},
    lambda chance, size: {"$and": [{"description": {"$regex": chance.choice(REGEXES)}}] * min(60, size)},
    lambda chance, size: {"$or": [{f"f{n}": {"$regex": "(a+)+$"}} for n in range(min(60, size))]},
    lambda chance, size: {"a" * size: {"$or": [{f"b{number}": 1} for number in range(size // 12)]}},
    lambda chance, size: {".".join("a" * (size // 2)): 1},
    lambda chance, size: {"\\." * (size // 2): 1},
    lambda chance, size: {f"k{number}": number for number in range(size // 12)},
    lambda chance, size: {"resources": {"$elemMatch": {"name": {"$regex": "(a+)+$"}}}},
)


def fields(chance: Random, size: int) -> Any:
    """A list for `fields`."""
    return chance.choice(
        [
            ["a" * size],
            [".".join("a" * (size // 2))],
            ["\\." * (size // 2)],
            ["a.b"] * (size // 6),
            [f"resources.{number}" for number in range(size // 16)],
            [".".join(["a"] * 50)] * max(1, size // 100),
            [["a"]],
            [],
        ]
    )


# Header values that scanners read again and again.
HEADERS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        "Accept",
        (
            '"',
            'a/b;q="',
            "a/b;",
            "a/b,",
            ",",
            ";",
            "application/ld+json;profile=",
            '"\\',
            ";a=b",
            "*/*,",
            " ",
            "\\",
        ),
    ),
    ("Accept-Encoding", ("gzip,", "gzip;q=0.1;", ";", ",", " ")),
    ("Range", ("bytes=0-1,", "1-2,", "-", ",", "bytes=", "9", " ")),
    ("If-None-Match", ('"a",', 'W/"', '"', ",", "*,", " ", "W/")),
    ("If-Match", ('"a",', 'W/"', '"', ",", "1-a")),
    ("If-Modified-Since", ("Mon, ", "9", " ", "(")),
    ("If-Range", ('"a"', " ", "9")),
    (
        "Content-Type",
        (
            "application/json;",
            ";a=b",
            ';a="',
            "multipart/related;boundary=",
            '"',
            "\\",
            ";",
            " ",
            ";  a",
            ';a="\\',
        ),
    ),
    ("Content-Disposition", (";a=b", '"', ";", "filename*=UTF-8''%")),
    ("Authorization", ("Basic ", "A", "=", "Bearer ", ".", "e30.", " ", "Basic YTpi")),
    ("Cookie", ("AuthSession=", "a=b;", ";", "=", '"', " ")),
    ("X-Forwarded-For", ("1.1.1.1,", ",", "::,", "[", " ")),
    ("X-Forwarded-Host", ("a,", ",", "[")),
    ("Host", ("a", ".", "[:", ":", "a:1")),
    ("Origin", ("http://a", ",", "null")),
    ("Access-Control-Request-Headers", ("a,", ",", " ")),
    ("X-Couch-Request-ID", ("a", " ")),
    ("Last-Event-ID", ("1", "9", "-")),
    ("Destination", ("a", "%41", "?rev=", "/", "http://")),
    ("Content-Encoding", ("gzip", ",", " ")),
    ("Content-MD5", ("A", "=")),
    ("X-Auth-CouchDB-UserName", ("a", ",")),
    ("X-Auth-CouchDB-Roles", ("a,", ",", " ")),
    ("X-Anything", ("a", " ", "\t", '"', "\\", "é")),
)
KNOWN_VALUES = {
    "Accept": (
        "*/*",
        "application/ld+json",
        "multipart/mixed",
        "multipart/related",
        "text/html",
        "application/json",
    ),
    "Accept-Encoding": ("gzip", "identity"),
    "Range": ("bytes=0-0", "bytes=0-", "bytes=-5", "bytes=0-1,2-3,4-", "bytes=99999999999999999999-"),
    "If-None-Match": ("*", '"x"'),
    "Authorization": ("Basic YWRtaW46d3Jvbmc=", "Basic !", "Bearer x.y.z", "Bearer couchreg_x"),
    "Content-Encoding": ("gzip", "br"),
}
