"""The embedded search engine: a Whoosh index in a directory. Blocking; see `SearchIndex`.

The checkpoint is a document of the index itself, so that one Whoosh commit carries both.
"""

import io
import shutil
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

from whoosh.filedb.filestore import FileStorage
from whoosh.filedb.structfile import StructFile
from whoosh.index import FileIndex
from whoosh.query import Query, Term
from whoosh.searching import Searcher

from couchreg.durable import sync
from couchreg.errors import CouchregError
from couchreg.followers import whoosh_text
from couchreg.followers.base import Checkpoint, RebuildNeeded
from couchreg.followers.packages import IndexEntry
from couchreg.followers.search_base import SearchHit, SearchPage

CHECKPOINT_ID = "@checkpoint"  # no package can be called so


class DurableStorage(FileStorage):  # type: ignore[misc]  # Whoosh is typed in parts only
    """Files that are on disk before the table of contents names them: Whoosh renames it last."""

    def open_file(self, name: str, **kwargs: Any) -> StructFile:
        """The table of contents is read at once: Whoosh forgets to close one that it cannot read."""
        if not name.endswith(".toc"):
            return super().open_file(name, **kwargs)
        return StructFile(io.BytesIO((Path(self.folder) / name).read_bytes()), name=name)

    def rename_file(self, oldname: str, newname: str, safe: bool = False) -> None:
        for name in self.list():
            sync(Path(self.folder) / name)
        super().rename_file(oldname, newname, safe=safe)
        sync(Path(self.folder))


class WhooshIndex:
    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._index: FileIndex | None = None
        self._searcher: Searcher | None = None

    def open(self) -> Checkpoint | None:
        with trusting():
            if not self._directory.is_dir():
                self.clear()
            self._index = FileIndex(DurableStorage(str(self._directory)))
            return self._checkpoint(self._index)

    def commit(self, entries: Sequence[IndexEntry], gone: Collection[str], checkpoint: Checkpoint) -> None:
        if self._index is None:
            raise RebuildNeeded("the search index is not open")
        with trusting():
            writer = self._index.writer()
        try:
            with trusting():
                for name in (CHECKPOINT_ID, *gone, *[entry.name for entry in entries]):
                    writer.delete_by_term("id", name)
            shown = (whoosh_text.VERSION, *checkpoint)
            writer.add_document(id=CHECKPOINT_ID, kind="checkpoint", shown=shown)
            for entry in entries:  # what fails here is the package's fault, not the index's
                writer.add_document(**whoosh_text.document(entry))
        except BaseException:
            writer.cancel()
            raise
        with trusting():
            writer.commit()

    def search(self, words: Sequence[str], limit: int, offset: int, types: Sequence[str] = ()) -> SearchPage:
        with trusting():
            searcher = self._current()
            reader = searcher.reader()

            def expand(prefix: str) -> Iterator[str]:
                found = islice(reader.expand_prefix("words", prefix), whoosh_text.MOST_EXPANSIONS)
                return (text.decode() if isinstance(text, bytes) else text for text in found)

            wanted = whoosh_text.build_query(words, expand, types)
            return _page(searcher, wanted, limit, offset, ranked=bool(words))

    def dependents(self, name: str, limit: int, offset: int) -> SearchPage:
        with trusting():
            return _page(self._current(), Term("needs", name), limit, offset, ranked=False)

    def clear(self) -> None:
        shutil.rmtree(self._directory, ignore_errors=True)
        if not self._directory.is_dir():
            self._directory.unlink(missing_ok=True)  # something else has its name
        self._directory.mkdir(mode=0o700, parents=True)
        self._index = FileIndex.create(DurableStorage(str(self._directory)), whoosh_text.schema())

    def close(self) -> None:
        if self._searcher is not None:
            self._searcher.close()
            self._searcher = None
        self._index = None

    def _current(self) -> Searcher:
        """A searcher of the last commit. Only the searching thread comes here."""
        if self._index is None:
            raise RebuildNeeded("the search index is not open")
        if self._searcher is not None and not self._searcher.up_to_date():
            self._searcher.close()
            self._searcher = None
        if self._searcher is None:
            self._searcher = self._index.searcher()
        return self._searcher

    def _checkpoint(self, index: FileIndex) -> Checkpoint | None:
        with index.searcher() as searcher:
            found = searcher.document(id=CHECKPOINT_ID)
            if found is None:
                if searcher.doc_count():
                    raise RebuildNeeded("the search index has no checkpoint")
                return None
            version, incarnation, seq = found["shown"]
        if version != whoosh_text.VERSION:
            raise RebuildNeeded("the search index was made by another version")
        return Checkpoint(incarnation, str(seq))


@contextmanager
def trusting() -> Iterator[None]:
    """Whatever Whoosh trips over in its own files means that they cannot be used any more; trouble
    with the disk is passed on as it is, except for files that have gone."""
    try:
        yield
    except (CouchregError, RebuildNeeded):
        raise
    except OSError as error:
        if isinstance(error, FileNotFoundError):
            raise RebuildNeeded(f"a file of the search index has gone: {error.filename}") from error
        raise
    except Exception as error:
        raise RebuildNeeded(f"the search index is damaged: {type(error).__name__}: {error}") from error


def _page(searcher: Searcher, wanted: Query, limit: int, offset: int, *, ranked: bool) -> SearchPage:
    """The best first, or by name."""
    results = searcher.search(wanted, limit=offset + max(limit, 1), sortedby=None if ranked else "id")
    found = [
        (hit.fields(), hit.score if ranked else 0.0)  # sorted hits have their place for a score
        for hit in islice(results, offset, offset + limit)
    ]
    return SearchPage(len(results), [_hit(stored, score) for stored, score in found])


def _hit(stored: dict[str, Any], score: float) -> SearchHit:
    version, title, description = stored["shown"]
    return SearchHit(stored["id"], version, title, description, score)
