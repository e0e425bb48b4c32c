"""Files of resources before anybody reads them: are they what their names say, and whole? Only in the child
process.

Packed documents that nobody reads here are opened, at least.

Source: OpenDocument 1.3, part 2.
"""

import zipfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path, PurePosixPath

from couchreg.package.formats import split_format
from couchreg.package.paths import is_url
from couchreg.package.references import Reference
from couchreg.package.report import problem, shown
from couchreg.registry.checking.foreign import BEGINNING, OTHERS, TABLES, fault_of, pointer_fault
from couchreg.registry.checking.opening import BROKEN
from couchreg.registry.checking.preparing import Prepared

_OPEN_DOCUMENT = ("ods", "odt", "odp")
_CONTENT = "content.xml"
_LARGEST = 256 << 20  # bytes of a document that are unpacked to see whether it is whole


def check_files(prepared: Prepared, referring: Iterable[Reference]) -> None:
    """Report resources whose files are something else or damaged, and take them out of `prepared.tables`.
    Pages in place of what is no table, and pointers in place of what is only referred to, are named."""
    for name, paths in prepared.paths.items():
        if not is_url(paths[0]):
            _check(prepared, name, paths)
    for reference in referring:
        with suppress(OSError):
            if pointer := pointer_fault(_begin(Path(prepared.folder, reference.path))):
                prepared.leave(reference.resource, reference.member, f"{shown(reference.path)} {pointer}")


def _check(prepared: Prepared, name: str, paths: list[str]) -> None:
    stated = str(prepared.tables.get(name, {}).get("format") or "")
    for path in paths:
        form, _ = split_format(path)
        suffix = PurePosixPath(path).suffix[1:].lower()
        file = Path(prepared.folder, path)
        try:
            begin = _begin(file)
        except OSError:
            return  # whoever reads the whole of it says that
        fault = fault_of(begin, suffix, stated)
        if fault and suffix in OTHERS and not pointer_fault(begin):
            prepared.leave(name, "path", f"{shown(path)} {fault}")
            continue
        fault = fault or _damage(file, suffix, is_table=form in TABLES or stated in TABLES)
        if fault:
            prepared.report.add(problem("source-error", f"{path} {fault}.", resource=name, file=path))
            prepared.tables.pop(name, None)


def _begin(file: Path) -> bytes:
    with file.open("rb") as opened:
        return opened.read(BEGINNING)


def _damage(file: Path, suffix: str, *, is_table: bool) -> str | None:
    """Why a packed document that nobody reads cannot be opened."""
    if suffix not in _OPEN_DOCUMENT and (suffix != "zip" or is_table):
        return None
    if suffix == "zip":  # its end is looked at, and not the list of all that is in it
        return (
            None
            if zipfile.is_zipfile(file)
            else "is no zip file that can be opened: is it whole? Save it again"
        )
    try:
        with zipfile.ZipFile(file) as archive:
            if _CONTENT not in archive.namelist():
                return f"is no OpenDocument file, for it has no {_CONTENT}: save it again"
            with archive.open(_CONTENT) as content:
                left = _LARGEST
                while left > 0 and (data := content.read(1 << 20)):
                    left -= len(data)
    except (*BROKEN, RuntimeError, NotImplementedError, ValueError) as error:
        return f"cannot be opened ({error}): is the file whole? Save it again"
    return None
