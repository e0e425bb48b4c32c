"""PUT of a document as multipart/related: (being written)."""

from aiohttp import web

from couchreg.errors import NotImplementedHere
from couchreg.http.couch.context import Context
from couchreg.http.couch.document_query import DocumentQuery


async def put_related(ctx: Context, query: DocumentQuery) -> web.StreamResponse:
    raise NotImplementedHere
