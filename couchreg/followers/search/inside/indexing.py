"""Jobs of a child that writes an index: `handed.Work`, answered with nothing, or with what went wrong."""

import errno
import gc
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from couchreg.followers.base import Checkpoint, RebuildNeeded
from couchreg.followers.search.base import SearchIndex
from couchreg.followers.search.handed import MORE, IndexWork, fault_of, work_of
from couchreg.sandbox.inside.channel import Reply

Answer = Callable[[bytes, Reply], bytes]


_ALLOCATIONS = 100_000  # of lists and the like between two looks of the garbage collector


def prepare() -> None:
    """What is remembered of tens of thousands of words stays, and hardly ever a cycle is made: looking for
    some takes a tenth of the time."""
    gc.set_threshold(_ALLOCATIONS, 10, 50)


class Engine(Protocol):
    def __call__(self, directory: Path, *, with_meaning: bool) -> SearchIndex: ...


def indexer(engine: Engine) -> Answer:
    """The function that does these jobs with an engine; the index stays open between them."""
    opened: dict[str, SearchIndex] = {}

    def answer(job: bytes, reply: Reply) -> bytes:
        work = work_of(job)
        try:
            if work.directory not in opened:
                opened[work.directory] = _opened(
                    engine(Path(work.directory), with_meaning=work.with_meaning), work
                )
            index = opened[work.directory]
            if work.tidies:
                return MORE if index.tidy() else b""
            _do(index, work)
        except Exception as error:
            if isinstance(error, MemoryError) or getattr(error, "errno", None) == errno.ENOMEM:
                raise
            return fault_of(error)
        return b""

    return answer


def _opened(index: SearchIndex, work: IndexWork) -> SearchIndex:
    """Raises RebuildNeeded for one that is not what the server believes it to be: somebody removed it."""
    found = index.open()
    if work.at is not None and (found is None or found.incarnation != work.at[0]):
        index.close()
        raise RebuildNeeded("the search index has gone")
    return index


def _do(index: SearchIndex, work: IndexWork) -> None:
    if work.checkpoint is None:
        index.put(work.sources, work.gone)
    else:
        index.commit(work.sources, work.gone, Checkpoint(*work.checkpoint))
