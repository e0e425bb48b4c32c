"""The three ways in which a feed is written: one JSON object, a line for each row, or events."""

from collections.abc import Sequence

from couchreg.http.couch.frame.responses import JSON_TYPE, MUST_REVALIDATE, Headers
from couchreg.wire import rows


class OneObject:
    """`{"results": […], "last_seq", "pending"}`: the normal feed, and longpoll."""

    headers: Headers = (MUST_REVALIDATE,)
    content_type = JSON_TYPE
    head = rows.CHANGES_HEAD
    heartbeat = b"\n"

    def __init__(self) -> None:
        self._empty = True

    def before(self) -> bytes:
        """What comes before a row."""
        if self._empty:
            self._empty = False
            return b""
        return rows.CHANGES_BETWEEN

    def after(self, seq: str) -> bytes:
        """What comes after it; `seq` is its sequence as JSON text."""
        return b""

    def rows(self, seqs: Sequence[str], texts: Sequence[str], docs: Sequence[bytes] | None) -> bytes:
        """Several rows at once, with their documents if there are any."""
        if docs is None:
            return self.before() + rows.joined(texts, rows.CHANGES_BETWEEN)
        return self.before() + rows.CHANGES_BETWEEN.join(rows.with_docs(texts, docs))

    def tail(self, last_seq: str, pending: int) -> bytes:
        return rows.changes_tail(last_seq, pending)


class ContinuousLines(OneObject):
    """The continuous feed."""

    head = b""

    def before(self) -> bytes:
        return b""

    def after(self, seq: str) -> bytes:
        return b"\n"

    def rows(self, seqs: Sequence[str], texts: Sequence[str], docs: Sequence[bytes] | None) -> bytes:
        if docs is None:
            return rows.joined(texts, b"\n") + b"\n"
        return b"\n".join(rows.with_docs(texts, docs)) + b"\n"

    def tail(self, last_seq: str, pending: int) -> bytes:
        return rows.last_line(last_seq, pending)


class EventSource(OneObject):
    """Server-sent events; the `id` is what a browser comes back with as Last-Event-ID."""

    headers: Headers = (("Cache-Control", "no-cache"),)
    content_type = "text/event-stream"
    head = b""
    heartbeat = b"event: heartbeat\ndata: \n\n"

    def before(self) -> bytes:
        return b"data: "

    def after(self, seq: str) -> bytes:
        return b"\nid: " + seq.encode() + b"\n\n"

    def rows(self, seqs: Sequence[str], texts: Sequence[str], docs: Sequence[bytes] | None) -> bytes:
        whole = [text.encode() for text in texts] if docs is None else rows.with_docs(texts, docs)
        pairs = zip(whole, seqs, strict=True)
        return b"".join([b"data: %b\nid: %b\n\n" % (text, seq.encode()) for text, seq in pairs])

    def tail(self, last_seq: str, pending: int) -> bytes:
        return b""


def format_of(feed: str) -> OneObject:
    kinds = {"continuous": ContinuousLines, "eventsource": EventSource}
    return kinds.get(feed, OneObject)()
