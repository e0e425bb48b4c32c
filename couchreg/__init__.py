"""couchreg: a registry for data packages that replicates like CouchDB. See `DESIGN.md` beside this file."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from couchreg.client.facade import Client

__version__ = "0.1.0"
__all__ = ["Client", "__version__"]


def __getattr__(name: str) -> Any:
    """`couchreg.Client` is imported when it is asked for: the server and `--version` need no client."""
    if name == "Client":
        from couchreg.client.facade import Client

        return Client
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
