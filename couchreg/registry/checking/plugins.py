"""The types and the reading of this room, as frictionless is to use them.

After each registration of a plugin frictionless looks for others among all modules that could be imported,
which takes longer than to check a small table. So ours are registered once, when this is imported, and every
check has a reading of its own behind them. Imported in child processes only.
"""

from typing import Any

from frictionless import Plugin, system

from couchreg.registry.checking.fields import StandardFields
from couchreg.registry.checking.reading import StandardReading


class _Reading(Plugin):
    """Hands on to the reading of the check that is under way."""

    def __init__(self) -> None:
        self.current = StandardReading()

    def create_loader(self, resource: Any) -> Any:
        return self.current.create_loader(resource)

    def create_parser(self, resource: Any) -> Any:
        return self.current.create_parser(resource)


_reading = _Reading()
system.register("standard-fields", StandardFields())
system.register("standard-reading", _reading)


def standard_reading() -> StandardReading:
    """What frictionless reads with from now on; it has read nothing so far. One check at a time."""
    _reading.current = StandardReading()
    return _reading.current
