"""What an object tells browsers: type, name to save under, caching. Nothing published runs from a bucket.

A bucket is one origin: a page or a drawing with a script would run there with the rights of all other
pages of it. So what a browser could run is stored as octets, and whatever is not known to be harmless
to show is a download. The type the publisher gave stands in the record of the attachment. Pure.
"""

import re
from urllib.parse import quote

OCTETS = "application/octet-stream"
FOREVER = "public, max-age=31536000, immutable"  # a key never gets other bytes

_SHOWN = frozenset(
    {
        "text/csv",
        "text/plain",
        "text/tab-separated-values",
        "text/markdown",
        "application/json",
        "application/geo+json",
        "image/png",
        "image/jpeg",
        "image/gif",
        "image/webp",
        "application/pdf",
    }
)
# HTML, every XML (XSLT and foreign namespaces run scripts), scripts, and what carries other types inside.
_ACTIVE = re.compile(r"html|svg|xml$|xsl|xul|script$|^multipart/|^message/|flash|java|manifest|mathml|vml")
_TYPE = re.compile(r"[a-z0-9!#$&^_.+-]+/[a-z0-9!#$&^_.+-]+")


def object_type(content_type: str) -> str:
    """The Content-Type of the object: as given, unless a browser could run it or it is none."""
    if not content_type.isascii() or not content_type.isprintable() or len(content_type) > 255:
        return OCTETS
    bare = _bare(content_type)
    return OCTETS if _ACTIVE.search(bare) or not _TYPE.fullmatch(bare) else content_type


def disposition(key: str, content_type: str) -> str:
    """The Content-Disposition of the object under `key`, whose type is `object_type`'s."""
    form = "inline" if _bare(content_type) in _SHOWN else "attachment"
    return f"{form}; filename*=UTF-8''{quote(key.rpartition('/')[2], safe='')}"


def _bare(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()
