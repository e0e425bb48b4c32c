"""The other search engine: a Whoosh index in a folder. Blocking; see `SearchIndex`.

The checkpoint is a document of the index itself, so that one Whoosh commit carries both.
"""

import io
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any, Final

from whoosh.collectors import TimeLimitCollector
from whoosh.filedb.filestore import FileStorage
from whoosh.filedb.structfile import StructFile
from whoosh.index import FileIndex
from whoosh.matching import Matcher
from whoosh.query import Or, Term
from whoosh.reading import IndexReader
from whoosh.scoring import BM25F
from whoosh.searching import Results, Searcher, TimeLimit
from whoosh.sorting import FieldFacet, MultiFacet

from couchreg.durable import sync
from couchreg.errors import CouchregError
from couchreg.followers.base import Checkpoint, RebuildNeeded
from couchreg.followers.search import whoosh_text
from couchreg.followers.search.base import SECONDS, Hit, HitsPage, NoMeaning, TooSlow
from couchreg.followers.search.folder import make_room
from couchreg.followers.search.items import COLUMNS, PackageSource, items
from couchreg.followers.search.meaning import nearest, vector
from couchreg.followers.search.query import Query
from couchreg.followers.search.remembering import Counts, KnownCounts

FOLDER: Final = "whoosh"
CHECKPOINT_ID: Final = "@checkpoint"  # no package can be called so
MOST_COUNTED: Final = 5_000  # items whose facets are counted
MOST_NEIGHBOURS: Final = 5_000


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
    """The index in the folder `FOLDER` of a directory, in which there is nothing else."""

    def __init__(
        self, directory: Path, *, seconds: float = SECONDS, with_meaning: bool = False, plain: bool = False
    ) -> None:
        """With `plain` the score of an item depends on this item alone."""
        self._weighting = whoosh_text.Plain() if plain else BM25F()
        self._with_meaning = with_meaning
        self._version = whoosh_text.VERSION + whoosh_text.MEANING * with_meaning
        self._above = directory
        self._directory = directory / FOLDER
        self._seconds = seconds
        self._index: FileIndex | None = None
        self._writer: Any = None  # while something is put and not committed
        self._searcher: Searcher | None = None
        self._kinds: dict[str, set[int]] = {}
        self._counts = KnownCounts()

    # -- writing
    def open(self) -> Checkpoint | None:
        with trusting():
            make_room(self._above, keep=FOLDER)
            if not self._directory.is_dir():
                self.clear()
            self._index = FileIndex(DurableStorage(str(self._directory)))
            return self._checkpoint(self._index)

    def put(self, sources: Sequence[PackageSource], gone: Collection[str]) -> None:
        with self._writing() as writer:
            made = [
                item for source in sources for item in items(source, with_meaning=self._with_meaning)
            ]  # here it is the package's fault
            with trusting():
                for name in (*gone, *[source.name for source in sources]):
                    writer.delete_by_term("package", name)
            for item in made:
                writer.add_document(**whoosh_text.document(item))

    def commit(self, sources: Sequence[PackageSource], gone: Collection[str], checkpoint: Checkpoint) -> None:
        self.put(sources, gone)
        with self._writing() as writer, trusting():
            writer.delete_by_term("id", CHECKPOINT_ID)
            shown = (self._version, *checkpoint)
            writer.add_document(id=CHECKPOINT_ID, kind="checkpoint", shown=shown)
            self._writer = None
            writer.commit()

    @contextmanager
    def _writing(self) -> Iterator[Any]:
        """Whoosh's writer since the last commit."""
        if self._index is None:
            raise RebuildNeeded("the search index is not open")
        if self._writer is None:
            with trusting():
                self._writer = self._index.writer()
        try:
            yield self._writer
        except BaseException:
            self._forget()
            raise

    def _forget(self) -> None:
        """What was put and not committed."""
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.cancel()

    def clear(self) -> None:
        self.close()
        make_room(self._above)
        self._directory.mkdir(mode=0o700)
        self._index = FileIndex.create(DurableStorage(str(self._directory)), whoosh_text.schema())

    def close(self) -> None:
        self._forget()
        self._index = None

    # -- reading
    def search(self, query: Query) -> HitsPage:
        if query.like and not self._with_meaning:
            raise NoMeaning
        with trusting():
            searcher = self._current()
            deadline = time.monotonic() + self._seconds
            wanted = whoosh_text.build(query, _Longer(searcher, query, deadline).terms)
            results = self._results(searcher, wanted, query, deadline)
            if query.like:
                return _near(searcher, results, query)
            hits = [_hit(found, score) for found, score in _of_page(results, query)]
            total, facets = self._counts.of(query, lambda: _counted(searcher, results, query))
            return HitsPage(total, hits, facets)

    def known(self, term: str) -> bool:
        with trusting():
            reader = self._current().reader()
            names = ("words", *(f"in_{name}" for name in COLUMNS))
            return any(_is_there(reader, name, term) for name in names)

    def is_word(self, term: str) -> bool:
        with trusting():
            return _is_there(self._current().reader(), "words", term)

    def neighbours(self, term: str) -> Sequence[tuple[str, int]]:
        with trusting():
            reader = self._current().reader()
            found = islice(reader.expand_prefix("words", term[:1]), MOST_NEIGHBOURS)
            texts = (text.decode() if isinstance(text, bytes) else text for text in found)
            near = [text for text in texts if abs(len(text) - len(term)) <= 2]
            return [(text, reader.doc_frequency("words", text)) for text in near]

    def tidy(self) -> bool:
        """It does so with every commit."""
        return False

    def read_ahead(self) -> bool:
        """A search reads what it needs."""
        return False

    def close_reading(self) -> None:
        if self._searcher is not None:
            self._searcher.close()
            self._searcher = None
            self._kinds = {}
            self._counts = KnownCounts()

    def _results(self, searcher: Searcher, wanted: Any, query: Query, deadline: float) -> Results:
        ordered = None if query.has_words and query.sort == "score" else _order(query)
        limit = None if query.sort == "downloads" or query.like else query.offset + max(query.limit, 1)
        among = self._of_kind(searcher, query.kind) if query.has_words else None
        collector = searcher.collector(limit=limit, sortedby=ordered, filter=among)
        try:
            left = max(0.0, deadline - time.monotonic())
            searcher.search_with_collector(wanted, TimeLimitCollector(collector, left, use_alarm=False))
        except TimeLimit:
            raise TooSlow from None
        return collector.results()

    def _of_kind(self, searcher: Searcher, kind: str) -> set[int]:
        """The places of all packages, or resources, among which words are looked for: gathered once for a
        commit, since Whoosh would list them for each question."""
        if kind not in self._kinds:
            self._kinds[kind] = set(searcher.docs_for_query(Term("kind", kind)))
        return self._kinds[kind]

    def _current(self) -> Searcher:
        """A searcher of the last commit. Only the searching thread comes here."""
        if self._searcher is not None and not self._searcher.up_to_date():
            self.close_reading()
        if self._searcher is None:
            self._searcher = FileIndex(DurableStorage(str(self._directory))).searcher(
                weighting=self._weighting
            )
        return self._searcher

    def _checkpoint(self, index: FileIndex) -> Checkpoint | None:
        with index.searcher() as searcher:
            found = searcher.document(id=CHECKPOINT_ID)
            if found is None:
                if searcher.doc_count():
                    raise RebuildNeeded("the search index has no checkpoint")
                return None
            version, incarnation, seq = found["shown"]
        if version != self._version:
            raise RebuildNeeded("the search index was made by another version")
        return Checkpoint(incarnation, str(seq))


