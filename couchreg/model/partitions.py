"""Partitions: documents of a partitioned database that are kept, and can be asked for, together. Pure.

The id of a document there begins with the name of its partition and a colon (`sensor-7:2024-05-01`); design
documents and local documents are in no partition. Source: https://docs.couchdb.org/en/stable/partitioned-dbs/
"""

from collections.abc import Iterable
from typing import Final

from couchreg.errors import IllegalDocid, IllegalPartition
from couchreg.model.document import check_docid

SEPARATOR: Final = ":"
BEYOND: Final = ";"  # the character after it
LARGEST: Final = 10 << 30  # bytes of a partition, unless `[couchdb] max_partition_size` says otherwise
_EXEMPT: Final = ("_design/", "_local/")


def partition_of(doc_id: str) -> str | None:
    """The partition of a document; None for one that is in none."""
    name, colon, _ = doc_id.partition(SEPARATOR)
    return name if colon and not doc_id.startswith("_") else None


def span(name: str) -> tuple[str, str]:
    """The ids of a partition: from the first to before the second."""
    return name + SEPARATOR, name + BEYOND


def check_partition(name: object) -> str:
    """The name of a partition. Raises IllegalPartition."""
    if not isinstance(name, str):
        raise IllegalPartition("Partition must be a string")
    if not name:
        raise IllegalPartition("Partition must not be empty")
    if name.startswith("_"):
        raise IllegalPartition("Partition must not start with an underscore")
    if any("\ud800" <= letter <= "\udfff" for letter in name):
        raise IllegalPartition("Partition must be valid UTF-8")
    if SEPARATOR in name:
        raise IllegalPartition("Partition must not contain a colon")
    return name


def check_id(doc_id: str) -> None:
    """Whether a document of a partitioned database may have this id. Raises as below."""
    if doc_id.startswith(_EXEMPT):
        return
    if SEPARATOR not in doc_id:
        raise _no_partition()
    name, _, rest = doc_id.partition(SEPARATOR)
    check_partition(name)
    check_docid(rest)


def check_readable(ids: Iterable[str]) -> None:
    """Whether there is a partition to look these up in. Raises IllegalDocid."""
    for doc_id in ids:
        if SEPARATOR not in doc_id and not doc_id.startswith("_"):
            raise _no_partition()


def _no_partition() -> IllegalDocid:
    return IllegalDocid("Doc id must be of form partition:id")
