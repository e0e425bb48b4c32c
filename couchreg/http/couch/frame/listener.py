"""The couch port's server: aiohttp's, with what it answers by itself in CouchDB's form."""

import re

from aiohttp import web

from couchreg.http.connections import Connection, Connections
from couchreg.http.couch.frame.failures import error_body

_REQUEST_LINE = re.compile(rb"[A-Z]+ \S+ HTTP/1\.[01]\r\n")
_FEWEST = 4  # lines of a head in which a header stands twice: the request, both, and an empty one
_TYPE, _AGENT = b"\r\ncontent-type:", b"\r\nuser-agent:"
_TWICE = (b"content-type", b"user-agent")  # what clients of CouchDB send twice over, and CouchDB takes


class Protocol(Connection):
    """One connection."""

    def spelt(self, data: bytes) -> bytes:
        return once(data)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """What could not be read as HTTP never reaches the door; it is refused here, and the line cut."""
        if status == 500:
            self.log_exception("Error handling request", exc_info=exc)
        word = "bad_request" if status < 500 else "unknown_error"
        first_line = (message or "").strip().partition("\n")[0]
        answer = error_body(status, word, first_line or "The request cannot be understood.")
        answer.force_close()
        return answer


def once(data: bytes) -> bytes:
    """The first bytes of a request, in which some headers stand once only that were sent twice with one
    value. What differs stays, and is refused as any header is that must not be repeated; and so does a head
    that has not come to its end: of its last line nobody knows what it will say."""
    if data.count(b"\n") < _FEWEST or (end := data.find(b"\r\n\r\n")) < 0:
        return data
    low = data[:end].lower()
    if (low.count(_TYPE) < 2 and low.count(_AGENT) < 2) or not _REQUEST_LINE.match(data):
        return data
    kept, seen = [], set()
    for line in data[:end].split(b"\r\n"):
        name, _, value = line.partition(b":")
        header = (name.lower(), value.strip())
        if header not in seen:
            kept.append(line)
        if header[0] in _TWICE:
            seen.add(header)
    return b"\r\n".join(kept) + data[end:]


class Listener(Connections):
    """Bodies stay packed as they come: CouchDB keeps the encoding of attachments."""

    protocol = Protocol