class _Longer:
    """The terms that a beginning of a word stands for, among the packages of a query: those of others are
    passed over, so that nobody can tell from what is found that there are any."""

    def __init__(self, searcher: Searcher, query: Query, deadline: float) -> None:
        self._searcher = searcher
        self._query = query
        self._deadline = deadline

    def terms(self, field: str, prefix: str) -> Iterator[str]:
        """The first MOST_EXPANSIONS of them. Raises TooSlow."""
        reader = self._searcher.reader()
        found = (
            text
            for text in reader.expand_prefix(field, prefix)
            if self._is_seen(reader.postings(field, text))
        )
        for text in islice(found, whoosh_text.MOST_EXPANSIONS):
            yield text.decode() if isinstance(text, bytes) else text

    def _is_seen(self, places: Matcher) -> bool:
        """Whether an item that has a term may be found. Whoosh leaves out those that have gone."""
        while True:
            if time.monotonic() > self._deadline:
                raise TooSlow
            if not places.is_active():
                return False
            place = places.id()
            if self._query.packages is None:
                if place not in self._barred:
                    return True
                places.next()
                continue
            at = bisect_left(self._among, place)
            if at == len(self._among):
                return False
            if self._among[at] == place:
                return True
            places.skip_to(self._among[at])

    @cached_property
    def _among(self) -> list[int]:
        return sorted(self._places(self._query.packages or frozenset()) - self._barred)

    @cached_property
    def _barred(self) -> set[int]:
        return self._places(self._query.without)

    def _places(self, packages: Collection[str]) -> set[int]:
        named = Or([Term("package", name) for name in packages])
        return set(self._searcher.docs_for_query(named)) if packages else set()


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


