"""What a row of the registry door's route table says."""

from typing import NamedTuple

from couchreg.auth.policy import Rule
from couchreg.auth.tokens import Scope
from couchreg.http.registry.frame.describing import Answers, DescribedBody, Parameter
from couchreg.http.registry.frame.parameters import NOTHING


class Route(NamedTuple):
    method: str
    path: str
    operation: str
    rule: Rule
    summary: str = ""
    answers: Answers = NOTHING
    query: tuple[Parameter, ...] = ()
    body: DescribedBody | None = None
    scope: Scope | None = None
    package_in_body: bool = False  # where the package stands that a token has to be good for
    in_registry: bool = True  # of use to those only who may read the database `registry`
    slashed: bool = False  # answers with a slash behind its path, too
    signed: bool = False  # the address itself is the proof of who may use it
    free: bool = False  # for everybody, also where everybody has to log in, and not counted
    front: bool = False  # for everybody, also where everybody has to log in
    cookie: bool = False  # for people: the cookie of a login at the pages says who asks
    scripted: bool = False  # the same for scripts of pages, with the page's token in a header

    @property
    def needs(self) -> Scope:
        """The scope of a token that this takes: to read for GET, everything where nothing is said."""
        return self.scope or (Scope.READ if self.method == "GET" else Scope.ADMIN)

    @property
    def takes_cookie(self) -> bool:
        """Whether a browser's cookie counts: at the forms of pages and for their scripts, which prove by a
        token that they are ours, and where packages are read. No other route is to be had by what a browser
        sends of itself."""
        return self.cookie or self.scripted or (self.method == "GET" and self.in_registry)
