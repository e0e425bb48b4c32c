"""The couch port's server: aiohttp's, with what it answers by itself in CouchDB's form."""

import asyncio
from typing import Any

from aiohttp import web

from couchreg.http.couch.frame.failures import error_body

LONGEST_LINE = 65536  # bytes of a request line or header: `open_revs` makes long ones


class Protocol(web.RequestHandler):
    """One connection."""

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


class Listener(web.Server):
    """Bodies stay packed as they come: CouchDB keeps the encoding of attachments."""

    def __init__(self, handler: Any) -> None:
        self._options: dict[str, Any] = {
            "auto_decompress": False,
            "access_log": None,
            "max_line_size": LONGEST_LINE,
            "max_field_size": LONGEST_LINE,
        }
        super().__init__(handler)

    def __call__(self) -> web.RequestHandler:
        return Protocol(self, loop=asyncio.get_running_loop(), **self._options)
