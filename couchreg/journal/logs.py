"""The lines of the log name the request that they speak of."""

import logging

from couchreg.journal.asking import UNDER_WAY

FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


class Formatter(logging.Formatter):
    """As the log always looked, with `[request …]` where one was under way."""

    def __init__(self) -> None:
        super().__init__(FORMAT)

    def formatMessage(self, record: logging.LogRecord) -> str:
        asked = UNDER_WAY.get()
        text = super().formatMessage(record)
        return text if asked is None or not asked.began else f"{text} [request {asked.id}]"
