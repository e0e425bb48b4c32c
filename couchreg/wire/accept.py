"""Accept and Accept-Encoding as CouchDB weighs them: yes or no for one type or coding at a time."""


def qualities(header: str) -> list[tuple[str, float]] | None:
    """`"gzip;q=0.5, *"` -> `[("gzip", 0.5), ("*", 1.0)]`; None for a header that cannot be read."""
    found = []
    for item in header.split(","):
        name, *parameters = (part.strip() for part in item.split(";"))
        if not name:
            continue
        quality = 1.0
        for parameter in parameters:
            key, _, value = parameter.partition("=")
            if key.strip().lower() == "q":
                try:
                    quality = float(value)
                except ValueError:
                    return None
        found.append((name.lower(), quality))
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
