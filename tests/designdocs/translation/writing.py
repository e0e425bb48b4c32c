"""Functions and documents of chance, most of which do something."""

# ruff: noqa: E501

import json
import random
import re
from typing import Any, Final

TEXTS: Final = (
    "",
    "a",
    "b",
    "ab",
    "B a",
    "1",
    "10",
    "\u00fc",
    "\U0001f600x",
    "\uffff",
    '"\\\n',
    "undefined",
    "list",
)
NUMBERS: Final = (
    0,
    1,
    2,
    3,
    10,
    -1,
    0.5,
    1.0,
    -0.0,
    1e16,
    1e21,
    1e-7,
    9007199254740992,
    9007199254740993,
    123456.789,
)
NAMES: Final = ("a", "b", "list", "name", "n", "0", "10", "x y", "length", "c")
ODD: Final = 0.06  # how often something is of another kind than where it stands


def document(chance: random.Random) -> str:
    """Its members have the kinds that functions expect, mostly: text, number, list, object, and `a` anything."""
    kinds: dict[str, Any] = {
        "name": lambda: chance.choice(TEXTS),
        "n": lambda: chance.choice(NUMBERS),
        "list": lambda: [value(chance, 2) for _ in range(chance.randrange(5))],
        "c": lambda: {name: value(chance, 1) for name in chance.sample(NAMES, chance.randrange(4))},
        "a": lambda: value(chance, 3),
    }
    members = {}
    for name, make in kinds.items():
        if chance.random() > ODD:
            members[name] = make() if chance.random() > ODD else value(chance, 2)
    return json.dumps({"_id": "d", "_rev": "1-a", **members}, ensure_ascii=False)


def value(chance: random.Random, depth: int) -> Any:
    kind = chance.randrange(9 if depth else 6)
    if kind < 2:
        return chance.choice(TEXTS)
    if kind < 4:
        return chance.choice(NUMBERS)
    if kind < 6:
        return chance.choice((None, True, False))
    if kind == 6:
        return {chance.choice(NAMES): value(chance, depth - 1) for _ in range(chance.randrange(3))}
    return [value(chance, depth - 1) for _ in range(chance.randrange(4))]


