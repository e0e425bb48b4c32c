"""Functions and statements: the part of JavaScript's grammar that is translated. Pure.

What is taken may still be no JavaScript (a name declared twice): whoever uses a translation has asked the
engine whether the text is a function.
Source: https://tc39.es/ecma262/multipage/ecmascript-language-statements-and-declarations.html
"""

from collections.abc import Callable
from typing import Final

from couchreg.designdocs.translation.grammar import MUTATED, ExpressionParser, FunctionNode, SyntaxNode, node
from couchreg.designdocs.translation.tokens import NotTranslated, tokens

_STATEMENTS: Final = frozenset({"if", "while", "for", "return", "throw", "break", "continue"})


def parsed(source: str) -> FunctionNode:
    """A function. Raises NotTranslated."""
    parser = _Parser(tokens(source))
    found = parser.function_value()
    if found is None or parser.token.kind != "end":
        raise NotTranslated("it is no function alone")
    return found


class _Parser(ExpressionParser):
    # -- functions

    def function_value(self) -> FunctionNode | None:
        """A function or an arrow, if one begins here."""
        if self._take("function"):
            name = None if self._is("(") else self._name()
            return self._function(name)
        if not self._is_arrow():
            return None
        params = self._params() if self._is("(") else [self._name()]
        if self.token.after_newline:
            raise NotTranslated("a line that ends before an arrow")
        self._need("=>")
        scope = FunctionNode(None, params, [], [], [])
        self._scopes.append(scope)
        if self._is("{"):
            self._block(scope.body)
        else:
            scope.body.append(node("return", self._expression()))
        self._scopes.pop()
        return scope

    def _is_arrow(self) -> bool:
        at = self._at
        if self._words[at].kind == "name":
            return self._words[at + 1][:2] == ("mark", "=>")
        if not self._is("("):
            return False
        while self._words[at][:2] != ("mark", ")"):
            at += 1
            if self._words[at].kind == "end":
                return False
        return self._words[at + 1][:2] == ("mark", "=>")

    def _function(self, name: str | None) -> FunctionNode:
        scope = FunctionNode(name, self._params(), [], [], [])
        self._scopes.append(scope)
        self._deeper(lambda: self._block(scope.body))
        self._scopes.pop()
        return scope

    def _params(self) -> list[str]:
        found: list[str] = []
        self._need("(")
        while not self._take(")"):
            found.append(self._name())
            if not self._is(")"):
                self._need(",")
        if len(set(found)) != len(found):
            raise NotTranslated("two parameters of one name")
        return found

    def _block(self, into: list[SyntaxNode]) -> list[SyntaxNode]:
        self._need("{")
        while not self._take("}"):
            if self._is("function"):
                self._declared(into)
            else:
                into.append(self._statement())
        return into

    def _declared(self, into: list[SyntaxNode]) -> None:
        """A function that is declared: only among the statements of a function itself."""
        if into is not self._scopes[-1].body:
            raise NotTranslated("a function in a block")
        self._need("function")
        name = self._name()
        if any(known.name == name for known in self._scopes[-1].functions):
            raise NotTranslated("two functions of one name")
        self._scopes[-1].functions.append(self._function(name))

    # -- statements

    def _statement(self) -> SyntaxNode:
        found: SyntaxNode = self._deeper(self._one_statement)
        return found

    def _one_statement(self) -> SyntaxNode:
        if self._is("{"):
            return node("block", self._block([]))
        if self._take(";"):
            return node("block", [])
        if self.token.kind == "name":
            word = self.token.text
            if word in ("var", "let", "const"):
                found = self._declaration()
                self._ends()
                return found
            if word in _STATEMENTS:
                self._at += 1
                parse: Callable[[], SyntaxNode] = getattr(self, f"_{word}_statement")
                return parse()
        found = self._effect()
        self._ends()
        return found

    def _declaration(self) -> SyntaxNode:
        kind = self.token.text
        self._at += 1
        found = []
        while True:
            name = self._name()
            value = self._expression() if self._take("=") else None
            if kind == "var":
                self._scopes[-1].names.append(name)
            if value is not None or kind != "var":
                self._changed[-1].add(name)
            found.append(node("declare", kind, name, value))
            if not self._take(","):
                return node("several", found)

    def _if_statement(self) -> SyntaxNode:
        test = self._bracketed()
        then = self._statement()
        return node("if", test, then, self._statement() if self._take("else") else None)

    def _while_statement(self) -> SyntaxNode:
        return self._loop(lambda: node("while", self._bracketed(), self._statement()))

    def _loop(self, parse: Callable[[], SyntaxNode]) -> SyntaxNode:
        self._changed.append(set())
        found = parse()
        changed = self._changed.pop()
        self._changed[-1] |= changed
        return found

    def _for_statement(self) -> SyntaxNode:
        self._need("(")
        if self._is("var", "let", "const") and self._words[self._at + 2].text in ("in", "of"):
            return self._loop(self._over)
        first = None
        if not self._is(";"):
            first = self._declaration() if self._is("var", "let", "const") else self._effect()
        self._need(";")
        return self._loop(lambda: self._counted(first))

    def _counted(self, first: SyntaxNode | None) -> SyntaxNode:
        test = None if self._is(";") else self._expression()
        self._need(";")
        after = None if self._is(")") else self._effect()
        self._changed.append(set())
        self._need(")")
        body = self._statement()
        changed = self._changed.pop()  # by the statements, without what counts
        self._changed[-1] |= changed
        return node("for", first, test, after, body, frozenset(changed))

    def _over(self) -> SyntaxNode:
        """`for (var x in …)` and `for (var x of …)`."""
        kind = self.token.text
        self._at += 1
        name = self._name()
        if kind == "var":
            self._scopes[-1].names.append(name)
        self._changed[-1].add(name)
        way = self.token.text
        self._at += 1
        over = self._expression()
        self._need(")")
        body = self._statement()
        if way == "in" and MUTATED in self._changed[-1]:
            raise NotTranslated("what changes while its names are gone through")
        return node("over", way, kind, name, over, body)

    def _return_statement(self) -> SyntaxNode:
        value = None if self._is(";", "}") or self.token.after_newline else self._expression()
        self._ends()
        return node("return", value)

    def _throw_statement(self) -> SyntaxNode:
        if self.token.after_newline:
            raise NotTranslated("a line that ends after `throw`")
        value = self._expression()
        self._ends()
        return node("throw", value)

    def _break_statement(self) -> SyntaxNode:
        self._ends()
        return node("break")

    def _continue_statement(self) -> SyntaxNode:
        self._ends()
        return node("continue")

    def _effect(self) -> SyntaxNode:
        """An expression as a statement, or an assignment."""
        if self._is("++", "--"):
            mark = self.token.text
            self._at += 1
            value = node("literal", 1)
            return self._set(self._unary(), "+=" if mark == "++" else "-=", value, counts=True)
        target = self._expression()
        if self._is("++", "--") and not self.token.after_newline:
            mark = self.token.text
            self._at += 1
            return self._set(target, "+=" if mark == "++" else "-=", node("literal", 1), counts=True)
        if self._is("=", "+=", "-="):
            mark = self.token.text
            self._at += 1
            return self._set(target, mark, self._expression())
        return node("effect", target)

    def _set(self, target: SyntaxNode, mark: str, value: SyntaxNode, *, counts: bool = False) -> SyntaxNode:
        if target.kind == "name":
            self._changed[-1].add(target.parts[0])
        elif target.kind in ("member", "index") and mark == "=":
            self._changed[-1].add(MUTATED)
        else:
            raise NotTranslated("what is assigned to")
        return node("set", target, mark, value, counts)
