"""Lines as they are written: of requests, short or as JSON, and of what was changed, as JSON.

Nothing secret gets into one: of an address its path alone, since a query may carry a signature, and of a
request neither its headers nor its body.
"""

import logging
import time
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from couchreg.journal.asking import Asked, Over
from couchreg.journal.lines import Lines

log = logging.getLogger(__name__)

LONGEST_PATH = 1024  # characters
TOGETHER = 256  # lines of requests that are made at once
REFUSALS = 600  # lines a minute about logins that were refused: strangers write them
REFUSED = frozenset({"login.refused", "token.refused", "trust.refused"})

# Makes a line of a request. The number, added to monotonic seconds, gives Unix time.
Line = Callable[[Over, float], bytes]

_json = msgspec.json.Encoder()


class AccessLog:
    """A line for each request. They are made many at a time: one by one, beside the rest of a busy loop, each
    takes several times as long."""

    def __init__(self, lines: Lines, form: Line) -> None:
        self._lines, self._form = lines, form
        self._over: list[Over] = []
        lines.made_by(self._make)

    def write(self, over: Over) -> None:
        self._over.append(over)
        if len(self._over) >= TOGETHER:
            self._make()
        else:
            self._lines.wake()

    def _make(self) -> None:
        pieces, self._over = self._over, []
        late = time.time() - time.monotonic()
        failed: list[Exception] = []
        for over in pieces:
            try:
                self._lines.write(self._form(over, late))
            except Exception as error:  # one line that cannot be made takes no other with it
                failed.append(error)
        if failed:
            log.error("%d lines of requests cannot be made: the first", len(failed), exc_info=failed[0])
            self._lines.lose(len(failed))


class AuditTrail:
    """Who changed what: see `asking.Trail`."""

    def __init__(self, lines: Lines) -> None:
        self.lines = lines
        self._minute = 0
        self._refusals = 0

    def write(self, asked: Asked, action: str, what: Mapping[str, Any]) -> None:
        if action in REFUSED and not self._may_refuse():
            return
        line: dict[str, Any] = {"time": moment(), "action": action, **_who(asked), **what}
        if "by" in line:
            line["user"] = line.pop("by")
        self.lines.write(encoded(line))

    def _may_refuse(self) -> bool:
        """So many refusals are written in a minute; of the others how many there were."""
        minute = int(time.time()) // 60
        if minute != self._minute:
            if self._refusals > REFUSALS:
                more = {
                    "time": moment(),
                    "action": "login.refused",
                    "not_shown": self._refusals - REFUSALS,
                }
                self.lines.write(encoded(more))
            self._minute, self._refusals = minute, 0
        self._refusals += 1
        return self._refusals <= REFUSALS


def _who(asked: Asked) -> dict[str, Any]:
    found = {"user": asked.user, "token": asked.token, "address": asked.address or None}
    if asked.began:
        found["request"] = asked.id
    return {"door": asked.door, **{name: value for name, value in found.items() if value is not None}}


def json_line(over: Over, late: float) -> bytes:
    """A request as JSON."""
    asked, method, target, status, size, seconds, ended = over
    return encoded(
        {
            "time": text_of(ended + late),
            "request": asked.id,
            "door": asked.door,
            "address": asked.address,
            "user": asked.user,
            "method": method,
            "path": path_of(target),
            "route": asked.route,
            "status": status,
            "bytes": size,
            "seconds": round(seconds, 6),
        }
    )


def short_line(over: Over, late: float) -> bytes:
    """A request in words with blanks between them: time, request, address, user, method, path, status, bytes,
    seconds."""
    asked, method, target, status, size, seconds, ended = over
    who = f"{text_of(ended + late)} {asked.id or '-'} {asked.address or '-'} {_word(asked.user)}"
    line = f"{who} {method} {_word(path_of(target))} {status} {size} {seconds:.6f}\n"
    return line.encode("utf-8", "backslashreplace")


def lost_json(count: int) -> bytes:
    return encoded({"time": moment(), "lines_lost": count})


def lost_short(count: int) -> bytes:
    return f"{moment()} - - - - - lines lost: {count}\n".encode()


def encoded(value: Mapping[str, Any]) -> bytes:
    try:
        return _json.encode(value) + b"\n"
    except UnicodeEncodeError:  # what came as no UTF-8
        return _json.encode({name: _told(one) for name, one in value.items()}) + b"\n"


def _told(value: Any) -> Any:
    return value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value


def path_of(target: str) -> str:
    """The path of a request's target: no query, and nothing of the address in front of it, in which a client
    may have written a password."""
    path = target.partition("?")[0].partition("#")[0]
    if not path.startswith("/"):
        _, scheme, rest = path.partition("://")
        path = "/" + rest.partition("/")[2] if scheme else "-"
    return path[:LONGEST_PATH]


def _word(text: str | None) -> str:
    """One word: what would begin another, or another line, is escaped."""
    if text is None or not text:
        return "-"
    plain = text.isascii() and text.isprintable() and " " not in text
    return text if plain else text.encode("unicode_escape").decode().replace(" ", "\\x20")


class _Clock:
    """UTC, to the millisecond; the text of a second is made once."""

    second = 0
    text = ""


def moment() -> str:
    """Now."""
    return text_of(time.time())


def text_of(now: float) -> str:
    """Unix time, in seconds."""
    second = int(now)
    if second != _Clock.second:
        _Clock.second = second
        _Clock.text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
    return f"{_Clock.text}.{int((now - second) * 1000):03d}Z"
