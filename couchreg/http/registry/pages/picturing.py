"""What of a resource is shown beside rows: pictures that its descriptor asks for, maps, images, texts."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, Final

from couchreg.analytics.answering import is_spent
from couchreg.analytics.ledger import Table
from couchreg.analytics.quoting import quoted
from couchreg.docstore.base import Attachment
from couchreg.errors import BadStatement, CouchregError, TooLarge, TooManyRequests, Unavailable
from couchreg.http.registry.analytics.streaming import asking_of
from couchreg.http.registry.frame.call import Call
from couchreg.http.registry.frame.papers import address_to_read
from couchreg.http.registry.frame.rendered import Rendering
from couchreg.http.registry.pages.gathering import gathered
from couchreg.http.registry.pages.waiting import Patience, made
from couchreg.model import json
from couchreg.model.media_types import PAPER, essence, is_text
from couchreg.package.descriptor import Resource
from couchreg.package.tables import format_of
from couchreg.registry.reading.catalog import Version
from couchreg.registry.reading.served import url_of
from couchreg.web import maps, papers
from couchreg.web.plots import MOST_ROWS, Plot, counted, plot
from couchreg.web.snippets import fetching
from couchreg.web.views import DrawnView, views_of

_RASTER: Final = ("image/png", "image/jpeg", "image/gif", "image/webp", "image/avif")
_IMAGES: Final = (*_RASTER, "image/svg+xml")  # in an <img> no script of an SVG runs
_TEXT: Final = 16_000  # bytes that are shown
_IMAGE: Final = 20_000_000  # bytes that a page makes a browser load
_LARGE: Final = 100_000_000  # bytes from which on it is said how a file is had


async def drawn_views(
    call: Call, version: Version, resource: Resource, table: Table, patience: Patience
) -> list[dict[str, Any]]:
    """The `views` of a table: `title`, and `plot` with what is `counted` in it, or `problem`. Nothing of a
    descriptor that is long."""
    if version.is_large:
        return []
    views = views_of(version.document, list(version.resources), resource.name)
    statements = [_statement(version, table, view) for view in views]
    answers = await _answers(call, table, [one for one in statements if one], patience)
    found = []
    for view, statement in zip(views, statements, strict=True):
        body = answers.get(statement, b"")
        picture = await asyncio.to_thread(_picture, view, body) if body else None
        problem = view.problem or ("" if picture else "Its rows cannot be drawn, or are not ready yet.")
        drawn = counted(picture, table.rows) if picture else ""
        found.append({"title": view.title, "plot": picture, "counted": drawn, "problem": problem})
    return found


def _statement(version: Version, table: Table, view: DrawnView) -> str:
    """Which rows a view is drawn of; empty for one that the table has no columns for."""
    there = {one["name"] for one in json.decode(table.columns)}
    if view.problem or not there.issuperset({view.group, *view.series}):
        return ""
    wanted = ", ".join(quoted(name) for name in (view.group, *view.series))
    source = f"{quoted(f'{version.name}@{version.version}')}.{quoted(table.resource)}"
    return f"SELECT {wanted} FROM {source} LIMIT {MOST_ROWS}"  # noqa: S608 - names are quoted


def _picture(view: DrawnView, body: bytes) -> Plot | None:
    return plot(view.kind, view.group, view.series, json.decode_own(body)["rows"])


async def _answers(
    call: Call, table: Table, statements: Sequence[str], patience: Patience
) -> Mapping[str, bytes]:
    """Those that are had soon, empty for what cannot be drawn. What was asked before is there, whatever
    becomes of the rest; a page waits for all others together."""
    rendered = call.services.rendered

    def kept() -> dict[str, bytes]:
        found = {one: rendered.get(("VIEW", table.sha256, one)) for one in statements}
        return {one: rendering.body for one, rendering in found.items() if rendering is not None}

    async def make() -> dict[str, bytes]:
        found = kept()
        for one in statements:
            if one not in found:
                found[one] = await _answer(call, one)
                rendered.keep(("VIEW", table.sha256, one), Rendering("", found[one], {}))
        return found

    found = kept()
    try:
        async with patience.time(patience.for_pictures):
            if len(found) < len(set(statements)):
                found = await made(call, ("VIEWS", table.sha256, *statements), make)
    except CouchregError:
        pass  # the page says of the others that they are not ready yet
    return kept() | found


async def _answer(call: Call, statement: str) -> bytes:
    """Empty where the table itself is why there is none: that will be so the next time, too."""
    try:
        return await _asked(call, statement)
    except TooLarge:
        return b""
    except BadStatement as error:
        if is_spent(error):
            return b""
        raise


async def _asked(call: Call, statement: str) -> bytes:
    asking = asking_of(call)
    question = await asking.read(statement, lambda package: None, call.room)
    answer = asking.answer(
        question, parameters={}, format="arrays", size=MOST_ROWS, skip=0, askers=call.askers
    )
    async with answer as parts:
        return await gathered(asking.answering, parts)


async def preview(
    call: Call, version: Version, resource: Resource, patience: Patience, *, opened: bool
) -> dict[str, Any]:
    """`kind`, and what it needs: `image`, `map`, `text` (with `more`), `paper` (a PDF that does nothing by
    itself, at `read_url`), `pdf` (any other), `unread` (it could not be looked into just now), or none;
    whether a page `frames` it, or will; `files` that are had from here, and `commands` for those that are
    large. Where rows are shown nothing is
    `opened`, and there is no kind: a page of rows needs no file."""
    base, address = call.base, (version.name, version.version)
    files = [version.files[path] for path in resource.paths if path in version.files]
    size = sum(file.length for file in files)
    shown: dict[str, Any] = {
        "kind": "",
        "text": "",
        "more": False,
        "map": None,
        "frames": False,
        "read_url": "",
        "size": size,
        "large": size >= _LARGE,
        "files": [
            {"path": file.name, "bytes": file.length, "url": url_of(base, *address, *file.name.split("/"))}
            for file in files[:100]
        ],
        "commands": fetching(base, *address, resource.name, [file.name for file in files][:1]),
    }
    if not opened:
        return shown
    if resource.inline and not version.is_large:
        return {**shown, **await asyncio.to_thread(_inline, resource)}
    if len(files) != 1 or files[0].encoding != "identity":
        return shown
    seen = await _seen(call, resource, files[0], patience)
    if seen.get("kind") == "paper":
        seen["frames"] = True
        seen["read_url"] = address_to_read(call, url_of(base, *address, resource.name), files[0])
    return {**shown, **seen}


async def _seen(call: Call, resource: Resource, file: Attachment, patience: Patience) -> dict[str, Any]:
    kind = essence(file.content_type)
    if kind in _IMAGES and file.length <= _IMAGE:
        return {"kind": "image"}
    if kind == PAPER and (file.length > papers.LONGEST or not file.sha256):
        return {"kind": "pdf"}
    is_map = kind == "application/geo+json" or format_of(resource) == "geojson"
    try:
        async with patience.time(patience.for_looking):
            if kind == PAPER:
                return {"kind": "paper" if await _is_still(call, file) else "pdf"}
            if is_map and file.length <= maps.LONGEST and (found := await _map(call, file)):
                return {"kind": "map", "map": found}
            return await _text(call, file) if is_text(kind) else {}
    except (TooManyRequests, Unavailable):
        pass  # it is somebody else's turn, or the bucket is away: the page has more to say than that
    return {"kind": "unread", "frames": kind == PAPER}


def _inline(resource: Resource) -> dict[str, Any]:
    """Of data that stands in the descriptor."""
    data = resource.members.get("data")
    text = data if isinstance(data, str) else json.encode(data).decode("utf-8", "replace")
    if format_of(resource) == "geojson" and (found := maps.drawn(text)):
        return {"kind": "map", "map": found}
    return {"kind": "text", "text": text[:_TEXT], "more": len(text) > _TEXT}


async def _map(call: Call, file: Attachment) -> maps.Drawn | None:
    """One file is held and drawn at a time."""

    async def draw() -> bytes:
        async with call.services.looking.take(*call.askers):
            text = _decoded(await _bytes(call, file, maps.LONGEST))
            return await asyncio.to_thread(json.encode, await asyncio.to_thread(maps.drawn, text))

    value = await asyncio.to_thread(json.decode_own, await _looked_into(call, "MAP", file, draw))
    if value is None:
        return None
    shapes, height, words, more = value
    return maps.Drawn([maps.MapShape(*one) for one in shapes], height, words, more)


async def _is_still(call: Call, file: Attachment) -> bool:
    """Whether a PDF is known to do nothing. One file is held and looked through at a time."""

    async def look() -> bytes:
        async with call.services.looking.take(*call.askers):
            acts = await asyncio.to_thread(papers.may_act, await _bytes(call, file, papers.LONGEST))
        return b"" if acts else b"still"

    return bool(await _looked_into(call, "PAPER", file, look))


async def _text(call: Call, file: Attachment) -> dict[str, Any]:
    begin = await _looked_into(call, "TEXT", file, lambda: _bytes(call, file, _TEXT))
    return {"kind": "text", "text": _decoded(begin), "more": file.length > _TEXT}


async def _looked_into(
    call: Call, what: str, file: Attachment, look: Callable[[], Coroutine[Any, Any, bytes]]
) -> bytes:
    """What was found in a file: kept for the next who asks, and found out once for all who ask meanwhile, of
    one asker for a few files at once. It ends when the client goes."""
    key = (what, file.sha256 or file.key)

    async def make() -> bytes:
        found = await look()
        call.services.rendered.keep(key, Rendering("", found, {}))
        return found

    kept = call.services.rendered.get(key)
    if kept is not None:
        return kept.body
    with call.while_there():
        return await call.services.fillings.made(key, make, call.askers)


def _decoded(data: bytes) -> str:
    return data.decode("utf-8", "replace").removeprefix("\ufeff")


async def _bytes(call: Call, file: Attachment, most: int) -> bytes:
    read = call.registry.attachments.open(file, 0, min(file.length, most))
    return b"".join([chunk async for chunk in read])
