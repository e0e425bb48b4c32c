"""The format of a data directory: which one it is, and how an older one becomes today's.

A file `format` says it. A directory without one is of the first, which had none. What a step does may be cut
off and is then done again at the next start: so a step may be repeated, and the file is written after it.
"""

import json
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from couchreg import __version__, durable
from couchreg.config import CannotStart

log = logging.getLogger(__name__)

NAME: Final = "format"
FORMAT: Final = (
    1  # a change that an older couchreg cannot read, or that has to be made to what is there, raises it
)
OLDEST: Final = 1

Step = Callable[[Path], None]
STEPS: Mapping[int, Step] = {}  # from a format to the next one; blocking, given the data directory


def bring_up(data: Path, steps: Mapping[int, Step] = STEPS, *, wanted: int = FORMAT) -> None:
    """Make the directory one of today's format. Blocking. Raises CannotStart for one of a couchreg to come,
    and where a step fails: then everything is as the step left it, and the next start repeats it."""
    found = read(data)
    if found is None:
        used = any((data / name).exists() for name in ("server.sqlite", "datastore"))
        found = OLDEST if used else wanted
        _write(data, found)
    refuse_later(data, wanted=wanted)
    while found < wanted:
        log.warning("%s is brought from format %d to %d", data, found, found + 1)
        try:
            steps[found](data)
        except OSError as error:
            raise CannotStart(
                f"{data} could not be brought to format {found + 1} ({error.filename}: {error.strerror}): "
                "see to that and start again, or restore a backup."
            ) from error
        found += 1
        _write(data, found)


def refuse_later(data: Path, *, wanted: int = FORMAT) -> None:
    """Raises CannotStart for a directory of a couchreg to come: nobody here knows what is in it."""
    found = read(data) or OLDEST
    if found > wanted:
        raise CannotStart(
            f"{data} has the format {found} of a later couchreg, and this one, {__version__}, reads up to "
            f"{wanted}: install a later one, or restore a backup from before."
        )


def read(data: Path) -> int | None:
    """The format that the directory says it has; None where it says nothing. Raises CannotStart."""
    path = data / NAME
    try:
        told = json.loads(path.read_bytes())
        found = told["format"]
        if isinstance(found, bool) or not isinstance(found, int) or found < OLDEST:
            raise ValueError
    except FileNotFoundError:
        return None
    except OSError as error:
        raise CannotStart(f"{path} cannot be read: {error.strerror}.") from error
    except (ValueError, KeyError, TypeError):
        raise CannotStart(
            f"{path} is damaged. Put it back from a backup, or, if this directory was last used by this very "
            f"couchreg, remove it."
        ) from None
    return found


def _write(data: Path, found: int) -> None:
    new = data / f"{NAME}.new"
    new.unlink(missing_ok=True)
    durable.write_new(new, json.dumps({"format": found, "couchreg": __version__}).encode() + b"\n")
    new.rename(data / NAME)
    durable.sync(data)
