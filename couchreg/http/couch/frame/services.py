"""What every request at the couch door may use: the stores, who asks, settings, counters."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from couchreg.access.known import PrivatePackages
from couchreg.auth.guards.checkpoints import Checkpoints
from couchreg.auth.login.authenticator import Authenticator
from couchreg.auth.policy import USERS
from couchreg.designdocs.functions import Functions
from couchreg.designdocs.mango.catalog import IndexCatalog
from couchreg.designdocs.views.engine import ViewEngine
from couchreg.docstore.attachments.attachments import Attachments
from couchreg.docstore.base import ConfiguredStore
from couchreg.http.couch.frame.background import Background
from couchreg.http.couch.frame.counters import RequestCounters
from couchreg.http.couch.frame.selections import Selections
from couchreg.http.couch.frame.settings import CouchSettings, Sections
from couchreg.http.forwarded import TRUSTING_NONE, Proxies
from couchreg.model.user import User
from couchreg.registry.replicated.incoming import Incoming
from couchreg.replication.replicator import Replicator
from couchreg.turns import Turns

WithOwned = Callable[[User], Awaitable[User]]  # adds the roles `owner:<package>`


async def as_they_are(user: User) -> User:
    return user


def large_answers() -> Turns:
    """For documents that are large, while they are sent."""
    return Turns(4, waiting=16, waiting_of_one=8, what="large documents", retry_after=5)


def large_bodies() -> Turns:
    """For what is made of a large body, which takes ten times its length: one at a time."""
    return Turns(1, waiting=64, waiting_of_one=32, what="large requests", retry_after=5)


@dataclass(slots=True)
class CouchServices:
    """`facts` are settings that the server was started with, as `_config` shows them."""

    store: ConfiguredStore
    attachments: Attachments
    auth: Authenticator
    functions: Functions
    views: ViewEngine
    proxies: Proxies = TRUSTING_NONE
    with_owned: WithOwned = as_they_are
    facts: Sections = field(default_factory=dict)
    replicator: Replicator | None = None
    private: PrivatePackages | None = None  # the packages that are not for everybody
    incoming: Incoming | None = None  # where those who own packages send their documents
    checkpoints: Checkpoints = field(default_factory=Checkpoints)
    catalog: IndexCatalog = field(default_factory=IndexCatalog)
    counters: RequestCounters = field(default_factory=RequestCounters)
    background: Background = field(default_factory=Background)
    resharding: tuple[str, str | None] = ("running", None)  # whether jobs would run, and why not
    large: Turns = field(default_factory=large_answers)
    selections: Selections = field(default_factory=Selections)
    large_bodies: Turns = field(default_factory=large_bodies)
    settings: CouchSettings = field(init=False)

    def meaning(self, name: str) -> str:
        """A database's name, `_users` for the one whose users log in, whatever it is called."""
        return USERS if name == self.auth.options.users_database else name

    def __post_init__(self) -> None:
        self.settings = CouchSettings(self.store.config, self.facts)
