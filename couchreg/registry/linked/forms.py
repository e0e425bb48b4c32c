"""The forms of JSON-LD: a view as it is written is compacted; expanded and flattened are made of it.

Source: https://www.w3.org/TR/json-ld11-api/.
"""

import asyncio
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from couchreg.errors import NotAcceptable
from couchreg.model import json
from couchreg.registry.linked.contexts import BUNDLED

LARGEST = 2 << 20  # bytes of a view that is processed


class Form(StrEnum):
    COMPACTED = "compacted"
    EXPANDED = "expanded"
    FLATTENED = "flattened"


class Forms:
    """Makes forms, one at a time: it is work for this process's own interpreter."""

    def __init__(self) -> None:
        self._one = asyncio.Semaphore(1)

    async def of(self, view: dict[str, Any], form: Form) -> Any:
        """The view in a form. Raises NotAcceptable when it is too long for any but the compacted one."""
        if form is Form.COMPACTED:
            return view
        if len(json.encode(view)) > LARGEST:
            raise NotAcceptable(f"This is too long to be {form} here: take the compacted form.")
        async with self._one:
            return await asyncio.to_thread(_process, view, form)


def _process(view: dict[str, Any], form: Form) -> Any:
    from pyld import jsonld  # late: it takes a third of a second

    options = {"documentLoader": load, "processingMode": "json-ld-1.1"}
    if form is Form.EXPANDED:
        return jsonld.expand(view, options)
    return jsonld.flatten(view, view["@context"], options)


def load(url: str, options: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """A document loader for pyld that knows the bundled contexts and fetches nothing."""
    from pyld.jsonld import JsonLdError

    if url not in BUNDLED:
        code = "loading document failed"
        raise JsonLdError("Nothing is fetched.", "jsonld.LoadDocumentError", {"url": url}, code)
    return {
        "contentType": "application/ld+json",
        "contextUrl": None,
        "documentUrl": url,
        "document": BUNDLED[url],
    }
