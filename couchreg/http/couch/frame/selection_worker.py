"""Selectors and fields as jobs of the sandbox (see `selections`); imported in child processes only."""

from couchreg.errors import BadRequest
from couchreg.model import json, selector
from couchreg.model.projection import Projection
from couchreg.sandbox.inside.channel import Reply


def answer(job: bytes, reply: Reply) -> bytes:
    """A job is four bytes that say how long the question is, the question, and text of a document."""
    end = 4 + int.from_bytes(job[:4], "big")
    question, text = json.decode(job[4:end]), job[end:]
    if question["selector"] is None:
        return json.encode(Projection(question["fields"])(json.decode(text)))
    doc = {"_id": question["id"], "_rev": question["rev"], **json.body(text)}
    if question["deleted"]:
        doc["_deleted"] = True
    try:
        return json.encode(selector.compile(question["selector"], steps=STEPS)(doc))
    except BadRequest as error:
        raise ValueError(error.reason) from error  # too much work: the job has failed


STEPS = 20_000_000  # of a child, which keeps nobody waiting
