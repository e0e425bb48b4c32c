"""couchreg: a registry for data packages that replicates like CouchDB. See `DESIGN.md` beside this file.

    with couchreg.Client() as client:
        print(client.versions("gdp"))

`Client` is a registry for programs; all that goes wrong is a ClientError. The other errors are kinds of it.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from couchreg.client.errors import (
        AlreadyPublished,
        ClientError,
        Damaged,
        Invalid,
        Missing,
        NotAllowed,
        Unreachable,
        UsageError,
    )
    from couchreg.client.facade import Client

__version__ = "0.1.0"
__all__ = [
    "AlreadyPublished",
    "Client",
    "ClientError",
    "Damaged",
    "Invalid",
    "Missing",
    "NotAllowed",
    "Unreachable",
    "UsageError",
    "__version__",
]


def __getattr__(name: str) -> Any:
    """The client is imported when it is asked for: the server and `--version` need none."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = "couchreg.client.facade" if name == "Client" else "couchreg.client.errors"
    return getattr(import_module(module), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
