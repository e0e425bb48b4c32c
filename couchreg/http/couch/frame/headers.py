"""Header values of documents and attachments: entity tags, and text of clients made safe to repeat."""

from urllib.parse import quote

from aiohttp import web


def etag(rev: str) -> str:
    """A revision as an entity tag. Revisions that no hash made may hold anything."""
    if rev.isascii() and rev.isprintable():
        return f'"{rev}"'
    return f'"{quote(rev)}"'


def not_modified(request: web.BaseRequest, tag: str) -> bool:
    """Whether If-None-Match names the tag (weakly is enough; `*` names nothing, as in CouchDB)."""
    given = request.headers.get("If-None-Match")
    if given is None:
        return False
    return any(one.removeprefix("W/") == tag for one in given.replace(",", " ").split(" "))


def printable(value: str) -> str:
    """Text of a client as a header value: without line ends, which would begin another header."""
    if value.isprintable():
        return value
    return "".join(letter if letter.isprintable() else " " for letter in value)


def url_encode(text: str) -> str:
    """A path part of a Location: all but letters, digits and `-_.:` percent-encoded, as CouchDB does."""
    return quote(text, safe=":-_.").replace("~", "%7E")
