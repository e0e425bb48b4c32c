"""What a row of the registry door's route table says."""

from typing import NamedTuple

from couchreg.auth.policy import Rule
from couchreg.auth.tokens import Scope
from couchreg.http.registry.frame.describing import Answers, Body, Parameter
from couchreg.http.registry.frame.parameters import NOTHING


class Route(NamedTuple):
    method: str
    path: str
    operation: str
    rule: Rule
    summary: str = ""
    answers: Answers = NOTHING
    query: tuple[Parameter, ...] = ()
    body: Body | None = None
    scope: Scope | None = None
    package_in_body: bool = False  # where the package stands that a token has to be good for
    in_registry: bool = True  # of use to those only who may read the database `registry`
    signed: bool = False  # the address itself is the proof of who may use it

    @property
    def needs(self) -> Scope:
        """The scope of a token that this takes: to read for GET, everything where nothing is said."""
        return self.scope or (Scope.READ if self.method == "GET" else Scope.ADMIN)
