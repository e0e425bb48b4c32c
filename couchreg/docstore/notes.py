"""What the server writes down for itself beside a database: the part of the port that says so."""

from collections.abc import Callable, Hashable
from typing import Any, Protocol

NoteChange = Callable[[Any], Any]  # None stands for no note


class Notes(Protocol):
    """What the server writes down for itself beside a database, under names of its own: checkpoints and
    problems of followers beside `registry`, tokens beside `_users`. They go with the database, no client
    reads or writes them, and they do not replicate."""

    async def read(self, name: str) -> Any:
        """A JSON value, None where there is none. Raises NotFound when the database is gone."""

    async def write(self, name: str, value: Any) -> None:
        """Returns when it is on disk; None removes the note. Raises NotFound when the database is gone."""

    async def change(self, name: str, change: NoteChange) -> Any:
        """Make something else of a note that others change as well; what it has become. `change` is given
        what is there, and may be asked again. What it raises leaves the note as it is."""

    async def state(self, kind: str) -> Hashable:
        """Another one whenever notes of a kind may have been changed by other processes; the kind is what
        stands before the first ":" of a name."""

    async def names(self, front: str) -> list[str]: ...  # those that begin so, in order

    async def all(self, front: str) -> dict[str, Any]:
        """The values of those that begin so, by name. Raises NotFound when the database is gone."""