def _is_there(reader: IndexReader, field: str, term: str) -> bool:
    """Whether an item has a term. The list of terms keeps those of items that have gone until parts of the
    index are put together."""
    return (field, term) in reader and bool(reader.postings(field, term).is_active())


def _order(query: Query) -> Any:
    return MultiFacet([FieldFacet("date", reverse=True), "id"]) if query.sort == "date" else "id"


def _of_page(results: Results, query: Query) -> list[tuple[dict[str, Any], float]]:
    """The stored fields and scores of the hits asked for; sorted hits have their place for a score."""
    ranked = query.has_words and query.sort == "score"
    if query.sort == "downloads":
        counts = dict(query.downloads)
        rows = sorted((hit.fields() for hit in results), key=lambda row: -counts.get(row["shown"][0], 0))
        return [(row, 0.0) for row in rows[query.offset : query.offset + query.limit]]
    page = islice(results, query.offset, query.offset + query.limit)
    return [(hit.fields(), hit.score if ranked else 0.0) for hit in page]


def _hit(stored: dict[str, Any], score: float) -> Hit:
    package, version, resource, shown = stored["shown"]
    return Hit(package, version, resource, score, shown)


def _near(searcher: Searcher, results: Results, query: Query) -> HitsPage:
    """Those whose meaning is near, the nearest first; equals by their place in the index."""
    reader = searcher.reader()
    places = sorted(results.docs())
    means = reader.column_reader("means") if reader.has_column("means") else None
    given = ((place, bytes(means[place])) for place in places) if means is not None else ()
    near = nearest(vector(query.like), (one for one in given if any(one[1])))
    page = near[query.offset : query.offset + query.limit]
    hits = [_hit(searcher.stored_fields(place), score) for place, score in page]
    return HitsPage(len(near), hits, _facets(searcher, [place for place, _ in near], query))


def _counted(searcher: Searcher, results: Results, query: Query) -> tuple[int, Counts]:
    """Whoosh goes through everything once more where all places are asked for."""
    if not query.facets:
        return len(results), {}
    places = results.docs()
    return len(places), _facets(searcher, places, query)


def _facets(searcher: Searcher, places: Iterable[int], query: Query) -> Counts:
    """The values of facets among the first MOST_COUNTED items."""
    counts: dict[str, Counter[str]] = {name: Counter() for name in query.facets}
    for place in islice(places, MOST_COUNTED) if counts else ():
        stored = searcher.stored_fields(place)["facets"]
        for name, counter in counts.items():
            counter.update(stored[name])
    return {
        name: sorted(found.items(), key=lambda pair: (-pair[1], pair[0]))[: query.values]
        for name, found in counts.items()
    }
