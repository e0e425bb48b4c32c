"""Accept and Accept-Encoding: as CouchDB weighs them, yes or no for one type or coding at a time, and which
of several codings a client wants most.

Source: https://www.rfc-editor.org/rfc/rfc9110#name-accept-encoding.
"""

import re
from collections.abc import Sequence
from typing import Final

from couchreg.wire import fields

IDENTITY: Final = "identity"
_QUALITY: Final = re.compile(r"[01](?:\.\d{0,3})?")


def qualities(header: str) -> list[tuple[str, float]] | None:
    """`"gzip;q=0.5, *"` -> `[("gzip", 0.5), ("*", 1.0)]`; None for a header that cannot be read."""
    found = []
    for member in fields.members(header):
        name, parameters = fields.item(member)
        if not name:
            continue
        try:
            quality = float(parameters.get("q", "1"))
        except ValueError:
            return None
        found.append((name, quality))
    return found


def accepts_type(header: str | None, wanted: str) -> bool:
    """Whether a client with this Accept header takes a `type/subtype`. No header takes anything."""
    if header is None:
        return True
    found = qualities(header)
    if found is None:
        return False
    family = wanted.partition("/")[0] + "/*"
    refused = {name for name, quality in found if quality <= 0}
    if wanted in refused or family in refused:
        return False
    return any(quality > 0 and name in (wanted, family, "*/*") for name, quality in found)


def accepts_coding(header: str | None, wanted: str) -> bool:
    """Whether a client with this Accept-Encoding header takes a coding (not asked about "identity")."""
    if header is None:
        return False
    found = dict(qualities(header) or ())
    return found.get(wanted, found.get("*", 0.0)) > 0


def wanted_coding(header: str | None, offered: Sequence[str]) -> str:
    """The coding that a client with this Accept-Encoding header wants most; of equals the one offered first.

    What is sent as it is (`identity`) comes last, unless the client says how much it wants that; and it is
    what is sent where nothing that is offered will do.
    """
    if header is None:
        return IDENTITY
    stated: dict[str, float] = {}
    for member in fields.members(header):
        name, parameters = fields.item(member)
        quality = parameters.get("q", "1")
        stated.setdefault(name, float(quality) if _QUALITY.fullmatch(quality) else 0.0)
    other = stated.get("*", 0.0)
    best = max(offered, key=lambda coding: stated.get(coding, other), default=IDENTITY)
    quality_of_best = stated.get(best, other)
    return best if quality_of_best > 0 and quality_of_best >= stated.get(IDENTITY, 0.0) else IDENTITY
