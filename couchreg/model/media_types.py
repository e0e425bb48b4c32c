"""What a browser does with a media type: shows it, or runs what is in it. Pure.

Published files share one origin with everything else that is served there, so nothing of them may run.
"""

import re
from functools import lru_cache
from typing import Final
from urllib.parse import quote

OCTETS: Final = "application/octet-stream"

# Whose scripts a viewer runs, and no policy of an answer keeps it from that.
PAPER: Final = "application/pdf"
# Types that a browser shows without running anything; all else is a download.
_SHOWN: Final = frozenset(
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
    }
)
# HTML, every XML (XSLT and foreign namespaces run scripts), scripts, and what carries other types inside.
_ACTIVE: Final = re.compile(
    r"html|svg|xml$|xsl|xul|script$|^multipart/|^message/|flash|java|manifest|mathml|vml"
)


# What shrinks: text, and what is written as text.
_TEXT: Final = re.compile(
    r"text/.*|[^/]+/(?:.+\+)?(?:json|xml|yaml|csv|ndjson|x-ndjson|jsonl|json-seq|javascript|sql|toml|x-yaml)"
)
_UNQUOTED: Final = re.compile(
    r"[^ !#$&-\[\]-~]"
)  # not to be put in a quoted file name that every reader takes


def essence(media_type: str) -> str:
    """The type without its parameters, in lower case: `text/html` of `Text/HTML; charset=utf-8`."""
    return media_type.partition(";")[0].strip().lower()


def may_run(media_type: str) -> bool:
    """Whether a browser might run something of it."""
    return _ACTIVE.search(essence(media_type)) is not None


def is_paper(media_type: str) -> bool:
    """Whether a browser hands it to its viewer of PDF, which runs scripts."""
    return "pdf" in essence(media_type)


@lru_cache(maxsize=1024)
def is_text(media_type: str) -> bool:
    """Whether it is written in letters, so that a content coding makes it smaller."""
    return _TEXT.fullmatch(essence(media_type)) is not None


@lru_cache(maxsize=1024)
def disposition(path: str, media_type: str, *, harmless: bool = False) -> str:
    """The Content-Disposition of a file: its name to save under, and whether it may be shown at all, as what
    is known to be `harmless` is.

    `filename` is for readers that do not know `filename*`: what it cannot hold is a `_` there.
    Source: https://www.rfc-editor.org/rfc/rfc6266#section-4.3.
    """
    form = "inline" if harmless or essence(media_type) in _SHOWN else "attachment"
    name = path.rpartition("/")[2]
    plain = _UNQUOTED.sub("_", name)
    return f"{form}; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
