"""Where a CouchDB is, and what its databases are called there. Pure.

Names of couchreg's databases and of those in CouchDB are one to one. Databases with a `_` would be taken in
hand by that CouchDB as well (it runs whatever is written into a `_replicator`, and lets in whoever stands in
`_users`), so they have names there that mean nothing to it.
"""

import re
from dataclasses import dataclass, field
from typing import Final, Self
from urllib.parse import quote, unquote, urlsplit

from couchreg.errors import NotFound

_PREFIX: Final = re.compile(r"[a-z][a-z0-9_$()+-]{0,63}\Z")
_OWN: Final = "couchreg/"
_MARK: Final = "$/"  # a part of a name that none of ours has, since "$" is written "$$"
_PRIVATE: Final = "$server"
_NOTES: Final = "$notes"


@dataclass(frozen=True, slots=True)
class CouchAddress:
    """`url` has neither login nor path; `prefix` is "" or a name with a slash behind it. `shown` may be
    logged."""

    url: str
    user: str = ""
    password: str = field(default="", repr=False)
    prefix: str = ""

    @classmethod
    def parse(cls, text: str) -> Self:
        """`http(s)://[user:password@]host[:port][/prefix]`. Raises ValueError, whose text never holds the
        login."""
        try:
            parts = urlsplit(text)
            host, port = parts.hostname, parts.port
        except ValueError:
            raise ValueError("this is no address of a CouchDB") from None
        if parts.scheme not in ("http", "https") or not host:
            raise ValueError("an address of a CouchDB is http(s)://user:password@host:port")
        if parts.query or parts.fragment:
            raise ValueError("an address of a CouchDB has nothing behind ? or #")
        prefix = parts.path.strip("/")
        if prefix and not _PREFIX.match(prefix):
            raise ValueError(
                "the prefix of databases is a name of a-z, 0-9 and _$()+- that begins with a letter"
            )
        if f"{prefix}/" == _OWN:
            raise ValueError("this prefix is that of registries without one: choose another")
        where = f"[{host}]" if ":" in host else host
        url = f"{parts.scheme}://{where}" + (f":{port}" if port else "")
        return cls(
            url,
            unquote(parts.username or ""),
            unquote(parts.password or ""),
            f"{prefix}/" if prefix else "",
        )

    @property
    def shown(self) -> str:
        return self.url + (f"/{self.prefix[:-1]}" if self.prefix else "")

    # -- names
    @property
    def private(self) -> str:
        """The database of what the server keeps for itself; no name is mapped to it."""
        return (self.prefix or _OWN) + _PRIVATE

    @property
    def notes(self) -> str:
        """The database of notes that several processes change; no name is mapped to it."""
        return (self.prefix or _OWN) + _NOTES

    def physical(self, name: str) -> str:
        """What a database of couchreg is called in CouchDB."""
        quoted = "/".join(["$" + part if part[:1] in ("_", "$") else part for part in name.split("/")])
        return self.prefix + quoted if self.prefix or quoted[:1].isalpha() else _OWN + _MARK + quoted

    def logical(self, physical: str) -> str | None:
        """The reverse; None for a database that is none of couchreg's."""
        rest = physical.removeprefix(self.prefix)
        if (self.prefix and rest == physical) or physical in (self.private, self.notes):
            return None
        if not self.prefix:
            rest = rest.removeprefix(_OWN + _MARK)
        name = "/".join([part[1:] if part[:1] == "$" else part for part in rest.split("/")])
        return name if self.physical(name) == physical else None


def database_path(physical: str) -> str:
    return "/" + quote(physical, safe="")


def document_path(doc_id: str) -> str:
    """Below the database's. Raises NotFound for what can be no document, or is another address of CouchDB's;
    and UnicodeEncodeError for an id that is no UTF-8."""
    front, slash, rest = doc_id.partition("/")
    if front in ("_design", "_local") and slash and rest:
        return f"/{front}/{_segment(rest)}"
    if not doc_id or doc_id.startswith("_"):
        doc_id.encode()
        raise NotFound("missing")
    return "/" + _segment(doc_id)


def _segment(text: str) -> str:
    quoted = quote(text, safe="")
    return quoted.replace(".", "%2E") if text in (".", "..") else quoted
