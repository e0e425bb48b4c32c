"""Reading multipart bodies as they arrive: related, mixed, form-data, byteranges, nested or not.

A push parser: feed it bytes cut anywhere, get events; what it keeps is bounded (a header block, or
the few bytes that may begin a delimiter). Parts end at delimiters alone, a `Content-Length` of a
part is not trusted. A nested multipart is read by a second parser fed with the part's data. Pure;
`parts.py` makes it an iterator over parts, `related.py` writes.

https://www.rfc-editor.org/rfc/rfc2046#section-5.1
"""

import re
from collections.abc import Callable
from typing import NamedTuple

from couchreg.errors import BadRequest
from couchreg.wire.headers import parsed_block

MAX_PREAMBLE = 64 << 10
MAX_HEADERS = 16 << 10  # bytes of one part's header block
MAX_PADDING = 100  # blanks between a boundary and its line's end

_HEADERS_END = re.compile(rb"\r?\n\r?\n")
_UNDECIDED = re.compile(rb"-|[ \t]{0,%d}\r?" % MAX_PADDING)


class PartBegin(NamedTuple):
    """A part begins; header names are in lower case, the first of equal names counts."""

    headers: dict[str, str]


class PartEnd(NamedTuple):
    """The part is complete."""


class End(NamedTuple):
    """The closing delimiter has been seen; whatever follows is ignored."""


Event = PartBegin | bytes | PartEnd | End


class MultipartParser:
    """Feed the body, then `close`. Raises BadRequest for what is no multipart body.

    Lines may end in CRLF or LF; the first delimiter decides. What follows a delimiter on its line
    can only be blanks or the closing dashes, so that a longer boundary with the same beginning is
    data.
    """

    def __init__(self, boundary: str) -> None:
        self._dashed = b"--" + boundary.encode("latin-1")
        self._delimiter = b""  # with the line end before it; known from the first delimiter on
        self._complete = re.compile(b"")
        self._buffer = b""
        self._at = 0  # what lies before has been dealt with
        self._lead = 0  # bytes at `_at` that end the headers but may begin a delimiter as well
        self._skipped = 0
        self._step: Callable[[list[Event]], bool] = self._preamble
        self._opening = re.compile(
            rb"(?:\A|\n)%b(?:(--)|[ \t]{0,%d}(\r?\n))" % (re.escape(self._dashed), MAX_PADDING)
        )

    def feed(self, data: bytes) -> list[Event]:
        """The events that `data` completes; a part's data comes in pieces as it arrives."""
        self._buffer = self._buffer[self._at :] + data if self._at < len(self._buffer) else data
        self._at = 0
        events: list[Event] = []
        while self._step(events):
            pass
        return events

    def close(self, *, unclosed: bool = False) -> list[Event]:
        """The body has ended. Raises BadRequest if it is cut off. With `unclosed`, the end of the
        body ends its last part too, as CouchDB lets it: for parts whose length is known elsewhere."""
        if self._step == self._epilogue:
            return []
        if not unclosed or self._step != self._body:
            raise BadRequest("The multipart body is cut off")
        self._step = self._epilogue
        return [PartEnd(), End()]

    # -- the steps: each returns whether the next one can go on at once
    def _preamble(self, events: list[Event]) -> bool:
        found = self._opening.search(self._buffer)
        if found is None:
            self._skip_lines()
            return False
        if found[1]:
            return self._ended(events, found.end())
        self._delimiter = found[2] + self._dashed
        self._complete = re.compile(
            rb"%b(?:(--)|[ \t]{0,%d}\r?\n)" % (re.escape(self._delimiter), MAX_PADDING)
        )
        return self._goes_on(self._headers, found.end())

    def _skip_lines(self) -> None:
        """Drop the lines that are complete; a delimiter may begin with the last line's end."""
        line = max(self._buffer.rfind(b"\n"), 0)
        self._skipped += line
        if self._skipped + len(self._buffer) - line > MAX_PREAMBLE:
            raise BadRequest("No multipart boundary found")
        self._at = line

    def _headers(self, events: list[Event]) -> bool:
        begin = self._at
        first = self._buffer[begin : begin + 2]
        if first[:1] == b"\n" or first == b"\r\n":
            return self._begins(events, begin, begin + (1 if first[:1] == b"\n" else 2))
        found = _HEADERS_END.search(self._buffer, begin, begin + MAX_HEADERS)
        if found is not None:
            return self._begins(events, found.start(), found.end())
        if len(self._buffer) - begin >= MAX_HEADERS:
            raise BadRequest("The headers of a part are too long")
        return False

    def _begins(self, events: list[Event], end: int, body: int) -> bool:
        """The headers end at `end`; the line end just before `body` may belong to a delimiter."""
        events.append(PartBegin(parsed_block(self._buffer[self._at : end])))
        line_end = self._delimiter[: -len(self._dashed)]
        self._lead = len(line_end) if self._buffer.endswith(line_end, 0, body) else 0
        return self._goes_on(self._body, body - self._lead)

    def _body(self, events: list[Event]) -> bool:
        found = self._found()
        if found is None:
            self._hand_out(events, self._undecided())
            return False
        self._hand_out(events, found.start())
        events.append(PartEnd())
        if found[1]:
            return self._ended(events, found.end())
        return self._goes_on(self._headers, found.end())

    def _epilogue(self, events: list[Event]) -> bool:
        self._at = len(self._buffer)
        return False

    # -- delimiters
    def _found(self) -> re.Match[bytes] | None:
        """The next delimiter. `find` is many times faster than the expression, which is only for data
        that is full of things that look like one."""
        at = self._buffer.find(self._delimiter, self._at)
        return None if at < 0 else self._complete.search(self._buffer, at)

    def _undecided(self) -> int:
        """Where the bytes begin that may become a delimiter, else the end."""
        buffer, delimiter = self._buffer, self._delimiter
        at = max(self._at, len(buffer) - len(delimiter) - MAX_PADDING - 2)
        while (at := buffer.find(delimiter[:1], at)) >= 0:
            rest = buffer[at:]
            if delimiter.startswith(rest):
                return at
            if rest.startswith(delimiter) and _UNDECIDED.fullmatch(rest, len(delimiter)):
                return at
            at += 1
        return len(buffer)

    def _hand_out(self, events: list[Event], end: int) -> None:
        """The data up to `end`, without the line end of the headers."""
        if end <= self._at:
            return
        begin, self._lead = self._at + self._lead, 0
        if begin < end:
            events.append(self._buffer[begin:end])
        self._at = end

    def _goes_on(self, step: Callable[[list[Event]], bool], at: int) -> bool:
        self._step, self._at = step, at
        return True

    def _ended(self, events: list[Event], at: int) -> bool:
        events.append(End())
        return self._goes_on(self._epilogue, at)
