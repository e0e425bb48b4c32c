"""What the server says: XML, and why it refuses something."""

from collections.abc import Iterator
from datetime import UTC, datetime
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from aiohttp import web

from tests.bucket_server.objects import Kept

_SPACE = "{http://s3.amazonaws.com/doc/2006-03-01/}"


class Refused(Exception):
    def __init__(self, status: int, code: str, about: str) -> None:
        super().__init__(f"{status} {code}: {about}")
        self.status = status
        self.code = code
        self.about = about

    def answer(self, *, is_bare: bool) -> web.Response:
        if is_bare or self.status == 304:
            return web.Response(status=self.status)
        return xml(element("Error", element("Code", self.code), element("Message", self.about)), self.status)


def element(name: str, *inside: str) -> str:
    """Text of one that has no elements is escaped: elements themselves begin with `<`."""
    told = "".join(one if one.startswith("<") else escape(one) for one in inside)
    return f"<{name}>{told}</{name}>"


def xml(text: str, status: int = 200) -> web.Response:
    whole = f'<?xml version="1.0" encoding="UTF-8"?>\n{text}'
    return web.Response(status=status, text=whole, content_type="application/xml")


def named(text: bytes, tag: str) -> Iterator[dict[str, str]]:
    """Of each element of a name what those in it say."""
    try:
        tree = ElementTree.fromstring(text)
    except ElementTree.ParseError:
        raise Refused(400, "MalformedXML", tag) from None
    for one in tree:
        if one.tag.removeprefix(_SPACE) == tag:
            yield {inner.tag.removeprefix(_SPACE): inner.text or "" for inner in one}


def at(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def told_of(said: Kept) -> list[str]:
    """What a listing says of an object or a part."""
    told = (("LastModified", at(said.modified)), ("ETag", f'"{said.etag}"'), ("Size", str(said.size)))
    return [element(name, value) for name, value in told]


def copied(what: str, said: Kept) -> web.Response:
    told = [element("LastModified", at(said.modified)), element("ETag", f'"{said.etag}"')]
    return xml(element(f"Copy{what}Result", *told))
