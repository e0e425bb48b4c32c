"""FunctionWriter and functions as Python's. Pure."""

from collections.abc import Sequence
from typing import Any, Final

from couchreg.designdocs.translation.expressions import ExpressionWriter, KnownArray
from couchreg.designdocs.translation.grammar import MUTATED, FunctionNode, SyntaxNode
from couchreg.designdocs.translation.names import Frame, ScopedNames
from couchreg.designdocs.translation.tokens import NotTranslated

NAME: Final = "translated"  # of the function that is written
LONGEST: Final = 64 << 10  # characters that are written
_STEP: Final = 64  # characters that are paid for as one step


class FunctionWriter:
    """Writes one function and those in it. `lines` is its text, whose first parameter is `emit`."""

    def __init__(self, *, emits: bool, objects: Sequence[int]) -> None:
        """`objects` are the places of the parameters that hold an object in any case."""
        self.lines: list[str] = []
        self._names = ScopedNames()
        self.expressions = ExpressionWriter(self._names, self._callback, emits=emits)
        self._objects = objects
        self._level = 0
        self._size = 0
        self._functions = 0
        self._after: list[list[str]] = []  # of the loops around: what comes before the next turn
        self._has_declared = False

    def write(self, scope: FunctionNode) -> None:
        self._has_declared = bool(scope.functions)
        self._function(NAME, scope, is_outermost=True)
        self._names.check()

    # -- functions

    def _callback(self, scope: FunctionNode) -> str:
        """An inline function, which is called with an item, its place and the array."""
        name = self._fresh("c")
        self._function(name, scope, least=3)
        return name

    def _fresh(self, letter: str) -> str:
        self._functions += 1
        return f"{letter}{self._functions}"

    def _function(
        self,
        name: str,
        scope: FunctionNode,
        *,
        least: int = 0,
        is_outermost: bool = False,
        is_declared: bool = False,
    ) -> None:
        names = self._names
        outer, after = names.frame, self._after
        names.frame, self._after = Frame(outer, is_declared), []
        names.open()
        if scope.name is not None and not is_declared:
            names.declare(scope.name, "itself")
            names.open()
        params = [names.declare(param, "param") for param in scope.params]
        if is_outermost:
            self._prepare(scope, params)
        codes = [f"{param.python}=UNDEFINED" for param in params]
        codes += [f"p{place}=UNDEFINED" for place in range(len(params), least)]
        if is_outermost:
            codes.insert(0, "emit")
        head = len(self.lines)
        self._line(f"def {name}({', '.join(codes)}):")
        self._level += 1
        self._body(scope)
        self._pay(head)
        self._level -= 1
        changed = sorted(variable.python for variable in names.frame.changed)
        if changed:
            self.lines.insert(head + 1, "    " * (self._level + 1) + f"nonlocal {', '.join(changed)}")
        for variable in names.frame.changed:
            if variable.frame is not outer:
                outer.changed.add(variable)
        names.close()
        if scope.name is not None and not is_declared:
            names.close()
        names.frame, self._after = outer, after

    def _prepare(self, scope: FunctionNode, params: Sequence[Any]) -> None:
        changed = _written(scope)
        for place in self._objects:
            if place < len(params) and scope.params[place] not in changed:
                params[place].is_object = True
                if place == 0:
                    self.expressions.first = params[0]
        if self.expressions.first is None:
            self.expressions.members = None

    def _body(self, scope: FunctionNode) -> None:
        names = self._names
        known = set(scope.params)
        declared = [(names.declare(inner.name or "", "function"), inner) for inner in scope.functions]
        for variable, inner in declared:
            variable.python, variable.arity = self._fresh("f"), len(inner.params)
            names.write(variable)
        made = [names.declare(name, "var") for name in dict.fromkeys(scope.names) if name not in known]
        if made:
            self._line(f"{' = '.join(variable.python for variable in made)} = UNDEFINED")
        for variable, inner in declared:
            self._has_declared = True
            self._function(variable.python, inner, is_declared=True)
        self._block(scope.body)
        self._line("return UNDEFINED")

    # -- lines

    def _line(self, text: str) -> None:
        self._size += len(text) + self._level
        if self._size > LONGEST:
            raise NotTranslated("its length")
        self.lines.append("    " * self._level + text)

    def _pay(self, head: int, paid: int = 0) -> None:
        """Have everything from the line `head` on paid for, each time that what it begins is gone through:
        the more is written there, the more it may do at once. Something was `paid` before."""
        price = 1 + sum(len(line.lstrip()) for line in self.lines[head:]) // _STEP - paid
        if price > 0:
            self.lines.insert(head + 1, "    " * self._level + f"spend({price})")

    def _block(self, statements: Sequence[SyntaxNode]) -> None:
        """FunctionWriter with a scope of their own."""
        self._names.open()
        for statement in statements:
            for one in statement.parts[0] if statement.kind == "several" else ():
                if one.parts[0] != "var":
                    self._names.declare(one.parts[1], one.parts[0], is_ready=False)
        for statement in statements:
            self._statement(statement)
        self._names.close()

    def _inner(self, statement: SyntaxNode) -> None:
        """A statement of its own level, which may be nothing."""
        self._level += 1
        before = len(self.lines)
        self._block(statement.parts[0] if statement.kind == "block" else [statement])
        if len(self.lines) == before:
            self._line("pass")
        self._level -= 1

    def _statement(self, node: SyntaxNode) -> None:
        getattr(self, f"_{node.kind}")(*node.parts)

    def _several(self, statements: Sequence[SyntaxNode]) -> None:
        for statement in statements:
            self._statement(statement)

    def _effect(self, value: SyntaxNode) -> None:
        if value.kind == "literal":
            return  # "use strict": what it forbids is not translated anyhow
        self._line(self.expressions.code(value))

    def _declare(self, kind: str, name: str, value: SyntaxNode | None) -> None:
        code = None if value is None else self.expressions.code(value)
        scope = self._names
        variable = scope.begin(name) if kind != "var" else scope.find(name)
        if variable is None or variable.kind == "function":
            raise NotTranslated(f"{name} is declared twice")
        if code is None and kind == "var":
            return
        scope.write(variable, None if value is None or value.kind not in ("array", "object") else value.kind)
        self._line(f"{variable.python} = {code or 'UNDEFINED'}")

    def _set(self, target: SyntaxNode, mark: str, value: SyntaxNode, counts: bool = False) -> None:
        expressions = self.expressions
        if target.kind != "name":
            return self._put(target, value)
        variable = self._names.find(target.parts[0])
        if variable is None or (variable.is_object and mark != "="):
            raise NotTranslated("what is assigned to")
        code = expressions.code(value)
        if mark != "=":
            # `++` makes a number, `+=` may make a text.
            operation = "subtract" if mark == "-=" else "add_number" if counts else "add"
            code = f"{operation}({variable.python}, {code})"
        self._names.write(variable, value.kind if mark == "=" and value.kind in ("array", "object") else None)
        self._line(f"{variable.python} = {code}")
        return None

    def _put(self, target: SyntaxNode, value: SyntaxNode) -> None:
        of, at = target.parts
        if target.kind == "member":
            if at == "length":
                raise NotTranslated("a length that is set")
            code, kind = repr(at), "object"
        else:
            code, kind = self.expressions.code(at), self._kind(of)
        self._line(f"put({self.expressions.changed(of, kind)}, {code}, {self.expressions.code(value)})")

    def _kind(self, of: SyntaxNode) -> str:
        """What a variable was made as, for `x[y] = …`."""
        variable = self.expressions.variable(of)
        return (variable.made if variable is not None else None) or "object"

    # -- ways through

    def _if(self, test: SyntaxNode, then: SyntaxNode, other: SyntaxNode | None) -> None:
        self._line(f"if {self.expressions.test(test)}:")
        self._inner(then)
        if other is not None:
            self._line("else:")
            self._inner(other)

    def _return(self, value: SyntaxNode | None) -> None:
        self._line(f"return {'UNDEFINED' if value is None else self.expressions.code(value)}")

    def _throw(self, value: SyntaxNode) -> None:
        self._line(f"throw({self.expressions.code(value)})")

    def _break(self) -> None:
        if not self._after:
            raise NotTranslated("`break` outside of a loop")
        self._line("break")

    def _continue(self) -> None:
        if not self._after:
            raise NotTranslated("`continue` outside of a loop")
        for line in self._after[-1]:
            self._line(line)
        self._line("continue")

    def _while(self, test: SyntaxNode, body: SyntaxNode) -> None:
        self._line(f"while {self.expressions.test(test)}:")
        self._turns(None, body)

    def _turns(self, after: SyntaxNode | None, body: SyntaxNode, *, free: bool = False) -> None:
        """The body of a loop, whose first line has just been written. Each turn costs something: one step
        has been paid for all turns of a `free` one."""
        head = len(self.lines) - 1
        self._after.append([] if after is None else self._aside(after))
        self._inner(body)
        self._level += 1
        for line in self._after.pop():
            self._line(line)
        self._pay(head, paid=int(free))
        self._level -= 1

    def _aside(self, statement: SyntaxNode) -> list[str]:
        """The lines of a statement, with the names that it has here."""
        before, level = len(self.lines), self._level
        self._level = 0
        self._statement(statement)
        self._level = level
        found = self.lines[before:]
        del self.lines[before:]
        return found

    def _for(
        self,
        first: SyntaxNode | None,
        test: SyntaxNode | None,
        after: SyntaxNode | None,
        body: SyntaxNode,
        changed: frozenset[str],
    ) -> None:
        self._names.open()
        for one in first.parts[0] if first is not None and first.kind == "several" else ():
            if one.parts[0] != "var":
                self._names.declare(one.parts[1], one.parts[0], is_ready=False)
        if first is not None:
            self._statement(first)
        if not self._through(first, test, after, body, changed):
            self._line(f"while {'True' if test is None else self.expressions.test(test)}:")
            self._turns(after, body)
        self._names.close()

    def _through(
        self,
        first: SyntaxNode | None,
        test: SyntaxNode | None,
        after: SyntaxNode | None,
        body: SyntaxNode,
        changed: frozenset[str],
    ) -> bool:
        """`for (i = 0; i < array.length; i++)` where neither changes: written as a loop through the array."""
        counter = _counter(first)
        if counter is None or self._has_declared or changed & {MUTATED, counter} or test is None:
            return False
        if test.kind != "binary" or test.parts[0] != "<" or test.parts[1] != SyntaxNode("name", (counter,)):
            return False
        size = test.parts[2]
        if size.kind != "member" or size.parts[1] != "length":
            return False
        if after is None or after.kind != "set" or after.parts[:2] != (test.parts[1], "+="):
            return False
        if not _is(after.parts[2], 1):
            return False
        array, name = size.parts[0], _root(size.parts[0])
        variable, root = self._names.find(counter), self.expressions.root(array)
        if variable is None or root is None or name in changed or root is variable:
            return False
        self._names.write(variable)
        items = self._fresh("s")
        size_name = self._fresh("n")
        self._line(f"{items} = {self.expressions.code(array)}")
        self._line(f"{size_name} = loop({items})")
        self._line(f"for {variable.python} in range({size_name}):")
        self.expressions.known.append(KnownArray(array, root, items, variable))
        self._turns(None, body, free=True)
        self.expressions.known.pop()
        self._line("else:")
        self._line(f"    {variable.python} = {size_name}")
        return True

    def _over(self, way: str, kind: str, name: str, over: SyntaxNode, body: SyntaxNode) -> None:
        self._names.open()
        if kind != "var":
            self._names.declare(name, kind, is_ready=False)
        code = self.expressions.code(over)
        variable = self._names.find(name) if kind == "var" else self._names.begin(name)
        if variable is None:
            raise NotTranslated(f"the name {name}")
        self._names.write(variable)
        through = "items" if way == "of" else "have"
        self._line(f"for {variable.python} in {through}({code}):")
        self._turns(None, body, free=True)
        self._names.close()


