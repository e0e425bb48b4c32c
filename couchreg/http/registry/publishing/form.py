"""A publish sent as `multipart/form-data`, the way `curl -F` and web pages send files.

A part belongs to the path that its field is called by (`-F data/gdp.csv=@gdp.csv`), or, in a field called
`file` or `files`, to the path that is its file name (`-F files=@gdp.csv;filename=data/gdp.csv`). The
descriptor is the part `datapackage.json`. A form of one part without it is a zipped package.

Source: https://www.rfc-editor.org/rfc/rfc7578.
"""

from collections.abc import AsyncIterable

from couchreg.errors import BadRequest
from couchreg.package.paths import DESCRIPTOR
from couchreg.registry.publishing.choosing import choose_received
from couchreg.registry.publishing.intake import Intake
from couchreg.registry.publishing.zipped import is_zip, unpack
from couchreg.wire.headers import filename_of, parameters
from couchreg.wire.parts import Part, Parts

_COLLECTIVE = frozenset(("file", "files", "file[]", "files[]"))


async def read_form(intake: Intake, boundary: str, chunks: AsyncIterable[bytes]) -> None:
    """Fill `intake`. Raises BadRequest for parts that are no files of a package, TooLarge."""
    async for part in Parts(chunks, boundary):
        path = _path_of(part)
        if path is not None:
            await intake.receive(path, part.headers.get("content-type"), part)
    if DESCRIPTOR in intake.files:
        await _leave_out(intake)
        return
    only = next(iter(intake.files), None)
    if only is None or len(intake.files) > 1 or not is_zip(intake.files[only].spooled.on_disk()):
        raise BadRequest(
            f"The form has no part {DESCRIPTOR!r}: send one (curl: -F {DESCRIPTOR}=@{DESCRIPTOR}) and a part "
            "for each file, called by its path, or a zipped package alone."
        )
    archive = intake.take_back(only)
    try:
        await unpack(intake, archive)
    finally:
        intake.spool.remove(archive)


async def _leave_out(intake: Intake) -> None:
    """What is none of the package's goes, as of a folder or an archive, so that all give the same version.
    Raises BadRequest, TooLarge."""
    intake.read_sent_descriptor()
    await choose_received(intake)
    for path in intake.left_out:
        intake.spool.remove(intake.take_back(path))
    intake.members = {}  # to be settled as of any other form


def _path_of(part: Part) -> str | None:
    """The path a part is sent for; None for a file input of a web page that nobody has used."""
    form, found = parameters(part.headers.get("content-disposition", ""))
    if form != "form-data" or "name" not in found:
        raise BadRequest("Every part of a form needs “Content-Disposition: form-data; name=…”.")
    filename = filename_of(part.headers)
    if filename == "":
        return None
    return filename if filename is not None and found["name"] in _COLLECTIVE else found["name"]
