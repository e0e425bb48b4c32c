"""Which of the files that came along make the package: by the descriptor, and what its schemas refer to."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable

from couchreg.package.contents import choose_files
from couchreg.package.referring import LARGEST, Referred
from couchreg.registry.publishing.intake import Intake, Received

Take = Callable[[str, str], Awaitable[None]]


async def choose(intake: Intake, there: Iterable[str], take: Take) -> None:
    """Have the intake, which has the descriptor's members, `take` the files of the package out of those that
    are `there`, each by its path and what it is called in the package; the others are its `left_out`.

    Raises what `take` does.
    """
    chosen = choose_files(intake.members, there)
    for path in chosen.taken:
        await take(path, chosen.called.get(path, path))
    left = dict.fromkeys(chosen.left_out)
    referred = Referred(intake.members, intake.files.keys() | left.keys())
    while (found := referred.wanted()) is not None:
        if found in left:
            await take(found, found)
            del left[found]
        await asyncio.to_thread(_look, referred, found, intake.files[found])
    intake.left_out = list(left)


def _look(referred: Referred, path: str, received: Received) -> None:
    """Into what is here; what lies in a bucket since long is not asked for."""
    if received.local and received.spooled.length <= LARGEST:
        referred.read(path, received.spooled.content())


async def choose_received(intake: Intake) -> None:
    """The same of files that the intake has already. Those that are left out stay in it: their owner's to
    remove."""

    async def take(path: str, called: str) -> None:
        if path != called:
            intake.files[called] = intake.files.pop(path)

    await choose(intake, list(intake.files), take)