def _counter(first: SyntaxNode | None) -> str | None:
    """The name of what begins at 0, alone."""
    if first is None:
        return None
    if first.kind == "several" and len(first.parts[0]) == 1 and _is(first.parts[0][0].parts[2], 0):
        return str(first.parts[0][0].parts[1])
    if first.kind == "set" and first.parts[0].kind == "name" and first.parts[1] == "=":
        if not _is(first.parts[2], 0):
            return None
        return str(first.parts[0].parts[0])
    return None


def _is(node: SyntaxNode | None, number: int) -> bool:
    return (
        node is not None and node.kind == "literal" and type(node.parts[0]) is int and node.parts[0] == number
    )


def _root(node: SyntaxNode) -> str | None:
    while node.kind == "member":
        node = node.parts[0]
    return str(node.parts[0]) if node.kind == "name" else None


def _written(scope: FunctionNode) -> set[str]:
    """ScopedNames that are given values anywhere in a function, or that are declared again in it."""
    found = set(scope.names)
    todo: list[Any] = [*scope.body, *scope.functions]
    while todo:
        part = todo.pop()
        if isinstance(part, FunctionNode):
            todo += [*part.body, *part.functions]
        elif isinstance(part, SyntaxNode) and part.kind == "set" and part.parts[0].kind == "name":
            found.add(part.parts[0].parts[0])
        if isinstance(part, tuple | list) and not isinstance(part, FunctionNode):
            todo += part
    return found
