"""Which design documents a server keeps in its databases, and whose rules it holds by itself."""

from pathlib import Path

from couchreg.auth.policy import REGISTRY, USERS
from couchreg.auth.users.design import ID as AUTH
from couchreg.auth.users.design import auth_design
from couchreg.config import CannotStart, Settings
from couchreg.designdocs import folders

SHIPPED = Path(__file__).parents[1] / "design_docs"
LEFT = ((USERS, AUTH),)  # written by `auth`, which lets stand what else is in it


def trusted() -> list[tuple[str, str]]:
    """Databases and the validation functions there whose rules the server holds without running them."""
    registry = folders.read(SHIPPED / REGISTRY / "registry")
    return [
        (USERS, auth_design()["validate_doc_update"]),
        (REGISTRY, registry.members["validate_doc_update"]),
    ]


def folder(settings: Settings) -> Path | None:
    """The folder of the settings, None for none. Raises CannotStart when it is not there."""
    if settings.design_docs in ("", "none"):
        return None
    found = SHIPPED if settings.design_docs == "shipped" else Path(settings.design_docs).expanduser()
    if not found.is_dir():
        raise CannotStart(f"The folder of design documents {found} is not there: see --design-docs.")
    return found
