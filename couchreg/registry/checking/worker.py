"""The checks of a package as a job of the sandbox; imported in child processes only.

A job is JSON: ``{folder, descriptor}``, the package's folder and the path of the file with its descriptor.
The answer is the report as JSON; before it come notes of progress (see `progress`).
"""

import json

from couchreg.registry.checking import checks
from couchreg.sandbox.inside.channel import Reply


def warm() -> None:
    checks.warm()


def answer(job: bytes, reply: Reply) -> bytes:
    asked = json.loads(job)
    with open(asked["descriptor"], "rb") as file:
        members = json.load(file)
    return json.dumps(checks.check(asked["folder"], members, reply.note)).encode()
