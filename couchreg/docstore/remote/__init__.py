"""Documents in a CouchDB: the port over its HTTP API.

Owns the requests to that server, which names databases have there, and how an attachment record becomes a
member of a document. Does not own bytes of files, nor what a revision or a winner is: that server decides
both. DESIGN.md says why. Comes in: `app`.
"""

from couchreg.docstore.remote.address import CouchAddress
from couchreg.docstore.remote.members import AtWork, Lost, Members
from couchreg.docstore.remote.numbered import NumberedDocuments
from couchreg.docstore.remote.store import NotUsable, RemoteStore

__all__ = ["AtWork", "CouchAddress", "Lost", "Members", "NotUsable", "NumberedDocuments", "RemoteStore"]
