"""ExpressionWriter as Python's. Pure.

What is written holds names that were made here, operations by their names, and literals as `repr` has them;
nothing else of a function's text gets into it.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

from couchreg.designdocs.translation.grammar import FunctionNode, SyntaxNode
from couchreg.designdocs.translation.names import ScopedNames, Variable
from couchreg.designdocs.translation.operations import INHERITED
from couchreg.designdocs.translation.tokens import NotTranslated

LONGEST: Final = 100  # links of one chain of operations


class WrittenCode(NamedTuple):
    """Python's text, and what it gives: boolean, string, number, object or anything."""

    code: str
    kind: str = "any"


class KnownArray(NamedTuple):
    """An array through which a loop goes: Python's name for it, and the variable that counts its items."""

    array: SyntaxNode
    root: Variable
    items: str
    counter: Variable


_COMPARISONS: Final = {"<": "less", ">": "greater", "<=": "most", ">=": "least"}
_ARITHMETIC: Final = {"+": "add", "-": "subtract", "*": "times", "/": "divide", "%": "modulo"}
_TESTS: Final = {
    "string": "type({}) is str",
    "boolean": "type({}) is bool",
    "number": "type({}) in NUMBERS",
    "undefined": "({}) is UNDEFINED",
    "object": "typeof({}) == 'object'",
}
# Methods: the operation, the fewest and the most arguments, and what it gives.
_METHODS: Final = {
    "indexOf": ("find", 1, 1, "number"),
    "includes": ("includes", 1, 1, "boolean"),
    "startsWith": ("starts", 1, 1, "boolean"),
    "endsWith": ("ends", 1, 1, "boolean"),
    "toLowerCase": ("lower", 0, 0, "string"),
    "toUpperCase": ("upper", 0, 0, "string"),
    "trim": ("trim", 0, 0, "string"),
    "split": ("split", 1, 1, "any"),
    "join": ("join", 1, 1, "string"),
    "slice": ("slice_", 1, 2, "any"),
    "substring": ("position", 1, 2, "string"),
    "charAt": ("character", 1, 1, "string"),
    "hasOwnProperty": ("own", 1, 1, "boolean"),
}
_WITH_FUNCTIONS: Final = {
    "forEach": "each", "map": "mapped", "filter": "filtered", "some": "some", "every": "every",
}  # fmt: skip


