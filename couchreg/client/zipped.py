"""A zip file with a data package, unpacked to be published or checked like a folder.

What is taken from it, and what is refused, is as `couchreg.registry.publishing.archive` has it.
"""

import shutil
import tempfile
import zipfile
from pathlib import Path

from couchreg.client.errors import Invalid, UsageError
from couchreg.errors import BadRequest, TooLarge

_STEP = 1 << 20


def is_zip(path: Path) -> bool:
    """Whether a path is a zip file, whatever its name."""
    return path.is_file() and zipfile.is_zipfile(path)


def unpacked(archive: Path) -> Path:
    """A new folder with the files of an archive, for its owner to remove. Raises Invalid, UsageError."""
    target = Path(tempfile.mkdtemp(prefix="couchreg-"))
    try:
        _unpack(archive, target)
    except (BadRequest, TooLarge) as error:
        shutil.rmtree(target)
        raise Invalid(f"{archive}: {error.reason}") from None
    except OSError as error:
        shutil.rmtree(target)
        raise UsageError(f"{archive} cannot be unpacked: {error.strerror}.") from None
    except BaseException:
        shutil.rmtree(target)
        raise
    return target


def _unpack(archive: Path, target: Path) -> None:
    from couchreg.registry.publishing.archive import broken_is_bad, entries, opened
    from couchreg.registry.publishing.intake import Expansion, PublishLimits

    limits = PublishLimits()
    expansion = Expansion(limits, archive.stat().st_size)
    with opened(archive, limits) as found:
        for path, entry in entries(found, limits):
            file = target / path
            file.parent.mkdir(parents=True, exist_ok=True)
            with broken_is_bad(entry.filename), found.open(entry) as source, file.open("xb") as copy:
                while chunk := source.read(_STEP):
                    expansion.grow(len(chunk))
                    copy.write(chunk)
