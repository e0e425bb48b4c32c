"""What a user of this room states about its jobs."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Limits:
    """What one job may use. A child that uses more is killed."""

    seconds: float = 300  # of waiting for the child's messages; what their reader takes does not count
    cpu_seconds: float = 300
    cpu_of_child: float = 3600  # CPU seconds of a child's whole life, where it does many jobs
    memory: int = 2 << 30  # bytes of address space, of the child as a whole
    file_size: int = 4 << 30  # bytes of one file that the child writes
    files: int = 256  # descriptors open at the same time
    message: int = 64 << 20  # bytes of one message, in either direction
    nice: int = 5  # the server goes first; more for what may take minutes
    idle: bool = False  # what nobody waits for: it has what all others leave of the processors


@dataclass(frozen=True, slots=True)
class Kind:
    """Jobs of one kind.

    `module` is a dotted path. In the child its `answer(job: bytes, reply: Reply) -> bytes` is called once
    for each job; `warm()`, where the module has one, is called once in the fork server, and `prepare()` once
    in each child before there is a job.
    """

    name: str  # a plural, for logs and refusals: "package checks"
    module: str
    limits: Limits = field(default_factory=Limits)
    places: int = 1  # children at work at the same time
    waiting: int = 32
    waiting_of_one: int = 8
    spares: int = 0  # children that are forked before anybody asks
    retry_after: int = 10  # seconds


@dataclass(frozen=True, slots=True)
class ChildGrant:
    """The folders and files that a child may use besides the program itself; everything below them."""

    read: Sequence[Path] = ()
    write: Sequence[Path] = ()  # and read; the first is the place of temporary files
