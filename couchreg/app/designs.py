"""Which design documents a server keeps in its databases, and whose rules it holds by itself."""

from collections.abc import Callable
from pathlib import Path

from couchreg.auth.options import Options
from couchreg.auth.policy import REGISTRY, USERS
from couchreg.auth.users.design import ID as AUTH
from couchreg.auth.users.design import auth_design
from couchreg.config import CannotStart, Settings
from couchreg.designdocs import folders
from couchreg.docstore.base import Config

SHIPPED = Path(__file__).parents[1] / "design_docs"
LEFT = ((USERS, AUTH),)  # written by `auth`, which lets stand what else is in it


def holds(config: Callable[[], Config]) -> Callable[[str, str], bool]:
    """Whether a database and a validation function are such that the server holds its rules without running
    it: in the database of packages, and in the one of users, whatever it is called now."""
    rules = {
        USERS: auth_design()["validate_doc_update"],
        REGISTRY: folders.read(SHIPPED / REGISTRY / "registry").members["validate_doc_update"],
    }
    options = Options(config)

    def held(database: str, source: str) -> bool:
        meaning = USERS if database == options.users_database else database if database == REGISTRY else ""
        return rules.get(meaning) == source

    return held


def folder(settings: Settings) -> Path | None:
    """The folder of the settings, None for none. Raises CannotStart when it is not there."""
    if settings.design_docs in ("", "none"):
        return None
    found = SHIPPED if settings.design_docs == "shipped" else Path(settings.design_docs).expanduser()
    if not found.is_dir():
        raise CannotStart(f"The folder of design documents {found} is not there: see --design-docs.")
    return found
