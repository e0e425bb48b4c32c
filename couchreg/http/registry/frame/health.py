"""How well the parts of a server are, as the door tells it."""

from typing import NamedTuple

OK, WARNING, FAILING = "ok", "warning", "failing"


class HealthPart(NamedTuple):
    """`status`: `ok`, `warning` (it works, and soon may not) or `failing`. `reason` is for operators."""

    name: str
    status: str
    reason: str | None = None


def worst(statuses: list[str]) -> str:
    """Of all the one that says most."""
    return next((one for one in (FAILING, WARNING) if one in statuses), OK)
