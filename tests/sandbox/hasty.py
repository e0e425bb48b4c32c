"""A module of jobs that starts a thread before there are walls; imported in children only."""

import threading
import time

from couchreg.sandbox.inside.channel import Reply


def prepare() -> None:
    threading.Thread(target=time.sleep, args=(60,), daemon=True).start()


def answer(job: bytes, reply: Reply) -> bytes:
    return job
