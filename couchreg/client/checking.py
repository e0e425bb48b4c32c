"""The checks of a registry, on this machine: is a folder fit to be published?

They are the registry's own (`couchreg.registry`), run in a process that reaches no network.
"""

import asyncio
import os
import tempfile
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from couchreg.blobstore.digests import digests_of_file
from couchreg.client.errors import Invalid, UsageError
from couchreg.client.folder import Folder
from couchreg.client.following import Told, unheard
from couchreg.errors import BadRequest, InvalidPackage, StorageFailure
from couchreg.model import json
from couchreg.package.descriptor import Descriptor, examine
from couchreg.package.names import check_package_name, check_version
from couchreg.registry.checking.checker import WORKER, Checker, CheckLimits
from couchreg.registry.checking.progress import Progress
from couchreg.registry.publishing import integrity
from couchreg.sandbox.forks import ForkServer

_LIMITS = CheckLimits(cpu_seconds=3600, memory=8 << 30, workers=1)  # of this person's machine
_OFTEN = 0.3  # seconds between two accounts of how far it is
_UNVERSIONED = "0.0.0"


async def check(folder: Path, version: str | None = None, told: Told = unheard) -> dict[str, Any]:
    """The report of a valid package; `told` is given how far the check is, a few times a second.

    Raises Invalid with the report of one that is not, UsageError, and ModuleNotFoundError where only the
    client is installed.
    """
    if find_spec("frictionless") is None:  # only the checking process would see it
        raise ModuleNotFoundError("the checks need frictionless", name="frictionless")
    package = Folder.read(folder, version, unversioned=_UNVERSIONED)
    descriptor = await asyncio.to_thread(_examined, package)
    root = package.files[0].source.parent
    inside = root.resolve()
    real = {file.path: file.source.resolve() for file in package.files}
    elsewhere = [path for path in real.values() if not path.is_relative_to(inside)]
    forks = ForkServer((WORKER,))
    checker = Checker(forks, _LIMITS)
    with tempfile.TemporaryDirectory(prefix="couchreg-") as scratch:
        if any(not os.path.lexists(root / path) for path in real):
            root, elsewhere = _as_called(Path(scratch, "package"), real), [*real.values()]
        document = Path(scratch, "descriptor.json")
        document.write_bytes(json.encode(descriptor.members))
        progress = Progress()
        telling = asyncio.create_task(_tell(progress, told))
        try:
            report = await checker.check(
                root,
                Path(scratch),
                document,
                elsewhere=elsewhere,
                progress=progress,
                size=package.length,
            )
        except StorageFailure:
            raise UsageError(f"There is no room left in {tempfile.gettempdir()} for the check.") from None
        finally:
            telling.cancel()
            await checker.close()
            await forks.close()
    if not report["valid"]:
        raise Invalid("The package has errors.", report)
    return {"name": package.name, "version": package.version, **report}


def _as_called(folder: Path, files: Mapping[str, Path]) -> Path:
    """A folder with links to files, by the names that the descriptor gives them."""
    for path, source in files.items():
        link = folder / path
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(source)
    return folder


async def _tell(progress: Progress, told: Told) -> None:
    while True:
        told({"state": "checking", "progress": progress.shown()})
        await asyncio.sleep(_OFTEN)


def _examined(package: Folder) -> Descriptor:
    try:
        check_package_name(package.name)
        check_version(package.version)
        descriptor = examine(package.members, package.name, package.version)
        files = {file.path: digests_of_file(file.source).spooled(file.source) for file in package.files}
        known = integrity.digests(integrity.wanted(descriptor, files), lambda: False)
    except InvalidPackage as error:
        raise Invalid(error.reason, error.report) from None
    except BadRequest as error:
        raise Invalid(error.reason) from None
    found = integrity.check_files(descriptor, files, known)
    if not found.valid:
        raise Invalid("The package's files are not those it describes.", found.to_json())
    return descriptor
