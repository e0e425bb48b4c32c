"""What an object tells browsers: type, name to save under, caching. Nothing published runs from a bucket.

A bucket is one origin: a page or a drawing with a script would run there with the rights of all other
pages of it. So what a browser could run is stored as octets, and whatever is not known to be harmless
to show is a download. The type the publisher gave stands in the record of the attachment. Pure.
"""

import re

from couchreg.model.media_types import OCTETS, essence, may_run

FOREVER = "public, max-age=31536000, immutable"  # a key never gets other bytes

_TYPE = re.compile(r"[a-z0-9!#$&^_.+-]+/[a-z0-9!#$&^_.+-]+")


def object_type(content_type: str) -> str:
    """The Content-Type of the object: as given, unless a browser could run it or it is none."""
    if not content_type.isascii() or not content_type.isprintable() or len(content_type) > 255:
        return OCTETS
    return OCTETS if may_run(content_type) or not _TYPE.fullmatch(essence(content_type)) else content_type