# Statements and expressions by their kind: the first few are those without others in them. What stands in
# angles is written in its turn; LAST is what the function is for.
FORMS: Final = {
    "statement": """
        LAST | t = <text>; | i = <number>; | i++; | k = <any>; | if (<test>) { return; } | y.push(<any>); |
        x[<text>] = <any>; | x.b = <any>; | t += <text>; | i += <number>; | --i; | i -= 1; | <any>; |
        if (<test>) throw <any>; | LAST | LAST | if (<test>) { <statement> } | if (<test>) { <statement> LAST } |
        if (<test>) { <statement> <statement> } else { <statement> } | <loop> | <loop> | <loop>""",
    "loop": """
        LAST |
        for (var i = 0; i < doc.list.length; i++) { k = doc.list[i]; <statement> <leave> <statement> } |
        for (let NEW = 0; NEW < doc.list.length; NEW++) { if (doc.list[NEW]) { k = [NEW]; LAST } <statement> } |
        for (var NEW = 0, m = <list>.length; NEW < m; ++NEW) { <statement> <leave> LAST } |
        for (var k in <object>) { <statement> <leave> <statement> } |
        for (const NEW of <list>) { k = NEW; <statement> <leave> <statement> } |
        <list>.forEach(function(NEW, i) { k = NEW; <statement> LAST }); |
        while (i < 3) { i += 1; <statement> <leave> }""",
    "leave": "; | if (<test>) { break; } | if (<test>) { continue; }",
    "any": """
        doc.a | k | doc.list[0] | doc.c.a | doc['n'] | doc.list[i] | doc[t] | undefined | null | doc._id |
        doc | doc.list | x | y | [<any>, <any>] | ({a: <any>, 'b c': <any>, a: 1}) | (<any> && <any>) |
        (<any> || <any>) | (<test> ? <any> : <any>) | f(<any>, <text>) | <text> | <number> | <test> | <list> |
        <object> | <text> | <number>""",
    "text": """
        doc.name | t | doc._id | TEXT | TEXT | (<text> + <text>) | (<text> + <number>) | <text>.toLowerCase() |
        <text>.toUpperCase() | <text>.trim() | <text>.slice(1) | <text>.slice(0, 2) | <text>.substring(1) |
        <text>.charAt(<number>) | <list>.join(<text>) | (<text> || <text>) | typeof <any> | (<text>)[0]""",
    "number": """
        doc.n | i | 0 | 1 | 2 | 0.5 | doc.list.length | t.length | (<number> + <number>) | (<number> - <number>) |
        (<number> * <number>) | (<number> / <number>) | (<number> % <number>) | -(<number>) |
        <text>.indexOf(<text>) | <list>.indexOf(<any>) | <text>.length""",
    "test": """
        doc.a | k | t | i | true | !i | (<any> === <any>) | (<text> == <text>) | (<number> != <number>) |
        (<any> !== <any>) | (<any> == <any>) | (<number> < <number>) | (<text> >= <text>) | (<number> <= 2) |
        (<any> > <number>) | (<any> == null) | (undefined !== <any>) | (<test> && <test>) | (<test> || <test>) |
        !(<any>) | Array.isArray(<any>) | isArray(<any>) | (<text> in <object>) | (<any> === true) |
        typeof <any> === 'string' | typeof <any> != 'object' | typeof <any> === 'function' |
        <object>.hasOwnProperty(<text>) | <list>.includes(<any>) | <text>.includes(<text>) |
        <text>.startsWith(<text>) | <text>.endsWith(<text>) | <list>.some((m) => <test>) |
        <list>.every(function(m) { return <any>; })""",
    "list": """
        doc.list | doc.list | y | [1, 'a', null] | Object.keys(<object>) | <text>.split('a') | <text>.split(<text>) |
        <list>.slice(<number>) | (<list> || []) | <list>.map(function(m, i) { return [m, i, <any>]; }) |
        <list>.filter((m) => m)""",
    "object": "doc | doc.c | x | doc.c | ({a: 1, b: 'x'}) | (<object> || {}) | ({a: <any>})",
}  # fmt: skip
_CHOICES: Final = {kind: [form.strip() for form in re.split(r"\s\|\s", text)] for kind, text in FORMS.items()}
_SIMPLE: Final = {
    "statement": 5,
    "loop": 1,
    "leave": 1,
    "any": 14,
    "text": 5,
    "number": 8,
    "test": 6,
    "list": 4,
    "object": 5,
}


class Writer:
    """Functions, as text. Their variables: text `t`, number `i`, list `y`, object `x`, any `k`."""

    def __init__(self, chance: random.Random, *, last: str) -> None:
        """`last` is a form of a statement: it emits, or throws."""
        self._chance = chance
        self._last = last
        self._new = 0
        self._calls = False  # whether there is a function to call

    def function(self, params: str) -> str:
        inner = ""
        if self._chance.random() < 0.5:
            inner = f"function f(p, q) {{ {self.write('statement', 1)} return {self.write('any', 2)}; }}"
            self._calls = True
        body = " ".join(self.write("statement", 4) for _ in range(self._chance.randrange(2, 6)))
        return f"function({params}) {{ var x = {{a: 1}}, y = [], i = 0, k, t = 'ab'; {inner} {body} }}"

    def write(self, kind: str, depth: int) -> str:
        if kind not in ("statement", "loop", "leave", "any") and self._chance.random() < ODD:
            kind = "any"
        choices = _CHOICES[kind]
        form = self._chance.choice(choices if depth > 0 else choices[: _SIMPLE[kind]])
        if form.startswith("f(") and not self._calls:
            form = "k"
        self._new += 1
        form = form.replace("LAST", self._last).replace("NEW", f"n{self._new}")
        form = form.replace("TEXT", json.dumps(self._chance.choice(TEXTS[:8]), ensure_ascii=False))
        return re.sub("<([a-z]+)>", lambda match: self.write(match[1], depth - 1), form)
