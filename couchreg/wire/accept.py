"""Accept and Accept-Encoding as CouchDB weighs them: yes or no for one type or coding at a time."""

from couchreg.wire import fields


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