class ExpressionWriter:
    """Writes expressions. `define` writes a function before the statement and gives its Python name."""

    def __init__(self, names: ScopedNames, define: Callable[[FunctionNode], str], *, emits: bool) -> None:
        self._names = names
        self._define = define
        self._emits = emits
        self._temporary = 0
        self.known: list[KnownArray] = []
        self.members: set[str] | None = set()  # of the first parameter, where no others count
        self.first: Variable | None = None

    def value(self, node: SyntaxNode) -> WrittenCode:
        found: WrittenCode = getattr(self, f"_{node.kind}")(*node.parts)
        return found

    def code(self, node: SyntaxNode) -> str:
        return self.value(node).code

    def test(self, node: SyntaxNode) -> str:
        """What Python holds true where JavaScript does."""
        while node.kind == "group":
            [node] = node.parts
        if node.kind == "binary" and node.parts[0] in ("&&", "||"):
            mark, left, right = node.parts
            return f"({self.test(left)} {'and' if mark == '&&' else 'or'} {self.test(right)})"
        return self._true(self.value(node))

    def _true(self, piece: WrittenCode) -> str:
        if piece.kind in ("boolean", "string", "number"):
            return piece.code
        name = self._new()
        return f"(({name} := {piece.code}) or type({name}) in CONTAINERS)"

    def _new(self) -> str:
        self._temporary += 1
        return f"t{self._temporary}"

    # -- literals and names

    def _literal(self, value: Any) -> WrittenCode:
        kind = {str: "string", bool: "boolean", int: "number", float: "number"}.get(type(value), "any")
        return WrittenCode(repr(value), kind)

    def _group(self, inner: SyntaxNode) -> WrittenCode:
        return self.value(inner)

    def _name(self, name: str) -> WrittenCode:
        variable = self._names.find(name)
        if variable is None:
            if name == "undefined":
                return WrittenCode("UNDEFINED")
            raise NotTranslated(f"the name {name}")
        if variable.kind == "function":
            raise NotTranslated("a function as a value")
        if variable is self.first:
            self.members = None
        return WrittenCode(variable.python, "object" if variable.is_object else "any")

    def _array(self, items: Sequence[SyntaxNode]) -> WrittenCode:
        return WrittenCode(f"[{', '.join(map(self.code, items))}]", "object")

    def _object(self, members: Sequence[tuple[str, SyntaxNode]]) -> WrittenCode:
        pairs = (f"{name!r}: {self.code(value)}" for name, value in members)
        return WrittenCode(f"{{{', '.join(pairs)}}}", "object")

    # -- members

    def _member(self, of: SyntaxNode, name: str) -> WrittenCode:
        if name in INHERITED:
            raise NotTranslated(f"the member {name}")
        if name == "length":
            return WrittenCode(f"length({self.code(of)})")
        variable = self.variable(of)
        if variable is not None and variable.is_object:
            if variable is self.first and self.members is not None:
                self.members.add(name)
            return WrittenCode(f"{variable.python}.get({name!r}, UNDEFINED)")
        return WrittenCode(f"get({self.code(of)}, {name!r})")

    def variable(self, node: SyntaxNode) -> Variable | None:
        """The variable that is all there is to an expression."""
        return self._names.find(node.parts[0]) if node.kind == "name" else None

    def root(self, node: SyntaxNode) -> Variable | None:
        """The variable at the beginning of a chain of members, None where it is no such chain."""
        while node.kind == "member":
            node = node.parts[0]
        return self.variable(node)

    def _index(self, of: SyntaxNode, at: SyntaxNode) -> WrittenCode:
        counter = self.variable(at)
        for known in self.known:
            if known.counter is counter and known.array == of and self.root(of) is known.root:
                return WrittenCode(f"{known.items}[{known.counter.python}]")
        if at.kind == "literal" and type(at.parts[0]) is str:
            return self._member(of, at.parts[0])
        return WrittenCode(f"index({self.code(of)}, {self.code(at)})")

    # -- operators

    def _unary(self, mark: str, of: SyntaxNode) -> WrittenCode:
        if mark == "!":
            return WrittenCode(f"(not {self.test(of)})", "boolean")
        if mark == "typeof":
            return WrittenCode(f"typeof({self.code(of)})", "string")
        if of.kind == "literal" and type(of.parts[0]) in (int, float):
            return WrittenCode(f"(-{of.parts[0]!r})", "number")
        return WrittenCode(f"negated({self.code(of)})", "number")

    def _choice(self, test: SyntaxNode, then: SyntaxNode, other: SyntaxNode) -> WrittenCode:
        tested, first, second = self.test(test), self.value(then), self.value(other)
        kind = first.kind if first.kind == second.kind else "any"
        return WrittenCode(f"({first.code} if {tested} else {second.code})", kind)

    def _binary(self, mark: str, left: SyntaxNode, right: SyntaxNode) -> WrittenCode:
        self._check_chain(mark, left)
        if mark in ("&&", "||"):
            return self._either(mark, left, right)
        if mark in ("===", "!==", "==", "!="):
            code = self._compared(left, right, is_strict=len(mark) == 3)
            return WrittenCode(f"(not {code})" if mark[0] == "!" else code, "boolean")
        if mark in _COMPARISONS:
            return WrittenCode(f"{_COMPARISONS[mark]}({self.code(left)}, {self.code(right)})", "boolean")
        if mark == "in":
            return WrittenCode(f"has({self.code(left)}, {self.code(right)})", "boolean")
        kind = "any" if mark == "+" else "number"
        return WrittenCode(f"{_ARITHMETIC[mark]}({self.code(left)}, {self.code(right)})", kind)

    def _check_chain(self, mark: str, left: SyntaxNode) -> None:
        links = 0
        while left.kind == "binary":
            left = left.parts[1]
            links += 1
        if links > LONGEST:
            raise NotTranslated(f"a long chain of {mark}")

    def _either(self, mark: str, left: SyntaxNode, right: SyntaxNode) -> WrittenCode:
        """The value of the one or of the other."""
        first = self.value(left)
        name = self._new()
        bare = first.kind in ("boolean", "string", "number")
        tested = f"({name} := {first.code})" + ("" if bare else f" or type({name}) in CONTAINERS")
        second = self.value(right)
        then, other = (second.code, name) if mark == "&&" else (name, second.code)
        return WrittenCode(
            f"({then} if {tested} else {other})", first.kind if first.kind == second.kind else "any"
        )

    def _compared(self, left: SyntaxNode, right: SyntaxNode, *, is_strict: bool) -> str:
        for one, other in ((left, right), (right, left)):
            found = self._with_literal(one, other, is_strict=is_strict)
            if found is not None:
                return found
        operation = "identical" if is_strict else "equal"
        return f"{operation}({self.code(left)}, {self.code(right)})"

    def _with_literal(self, one: SyntaxNode, literal: SyntaxNode, *, is_strict: bool) -> str | None:
        """Comparisons with what is known, where that is shorter."""
        is_undefined = literal == SyntaxNode("name", ("undefined",)) and self._names.find("undefined") is None
        if literal.kind != "literal" and not is_undefined:
            return None
        value = None if is_undefined else literal.parts[0]
        if one.kind == "unary" and one.parts[0] == "typeof" and type(value) is str:
            test = _TESTS.get(value, "nothing({})")
            return f"({test.format(self.code(one.parts[1]))})"
        while one.kind == "group":
            [one] = one.parts
        # Nothing is written that is not used: what is written twice at each link of a chain never ends.
        if one.kind == "literal":
            return None
        if not is_strict and value is None:
            name = self._new()
            return f"(({name} := {self.code(one)}) is None or {name} is UNDEFINED)"
        if is_strict and (value is None or type(value) is bool):
            known = "UNDEFINED" if is_undefined else repr(value)
            return f"({self.code(one)} is {known})"
        if is_strict and type(value) is str:
            return f"({self.code(one)} == {value!r})"
        return None

    # -- calls

    def _call(self, callee: SyntaxNode, arguments: Sequence[SyntaxNode]) -> WrittenCode:
        if callee.kind == "member":
            return self._method(callee.parts[0], callee.parts[1], arguments)
        if callee.kind != "name":
            raise NotTranslated("what is called")
        variable = self._names.find(callee.parts[0])
        if variable is not None:
            if variable.kind != "function":
                raise NotTranslated("what is called")
            if len(arguments) > variable.arity:
                raise NotTranslated("more arguments than parameters")
            return WrittenCode(f"{variable.python}({', '.join(map(self.code, arguments))})")
        if callee.parts[0] == "emit" and self._emits:
            return self._emit([self.code(one) for one in arguments])
        if callee.parts[0] == "isArray" and len(arguments) == 1:
            return WrittenCode(f"is_array({self.code(arguments[0])})", "boolean")
        raise NotTranslated(f"the function {callee.parts[0]}")

    def _emit(self, codes: list[str]) -> WrittenCode:
        if len(codes) > 2:
            raise NotTranslated("more than a key and a value")
        codes += ["UNDEFINED"] * (2 - len(codes))
        return WrittenCode(f"(emit(({', '.join(codes)})) or UNDEFINED)")

    def _method(self, of: SyntaxNode, name: str, arguments: Sequence[SyntaxNode]) -> WrittenCode:
        if of.kind == "name" and self._names.find(of.parts[0]) is None:
            return self._static(of.parts[0], name, arguments)
        if name == "push" and len(arguments) == 1:
            return WrittenCode(f"push({self.changed(of, 'array')}, {self.code(arguments[0])})", "number")
        if name in _WITH_FUNCTIONS and len(arguments) == 1 and arguments[0].kind == "function":
            value = self.code(of)
            operation = _WITH_FUNCTIONS[name]
            kind = "boolean" if name in ("some", "every") else "any"
            return WrittenCode(f"{operation}({value}, {self._define(arguments[0].parts[0])})", kind)
        operation, fewest, most, kind = _METHODS.get(name, ("", 1, 0, ""))
        if not fewest <= len(arguments) <= most:
            raise NotTranslated(f"the method {name}")
        return WrittenCode(f"{operation}({', '.join([self.code(of), *map(self.code, arguments)])})", kind)

    def _static(self, of: str, name: str, arguments: Sequence[SyntaxNode]) -> WrittenCode:
        if len(arguments) == 1 and (of, name) == ("Array", "isArray"):
            return WrittenCode(f"is_array({self.code(arguments[0])})", "boolean")
        if len(arguments) == 1 and (of, name) == ("Object", "keys"):
            return WrittenCode(f"keys({self.code(arguments[0])})", "object")
        raise NotTranslated(f"{of}.{name}")

    def _function(self, _: FunctionNode) -> WrittenCode:
        raise NotTranslated("a function as a value")

    def changed(self, of: SyntaxNode, kind: str) -> str:
        """A variable whose value is changed from within: one that the function itself has made."""
        variable = self.variable(of)
        if variable is None or variable.must_be not in (None, kind):
            raise NotTranslated("what is changed from within")
        variable.must_be = kind
        return variable.python
