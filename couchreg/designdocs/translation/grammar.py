"""ExpressionWriter: the tree of a text, and the part of JavaScript's grammar that is translated. Pure.

What is taken may still be no JavaScript (a name declared twice): whoever uses a translation has asked the
engine whether the text is a function. Source: https://tc39.es/ecma262/multipage/ecmascript-language-expressions.html
"""

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from couchreg.designdocs.translation.tokens import NotTranslated, SourceWord

DEEPEST: Final = 40  # levels of nesting
MUTATED: Final = "*"  # in place of a name: something is changed from within
# Words that are no names, and names that mean something else in some places.
_RESERVED = """arguments async await break case catch class const continue debugger default delete do else
enum eval export extends false finally for function get if implements import in instanceof interface let new
null of package private protected public return set static super switch this throw true try typeof undefined
var void while with yield NaN Infinity"""
RESERVED: Final = frozenset(_RESERVED.split())
_LEVELS: Final = (
    frozenset({"||"}),
    frozenset({"&&"}),
    frozenset({"===", "!==", "==", "!="}),
    frozenset({"<", ">", "<=", ">=", "in"}),
    frozenset({"+", "-"}),
    frozenset({"*", "/", "%"}),
)
_LITERALS: Final = {"true": True, "false": False, "null": None}


class SyntaxNode(NamedTuple):
    """A part of the tree."""

    kind: str
    parts: tuple[Any, ...]


class FunctionNode(NamedTuple):
    """A function: its parameters, what `var` declares, functions declared in it, its statements."""

    name: str | None
    params: list[str]
    names: list[str]
    functions: list["FunctionNode"]
    body: list[SyntaxNode]


def _number(text: str) -> float:
    """An integer where it is one: of so many digits that a double holds it."""
    if len(text) > 15:
        raise NotTranslated("a number of many digits")
    value = float(text)
    return int(value) if value.is_integer() else value


def node(kind: str, *parts: Any) -> SyntaxNode:
    return SyntaxNode(kind, parts)


class ExpressionParser:
    """Reads words. What is a function is read by who knows statements."""

    def __init__(self, words: list[SourceWord]) -> None:
        self._words = words
        self._at = 0
        self._depth = 0
        self._scopes: list[FunctionNode] = []
        self._changed: list[set[str]] = [set()]  # names that are given values, of each loop around

    @property
    def token(self) -> SourceWord:
        return self._words[self._at]

    # -- words

    def _is(self, *texts: str) -> bool:
        return self.token.text in texts and self.token.kind in ("mark", "name")

    def _take(self, text: str) -> bool:
        if self._is(text):
            self._at += 1
            return True
        return False

    def _need(self, text: str) -> None:
        if not self._take(text):
            raise NotTranslated(f"{self.token.text!r} where {text!r} is known")

    def _name(self) -> str:
        """A name that may be declared."""
        token = self.token
        if token.kind != "name" or token.text in RESERVED:
            raise NotTranslated(f"the name {token.text!r}")
        self._at += 1
        return token.text

    def _ends(self) -> None:
        """The end of a statement, which may be left out."""
        if not (self._take(";") or self._is("}") or self.token.after_newline):
            raise NotTranslated(f"{self.token.text!r} at the end of a statement")

    def _deeper(self, parse: Callable[[], Any]) -> Any:
        self._depth += 1
        if self._depth > DEEPEST:
            raise NotTranslated("its depth")
        found = parse()
        self._depth -= 1
        return found

    # -- expressions

    def _bracketed(self) -> SyntaxNode:
        self._need("(")
        found = self._expression()
        self._need(")")
        return found

    def _expression(self) -> SyntaxNode:
        found: SyntaxNode = self._deeper(self._choice)
        return found

    def _choice(self) -> SyntaxNode:
        test = self._binary(0)
        if not self._take("?"):
            return test
        then = self._expression()
        self._need(":")
        return node("choice", test, then, self._expression())

    def _binary(self, level: int) -> SyntaxNode:
        if level == len(_LEVELS):
            return self._unary()
        left = self._binary(level + 1)
        while self._is(*_LEVELS[level]):
            mark = self.token.text
            self._at += 1
            left = node("binary", mark, left, self._binary(level + 1))
        return left

    def _unary(self) -> SyntaxNode:
        if self._is("!", "-", "typeof"):
            mark = self.token.text
            self._at += 1
            return node("unary", mark, self._deeper(self._unary))
        return self._postfix(self._primary())

    def _postfix(self, found: SyntaxNode) -> SyntaxNode:
        while True:
            if self._take("."):
                if self.token.kind != "name":
                    raise NotTranslated(f"{self.token.text!r} behind a dot")
                found = node("member", found, self.token.text)
                self._at += 1
            elif self._take("["):
                found = node("index", found, self._expression())
                self._need("]")
            elif self._is("("):
                found = node("call", found, self._arguments())
                if found.parts[0].kind == "member" and found.parts[0].parts[1] == "push":
                    self._changed[-1].add(MUTATED)
            else:
                return found

    def function_value(self) -> FunctionNode | None:
        """A function or an arrow, if one begins here."""
        raise NotImplementedError

    def _arguments(self) -> list[SyntaxNode]:
        found = []
        self._need("(")
        while not self._take(")"):
            function = self.function_value()
            found.append(self._expression() if function is None else node("function", function))
            if not self._is(")"):
                self._need(",")
        return found

    def _primary(self) -> SyntaxNode:
        token = self.token
        self._at += 1
        if token.kind == "string":
            return node("literal", token.text)
        if token.kind == "number":
            return node("literal", _number(token.text))
        if token.kind == "name" and token.text in _LITERALS:
            return node("literal", _LITERALS[token.text])
        if token.kind == "name" and (token.text == "undefined" or token.text not in RESERVED):
            return node("name", token.text)
        if token == SourceWord("mark", "(", token.after_newline):
            found = self._expression()
            self._need(")")
            return node("group", found)
        if token.kind == "mark" and token.text == "[":
            return node("array", self._items("]", self._expression))
        if token.kind == "mark" and token.text == "{":
            return node("object", self._items("}", self._member))
        raise NotTranslated(f"{token.text!r}")

    def _items(self, end: str, parse: Callable[[], Any]) -> list[Any]:
        found = []
        while not self._take(end):
            found.append(parse())
            if not self._is(end):
                self._need(",")
        return found

    def _member(self) -> tuple[str, SyntaxNode]:
        token = self.token
        self._at += 1
        if token.kind not in ("name", "string") or token.text == "__proto__":
            raise NotTranslated("the name of a member")
        if not self._is(":"):
            raise NotTranslated("a member without a value")
        self._need(":")
        return token.text, self._expression()
