"""Documents of versions with what is long in them left as text.

A descriptor may have many megabytes, nearly all of them data of its resources, or a long context. Whoever
reads a version wants a title, a path, or the whole of it as it stands; so what is long stays the JSON text
that it is (`json.Raw`, which is printed as it stands), found in a pass that makes nothing of it.
"""

from typing import Any, Final

from couchreg.model import json
from couchreg.model.json import Raw
from couchreg.turns import TimeSlice

LARGE: Final = 64 << 10  # bytes of a document above which long members stay text
LONG: Final = 32 << 10  # bytes of such a member
OWN_MEMBER: Final = ("couchreg", 1 << 20)  # ours has a report in it, and that is bounded elsewhere
MOST: Final = 20_000  # resources that are looked at


async def outline(members: bytes) -> dict[str, Any]:
    """The members of a stored document."""
    if len(members) <= LARGE:
        return json.body(members)
    found: dict[str, Any] = {}
    turn = TimeSlice()
    for name, text in json.parts(b"{%b}" % members).items():
        if name == "resources" and bytes(memoryview(text)[:1]) == b"[":
            found[name] = await _resources(text, turn)
        else:
            found[name] = _light(text, OWN_MEMBER[1] if name == OWN_MEMBER[0] else LONG)
        await turn.pass_on()
    return found


async def _resources(text: Raw, turn: TimeSlice) -> list[Any]:
    found = []
    for one in json.items(text)[:MOST]:
        found.append(_resource(one))
        await turn.pass_on()
    return found


def _resource(text: Raw) -> Any:
    if len(text) <= LONG or bytes(memoryview(text)[:1]) != b"{":
        return _light(text)
    return {name: _light(inner) for name, inner in json.parts(text).items()}


def _light(text: Raw, long: int = LONG) -> Any:
    return text if len(text) > long else json.decode(bytes(text))
