"""Which variable of a Python function stands for which name. Pure.

Each variable of JavaScript has a Python name of its own, so that none hides another.
"""

from dataclasses import dataclass, field

from couchreg.designdocs.translation.tokens import NotTranslated


@dataclass(eq=False)
class Variable:
    """`kind` is param, var, let, const, function or itself; `made` what literal its one value was."""

    python: str
    kind: str
    frame: "Frame"
    is_ready: bool = True
    writes: int = 0
    made: str | None = None
    must_be: str | None = None  # what it has to hold: an array or object that the function itself has made
    is_object: bool = False  # it is known to hold one
    arity: int = 0  # of a function


@dataclass(eq=False)
class Frame:
    """A function that is being written."""

    outer: "Frame | None" = None
    is_declared: bool = False  # it may be called from before its text
    inner: set[Variable] = field(default_factory=set)
    changed: set[Variable] = field(default_factory=set)  # of functions around it


class ScopedNames:
    """The scopes, from the innermost function outwards."""

    def __init__(self) -> None:
        self._scopes: list[dict[str, Variable]] = []
        self._all: list[Variable] = []
        self.frame = Frame()

    def open(self) -> None:
        self._scopes.append({})

    def close(self) -> None:
        self._scopes.pop()

    def declare(self, name: str, kind: str, *, is_ready: bool = True) -> Variable:
        """In the innermost scope. Of parameters and `var` one name is one variable."""
        known = self._scopes[-1].get(name)
        if known is not None:
            if kind == "var" and known.kind in ("param", "var"):
                return known
            raise NotTranslated(f"{name} is declared twice")
        made = Variable(f"v{len(self._all)}", kind, self.frame, is_ready)
        self._all.append(made)
        self._scopes[-1][name] = made
        return made

    def begin(self, name: str) -> Variable:
        """What `let` or `const` declares in the innermost scope, from its declaration on."""
        found = self._scopes[-1][name]
        found.is_ready = True
        return found

    def find(self, name: str) -> Variable | None:
        """The variable that a name means here. Raises NotTranslated for one that might not have begun."""
        for scope in reversed(self._scopes):
            if name in scope:
                found = scope[name]
                self._check(found)
                return found
        return None

    def _check(self, found: Variable) -> None:
        if not found.is_ready or found.kind == "itself":
            raise NotTranslated("a name before its declaration")
        if found.kind not in ("let", "const"):
            return
        frame: Frame | None = self.frame
        while frame is not None and frame is not found.frame:
            if frame.is_declared:
                raise NotTranslated("a name that might not have been declared")
            frame = frame.outer

    def write(self, variable: Variable, made: str | None = None) -> None:
        """A value is given to a variable; `made` if that is an array or object of the function's own."""
        if variable.kind in ("const", "function", "itself") and variable.writes:
            raise NotTranslated("a constant is changed")
        variable.writes += 1
        variable.made = made
        if variable.frame is not self.frame:
            self.frame.changed.add(variable)

    def check(self) -> None:
        """Raises NotTranslated where something is changed that might be somebody else's."""
        for variable in self._all:
            if variable.must_be is None:
                continue
            if variable.kind == "param" or variable.writes != 1 or variable.made != variable.must_be:
                raise NotTranslated("a value is changed from within")
