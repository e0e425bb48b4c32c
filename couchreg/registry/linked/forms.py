"""The forms of JSON-LD: a view as it is written is compacted; expanded and flattened are made of it.

Source: https://www.w3.org/TR/json-ld11-api/.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any

from couchreg.errors import NotAcceptable
from couchreg.model import json
from couchreg.registry.linked.contexts import BUNDLED

LARGEST = 2 << 20  # bytes of a view that is processed
MOST = 16 << 20  # bytes of texts that are remembered
Make = Callable[[], dict[str, Any]]  # gives a view; called in a thread


class Form(StrEnum):
    COMPACTED = "compacted"
    EXPANDED = "expanded"
    FLATTENED = "flattened"


class Forms:
    """Makes the texts of views, other forms than the compacted one at a time: that is work for this process's
    own interpreter. Remembers the last of them by what they are made of."""

    def __init__(self, most: int = MOST) -> None:
        self._one = asyncio.Semaphore(1)
        self._most = most
        self._kept: OrderedDict[str, bytes] = OrderedDict()
        self._weight = 0

    def kept(self, tag: str) -> bytes | None:
        """The text of a tag, where it is remembered."""
        found = self._kept.get(tag)
        if found is not None:
            self._kept.move_to_end(tag)
        return found

    async def text(self, tag: str, make: Make, form: Form) -> bytes:
        """The text of the view that `make` gives, in a form. `tag` names all that it is made of: view, form,
        version and address. Raises NotAcceptable when it is too long for any form but the compacted one."""
        found = self.kept(tag)
        if found is not None:
            return found
        if form is Form.COMPACTED:
            return self._keep(tag, await asyncio.to_thread(_text, make))
        async with self._one:
            # Somebody may have made it meanwhile.
            if (found := self.kept(tag)) is not None:
                return found
            return self._keep(tag, await asyncio.to_thread(_processed, make, form))

    async def check(self, tag: str, make: Make, form: Form) -> None:
        """See whether there is such a text, without making it. Raises NotAcceptable as `text`."""
        if form is not Form.COMPACTED and tag not in self._kept:
            await asyncio.to_thread(_small_enough, make, form)

    def _keep(self, tag: str, text: bytes) -> bytes:
        if tag in self._kept or len(text) > self._most // 8:
            return text
        self._kept[tag] = text
        self._weight += len(text)
        while self._weight > self._most:
            _, oldest = self._kept.popitem(last=False)
            self._weight -= len(oldest)
        return text


def _text(make: Make) -> bytes:
    return json.encode(make()) + b"\n"


def _small_enough(make: Make, form: Form) -> dict[str, Any]:
    view = make()
    if len(json.encode(view)) > LARGEST:
        raise NotAcceptable(f"This is too long to be {form} here: take the compacted form.")
    return view


def _processed(make: Make, form: Form) -> bytes:
    return json.encode(_process(_small_enough(make, form), form)) + b"\n"


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
