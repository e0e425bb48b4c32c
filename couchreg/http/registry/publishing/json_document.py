"""A publish sent as one JSON document: inline `data`, or files as base64 in `_attachments`."""

from collections.abc import AsyncIterable

from couchreg.errors import BadRequest
from couchreg.registry.publishing.intake import Intake, take_inline


async def read_document(intake: Intake, chunks: AsyncIterable[bytes]) -> None:
    """Fill `intake`. Raises BadRequest, TooLarge."""
    await intake.collect_descriptor(chunks)
    attachments = intake.members.get("_attachments", {})
    if not isinstance(attachments, dict):
        raise BadRequest("“_attachments” must be an object: path -> {data, content_type}.")
    await take_inline(intake, attachments)
