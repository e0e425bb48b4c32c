"""What a descriptor is given that nobody has written, or not to its end, from a browser. Pure.

Whoever drops a picture, a paper and a table means to publish all three, and has said under which name.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from couchreg.package.contents import choose_files
from couchreg.package.names import slug


def with_other_files(text: str, paths: Sequence[str], longest: int) -> str:
    """A proposed descriptor with a resource for each file that is no table and goes with no package by
    itself; as it was where it would have more than `longest` bytes."""
    members = json.loads(text)
    resources: list[dict[str, Any]] = members.setdefault("resources", [])
    taken = {resource["name"] for resource in resources}
    for path in choose_files(members, paths).left_out:
        name = _free(slug(path.rpartition("/")[2].partition(".")[0]), taken)
        taken.add(name)
        resources.append({"name": name, "path": path})
    completed = json.dumps(members, indent=2, ensure_ascii=False)
    return completed if len(completed.encode("utf-8", "replace")) <= longest else text


def _free(name: str, taken: Collection[str]) -> str:
    number = 2
    free = name
    while free in taken:
        free, number = f"{name}-{number}", number + 1
    return free


def with_identity(text: str, named: tuple[str, str]) -> str:
    """A descriptor with the name and the version that were said beside it, where it has none; all else stays
    to the letter, and so does what is no JSON object."""
    try:
        members = json.loads(text)
    except (ValueError, RecursionError):
        return text
    if not isinstance(members, Mapping):
        return text
    said = dict(zip(("name", "version"), named, strict=True))
    lacking = [
        f"{json.dumps(member)}: {json.dumps(value)}"
        for member, value in said.items()
        if member not in members
    ]
    if not lacking:
        return text
    before, brace, rest = text.partition("{")
    return f"{before}{brace}\n  {', '.join(lacking)}{',' if members else ''}{rest}"
