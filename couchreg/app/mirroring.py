"""The mirror that the settings ask for: what it follows, put together, and what is told of it."""

from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any

from couchreg.auth.policy import REGISTRY
from couchreg.config import CannotStart, Settings
from couchreg.registry.replicated.copies import MirrorCopies
from couchreg.replication.endpoints import Wrong, parse_endpoint
from couchreg.replication.local import Here
from couchreg.replication.mirror import Mirror
from couchreg.replication.mirror_target import Wish
from couchreg.replication.replicator import Replicator


def mirror_of(settings: Settings) -> str | None:
    """The address that is mirrored, without a login. Raises CannotStart."""
    if settings.mirror is None:
        return None
    try:
        return parse_endpoint(settings.mirror).shown.rstrip("/")
    except Wrong as error:
        raise CannotStart(f"--mirror: {error.reason}.") from None


def begin(
    stack: AsyncExitStack, settings: Settings, here: Here, replicator: Replicator, copies: MirrorCopies
) -> Mirror | None:
    """Started, and to be stopped by the stack."""
    if settings.mirror is None:
        return None
    packages = tuple(filter(None, map(str.strip, settings.mirror_packages.split(","))))
    mirror = Mirror(Wish(settings.mirror, packages, REGISTRY), here, copies, replicator.source_of)
    stack.push_async_callback(mirror.stop)
    mirror.start()
    return mirror


def replicas(mirror: Mirror | None, detailed: bool) -> Sequence[Mapping[str, Any]]:
    """What is mirrored here: one registry, or none."""
    return [] if mirror is None else [mirror.status(detailed=detailed)]
