"""The access log and the trail of changes that the settings ask for."""

from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path

from couchreg.config import CannotStart, Settings
from couchreg.http.limits import RequestLimits
from couchreg.http.watching import Tell, Watching
from couchreg.journal.asking import UNDER_WAY, Asked
from couchreg.journal.lines import Lines
from couchreg.journal.trail import AccessLog, AuditTrail, json_line, lost_json, lost_short, short_line

FORMS = {"short": (short_line, lost_short), "json": (json_line, lost_json)}


class Journals:
    """What a server writes down of its requests. Raises CannotStart for a file that cannot be written."""

    def __init__(self, stack: AsyncExitStack, settings: Settings) -> None:
        self._stack = stack
        self._lines: list[Lines] = []
        self._tell: list[Tell] = []
        self._trail: AuditTrail | None = None
        self.also: Callable[[], None] = lambda: None  # reopens those of other processes
        if settings.access_log != "off":
            form, lost = FORMS[settings.access_log]
            self._tell.append(AccessLog(self._opened(settings.access_log_file, lost), form).write)
        if settings.audit_log != "off":
            self._trail = AuditTrail(self._opened(settings.audit_log_file, lost_json))
        self._itself = Asked("server", {}, None)
        UNDER_WAY.set(self._itself)  # whatever is started from here on goes on without a request

    def begin(self) -> None:
        """From now on, what the server does by itself is written down too: not how it was set up."""
        self._itself.trail = self._trail

    def watching(self, door: str, limits: RequestLimits, *also: Tell) -> Watching:
        """What looks after the requests of a door, and tells `also` of them."""
        return Watching(door, self._trail, (*self._tell, *also), limits or None)

    def reopen(self) -> None:
        """Go on in new files: the old ones have been moved away."""
        for lines in self._lines:
            lines.reopen()
        self.also()

    def _opened(self, path: Path | None, lost: Callable[[int], bytes]) -> Lines:
        try:
            lines = Lines(path, lost)
        except OSError as error:
            raise CannotStart(
                f"{path} cannot be written: {error.strerror}. Mend it, or have the lines go elsewhere."
            ) from error
        self._stack.push_async_callback(lines.close)
        self._lines.append(lines)
        return lines
