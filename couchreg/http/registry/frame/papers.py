"""Addresses at which a browser may show a PDF.

A viewer runs the scripts of a PDF whatever the headers of the answer say, in windows that bear the name of
this host. So a PDF is a download at its own address. Where a page has looked through one and found that it
does nothing, it is shown at an address with a code for these bytes, which nobody else can make.
"""

import hashlib
import hmac
from collections.abc import Sequence
from typing import Final

from couchreg.docstore.base import Attachment
from couchreg.http.registry.frame.call import Call
from couchreg.model.media_types import PAPER, essence

READ: Final = "read"  # the parameter
_DIGITS: Final = 32


def address_to_read(call: Call, url: str, file: Attachment) -> str:
    """Of a file that is known to do nothing; `url` is its own address."""
    return f"{url}?{READ}={_code(call, file)}"


def may_be_read(call: Call, parts: Sequence[Attachment]) -> bool:
    """Whether a request for a PDF has the code for it."""
    given = call.request.query.get(READ, "")
    if not given or len(parts) != 1 or essence(parts[0].content_type) != PAPER or not parts[0].sha256:
        return False
    return hmac.compare_digest(given.encode("utf-8", "surrogateescape"), _code(call, parts[0]).encode())


def _code(call: Call, file: Attachment) -> str:
    key = hmac.digest(call.services.upload_secret, b"papers that do nothing", "sha256")
    return hmac.new(key, file.sha256.encode(), hashlib.sha256).hexdigest()[:_DIGITS]
