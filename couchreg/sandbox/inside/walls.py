"""The walls around a child, as many as this machine has, and which of them stand."""

import sys
import sysconfig
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

from couchreg.sandbox.inside import audit, landlock, privileges, seccomp

_PACKAGE = Path(__file__).parents[2]  # of the project; what lies beside it is nobody's business
_SYSTEM = (
    "/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/usr/share/zoneinfo", "/etc/ld.so.cache",
    "/etc/localtime", "/dev/null", "/dev/urandom", "/dev/zero", "/proc/self", "/sys/devices/system/cpu",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Walls:
    """What holds a child: `kernel` or `python`, which C code passes by."""

    files: str
    network: str
    processes: str

    @property
    def text(self) -> str:
        return ", ".join(f"{what} by {holder}" for what, holder in asdict(self).items())


def enclose(read: Sequence[str], write: Sequence[str]) -> Walls:
    """Raise every wall there is around this process, for good. It may then use the program's own files,
    `read` and `write`. Raises OSError for a wall that the machine has and that could not be raised."""
    readable = [*program_files(), *read]
    privileges.drop_all()
    by_landlock = landlock.enclose(readable, write)
    audit.enclose(readable, write, reads_too=not by_landlock)
    by_seccomp = seccomp.enclose()
    return _walls(by_landlock > 0, by_seccomp)


def expected() -> Walls:
    """Which walls will stand, before any does. Call it before forks: it looks up what walls need."""
    program_files()
    return _walls(landlock.version() > 0, seccomp.available())


def _walls(by_landlock: bool, by_seccomp: bool) -> Walls:
    of_calls = "kernel" if by_seccomp else "python"
    return Walls("kernel" if by_landlock else "python", of_calls, of_calls)


@cache
def program_files() -> tuple[str, ...]:
    """Where Python, its libraries and this project lie."""
    paths = sysconfig.get_paths()
    python = [paths[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    packages = [path for path in sys.path if Path(path).name in ("site-packages", "dist-packages")]
    return tuple(dict.fromkeys([*python, *packages, str(_PACKAGE), *_SYSTEM]))
